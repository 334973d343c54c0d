"""What is done with batches before they are shown: masks join them, trials show them again."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.recording.samples.batches import Batch, Batches
from ann2neo.recording.samples.inputs import as_array, count_samples
from ann2neo.spikes.argument_checks import check_count

Augment = Callable[[Any, np.random.Generator], Any]


@dataclasses.dataclass(frozen=True)
class Trials:
    """How often each sample is shown, and what differs between the times."""

    n: int
    stochastic: bool
    augment: Augment | None
    rng: np.random.Generator | None

    @property
    def asked(self) -> bool:
        """Whether anything but one plain showing was asked for."""
        return self.n > 1 or self.stochastic or self.augment is not None

    @contextmanager
    def seed(self, adapter: Any) -> Iterator[None]:
        """While inside, the framework's own generator is one drawn from `rng`."""
        seed = getattr(adapter, "seed_noise", None)
        if not self.stochastic or seed is None:
            yield
            return
        with seed(self.rng):
            yield

    @contextmanager
    def noise(self, adapter: Any, network: Any, observation: Any) -> Iterator[None]:
        """While inside, dropout and noise layers are on, if that was asked for."""
        if not self.stochastic:
            yield
            return
        switch = getattr(adapter, "switch_on_noise", None)
        if switch is None:
            raise ValueError("stochastic=True needs a network with dropout or noise layers")
        with switch(network, observation, self.rng) as n_layers:
            if n_layers == 0:
                raise ValueError(
                    "stochastic=True needs a network with dropout or noise layers, and found none; for "
                    "other differences between trials give augment"
                )
            yield


def check_trials(trials: Any, stochastic: Any, augment: Any, rng: np.random.Generator | None) -> Trials:
    """The arguments of `record` that have to do with trials."""
    n = check_count(trials, "trials")
    if not isinstance(stochastic, bool):
        raise TypeError(f"stochastic must be True or False, got {stochastic!r:.60}")
    if augment is not None and not callable(augment):
        raise TypeError(f"augment must be a callable (inputs, rng) or None, got {augment!r:.60}")
    found = Trials(n, stochastic, augment, rng)
    if n > 1 and not stochastic and augment is None:
        raise ValueError(
            f"trials={n} shows the same samples to the same network: give stochastic=True, for its "
            "dropout and noise layers, or augment"
        )
    if found.asked and rng is None:
        raise ValueError("rng must be given with trials, stochastic or augment, which draw from it")
    return found


def show_trials(source: Batches, trials: Trials) -> Iterator[Batch]:
    """The batches, trial after trial."""
    if not trials.asked:
        return iter(source)
    if trials.n > 1 and not source.is_repeatable:
        raise ValueError(
            f"trials={trials.n} reads the samples as many times, and what was given can be read once: "
            "pass arrays, or a list or data set of batches"
        )
    return _chain_trials(source, trials)


def _chain_trials(source: Batches, trials: Trials) -> Iterator[Batch]:
    def prepare(batch: Batch, trial: int) -> Batch:
        inputs = batch.inputs
        if trials.augment is not None and trials.rng is not None:
            inputs = trials.augment(inputs, trials.rng)
            if count_samples(inputs) != batch.n_samples:
                raise ValueError(
                    f"augment must return as many samples as it was given ({batch.n_samples}), got "
                    f"{count_samples(inputs)}"
                )
        return dataclasses.replace(batch, inputs=inputs, trial=trial)

    for trial in range(trials.n):
        yield from map(prepare, source, _repeat(trial))


def _repeat(trial: int) -> Iterator[int]:
    while True:
        yield trial


def check_mask(mask: Any, conv_units: str) -> Any:
    """The argument `mask` of `record`: an array of bool, or a name."""
    if mask is None or isinstance(mask, str):
        found: Any = mask
    else:
        found = _check_bool(as_array(mask), "mask")
    if mask is not None and conv_units != "channels":
        raise ValueError(
            "mask leaves out positions, which are samples of their own under conv_units='channels' "
            f"alone; got conv_units={conv_units!r}"
        )
    return found


def join_masks(
    batches: Iterator[Batch], mask: Any, takes: Callable[[str], bool] | None
) -> Iterator[Batch]:
    """Each batch with its part of the mask."""
    if mask is None:
        return batches
    if isinstance(mask, str):
        return map(lambda batch: _take_key(batch, mask, takes), batches)
    return _cut_mask(batches, mask)


def find_takes(adapter: Any, network: Any) -> Callable[[str], bool] | None:
    """Whether the network takes an input of a name; None for activations, which are no network."""
    own = getattr(adapter, "takes_input", None)
    if own is not None:
        return lambda name: bool(own(network, name))
    if not callable(getattr(network, "forward", None)):
        return None
    try:
        parameters = inspect.signature(network.forward).parameters.values()
    except (TypeError, ValueError):  # compiled, and refused later
        return None
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return lambda name: True
    names = {parameter.name for parameter in parameters}
    return names.__contains__


def _take_key(batch: Batch, key: str, takes: Callable[[str], bool] | None) -> Batch:
    inputs = batch.inputs
    if not isinstance(inputs, Mapping) or key not in inputs:
        given = list(inputs) if isinstance(inputs, Mapping) else type(inputs).__name__
        raise ValueError(f"mask={key!r} must be an entry of the samples, got {given}")
    mask = _check_bool(as_array(inputs[key]), f"mask={key!r}")
    if takes is not None and not takes(key):
        inputs = {name: value for name, value in inputs.items() if name != key}
    return dataclasses.replace(batch, inputs=inputs, mask=mask)


def _cut_mask(batches: Iterator[Batch], mask: npt.NDArray[np.bool_]) -> Iterator[Batch]:
    shown, trial = 0, None

    def cut(batch: Batch) -> Batch:
        nonlocal shown, trial
        if batch.trial != trial:
            shown, trial = 0, batch.trial
        rows = np.arange(shown, shown + batch.n_samples) if batch.indices is None else batch.indices
        shown += batch.n_samples
        if rows.max() >= len(mask):
            raise ValueError(f"mask must have a row per sample, got {len(mask)} for sample {rows.max()}")
        return dataclasses.replace(batch, mask=mask[rows])

    return map(cut, batches)


def _check_bool(mask: npt.NDArray[Any], name: str) -> npt.NDArray[np.bool_]:
    if mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise ValueError(f"{name} must be boolean or hold 0 and 1, True where a position counts")
    if mask.ndim < 2:
        raise ValueError(
            f"{name} must have an entry per sample and position, "
            f"shape (n_samples, ...), got {mask.shape}"
        )
    return mask.astype(bool)
