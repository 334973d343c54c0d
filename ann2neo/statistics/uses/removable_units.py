"""Units that a network could do without, as far as its spikes on some samples tell."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ann2neo.spikes.argument_checks import check_level
from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.typing import RasterLike

_FEW_SAMPLES = 2000


@dataclass(frozen=True, eq=False)
class RemovableUnits:
    """What `removable_units` found; ``training.remove_units`` takes it.

    Attributes
    ----------
    silent : dict of str to array of int64
        Layer → units (of a convolution: channels) that were active at none of the samples.
    always_on : dict of str to array of int64
        Layer → units that were active at all of them. They are linear in their layer's input, not
        constant: they are **not** to be removed, and not to be folded into a bias.
    n_samples : int
        Samples of a layer's raster.
    rate_bound : float
        Upper confidence bound on the firing rate of a silent unit, 1 − (1 − confidence) ** (1 / n):
        about 3 / n at 95 %.
    """

    silent: Mapping[str, npt.NDArray[np.int64]]
    always_on: Mapping[str, npt.NDArray[np.int64]]
    n_samples: int
    rate_bound: float

    def to_frame(self) -> pd.DataFrame:
        """A row per unit: ``layer``, ``unit``, ``kind`` ("silent" or "always on"), ``rate_bound``."""
        kinds = (("silent", self.silent, self.rate_bound), ("always on", self.always_on, np.nan))
        rows = [
            (layer, int(unit), kind, bound)
            for kind, found, bound in kinds
            for layer, units in found.items()
            for unit in units
        ]
        return pd.DataFrame(rows, columns=["layer", "unit", "kind", "rate_bound"])


def removable_units(raster: RasterLike, *, confidence: float = 0.95) -> RemovableUnits:
    """List the units of ReLU layers that were never active, and those that always were.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
        Recorded at threshold 0, with ``layers`` those that may lose units. Of a convolution whose
        positions were recorded as units, a channel is silent if it is at all of them.
    confidence : float
        Of ``rate_bound``, in (0, 1).

    Returns
    -------
    RemovableUnits

    Raises
    ------
    TypeError, ValueError
        If `confidence` is out of its domain.

    Warns
    -----
    UserWarning
        Below 2,000 samples: a unit that fires at one sample in a thousand is then silent often enough,
        and its removal changes the network for those it fires at.

    Notes
    -----
    "Never active in n samples" is not "dead": the bound says how often a silent unit may fire (exact, of
    the binomial law, samples drawn independently; for one unit, not for all at once). The samples must
    be such as the network will meet.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.zeros((3000, 3), bool)
    >>> active[:, 1], active[::2, 2] = True, True
    >>> found = a2n.removable_units(active)
    >>> found.silent["units"].tolist(), found.always_on["units"].tolist(), round(found.rate_bound, 5)
    ([0], [1], 0.001)
    """
    raster = as_raster(raster)
    confidence = check_level(confidence, "confidence")
    n = raster.n_samples
    if n < _FEW_SAMPLES:
        warnings.warn(
            f"{n} samples say little of units that fire rarely: show at least {_FEW_SAMPLES}, better "
            "all training samples, before removing any",
            stacklevel=find_stacklevel(),
        )
    units = raster.units
    index = units["unit_index"]
    if "channel" in units:
        # Layers without channels, beside layers with some, have −1.
        channel = units["channel"]
        index = index.where(channel.isna() | (channel < 0), channel).astype(np.int64)
    counts = pd.DataFrame({"layer": units["layer"], "unit": index, "count": raster.spike_counts})
    per_unit = counts.groupby(["layer", "unit"], sort=False)["count"].agg(["min", "max"]).reset_index()

    def list_units(chosen: pd.Series) -> dict[str, npt.NDArray[np.int64]]:
        found = per_unit[chosen]
        return {
            str(layer): np.sort(group["unit"].to_numpy(np.int64))
            for layer, group in found.groupby("layer", sort=False)
        }

    bound = 1 - (1 - confidence) ** (1 / n)
    silent, always_on = list_units(per_unit["max"] == 0), list_units(per_unit["min"] == n)
    return RemovableUnits(silent, always_on, n, bound)
