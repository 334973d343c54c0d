"""The ``[process]`` table of a study: models of the units' processes."""

from __future__ import annotations

from dataclasses import dataclass

from ann2neo.study.config.setting_checks import check_int, check_list, check_word

ORDERS = ("permutation", "data set")
MODELS = ("bernoulli", "class", "markov", "drift", "renewal")


@dataclass(frozen=True)
class ProcessSettings:
    """Models fitted to the units of every trained network, and populations drawn of them.

    The study must keep its weights (``keep_weights = true``): they are what is recorded again.

    Parameters
    ----------
    models : tuple of str
        Of `ann2neo.fit_process`, without options, ``"bernoulli"`` first: gains are counted from it.
    orders : tuple of {"permutation", "data set"}
        Orders in which samples are shown.
    n_samples : int
        Samples of each split: the first in the order, so that splits are compared at one length, less
        what fills no window.
    n_simulations : int
        Populations of each kind. The range of 39 holds one more of the same law in 95 of 100 cases.
    """

    models: tuple[str, ...] = MODELS
    orders: tuple[str, ...] = ORDERS
    n_samples: int = 10_000
    n_simulations: int = 39

    def __post_init__(self) -> None:
        check_list(self.models, "models", lambda value, key: check_word(value, key, MODELS))
        if self.models[:2] != ("bernoulli", "class"):
            raise ValueError(f"models must begin with 'bernoulli' and 'class', got {self.models}")
        check_list(self.orders, "orders", lambda value, key: check_word(value, key, ORDERS))
        check_int(self.n_samples, "n_samples", least=100)
        check_int(self.n_simulations, "n_simulations", least=2)
