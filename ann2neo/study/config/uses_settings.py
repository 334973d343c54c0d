"""The ``[uses]`` table of a study: networks that learn wrong labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ann2neo.study.config.setting_checks import (
    check_flag,
    check_fraction,
    check_int,
    check_list,
    check_word,
)

REMEDIES = (
    "none",
    "dropout",
    "weight decay",
    "narrow",
    "layer rate",
    "unit rate",
    "pattern entropy",
)
"""What is done against learning wrong labels by heart; see `ann2neo.study.cells.uses.remedies`."""


USES_OF_LABELS = ("learned", "epochs", "clean_epochs", "early_epoch", "n_neighbors")
"""Settings that matter for networks without a remedy alone."""


class Variant(NamedTuple):
    """What is special about a network: the share of wrong labels, a remedy or ``""``, spare units."""

    noise: float
    remedy: str = ""
    is_spare: bool = False


@dataclass(frozen=True)
class UsesSettings:
    """Networks that learn partly wrong labels by heart, and what is then done with their spikes.

    Parameters
    ----------
    noise : tuple of float
        Shares of the training labels, in [0, 1), that are replaced by wrong ones: a network each.
        With 0 the network is pruned, too.
    learned : float
        In (0, 1): share of the wrong labels the network knows by heart at which training stops.
    epochs : int
        Passes over the training data, at most; as many as `clean_epochs` where no label is wrong.
    clean_epochs : int
    early_epoch : int
        The pass behind which the loss of each sample is kept: "early" loss.
    n_neighbors : int
        Patterns that vote; see `ann2neo.nearest_patterns`.
    n_probe : int
        Training samples whose patterns are looked at after each pass.
    remedies : tuple of str
        What is tried against learning wrong labels: a network each, all for `remedy_epochs` passes.
    remedy_noise : float
    remedy_epochs : int
    spare_units : bool
        Train one network more, on true labels, by Adam at a rate of .01, which silences units.
    """

    noise: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6)
    learned: float = 0.9
    epochs: int = 150
    clean_epochs: int = 20
    early_epoch: int = 5
    n_neighbors: int = 50
    n_probe: int = 2000
    remedies: tuple[str, ...] = ()
    remedy_noise: float = 0.4
    remedy_epochs: int = 40
    spare_units: bool = False

    def __post_init__(self) -> None:
        check_list(self.noise, "noise", lambda value, key: check_fraction(value, key, with_0=True))
        check_fraction(self.learned, "learned")
        check_int(self.early_epoch, "early_epoch", least=1)
        for key in ("epochs", "clean_epochs"):
            check_int(getattr(self, key), key, least=self.early_epoch)
        for key in ("n_neighbors", "remedy_epochs"):
            check_int(getattr(self, key), key, least=1)
        check_int(self.n_probe, "n_probe", least=2)
        if self.remedies:
            check_list(self.remedies, "remedies", lambda value, key: check_word(value, key, REMEDIES))
        check_fraction(self.remedy_noise, "remedy_noise")
        check_flag(self.spare_units, "spare_units")
        if len(list_variants(self)) < len(self.noise) + len(self.remedies) + self.spare_units:
            raise ValueError(f"noise must differ by a hundredth at least, got {self.noise}")


def list_variants(uses: UsesSettings) -> dict[str, Variant]:
    """The networks by what results call them, in the column ``condition``."""
    found = {_name(noise): Variant(noise) for noise in uses.noise}
    for remedy in uses.remedies:
        key = f"{_name(uses.remedy_noise)}-{remedy.replace(' ', '-')}"
        found[key] = Variant(uses.remedy_noise, remedy)
    if uses.spare_units:
        found["spare-units"] = Variant(0.0, is_spare=True)
    return found


def _name(noise: float) -> str:
    return f"wrong{round(100 * noise):02d}"
