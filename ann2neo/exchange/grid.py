"""Spike times → samples: every spike on the sample grid, or an error that says which is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.exchange.errors import MismatchError

OFF_GRID = 1e-6
"""Of a sample; beside it a spike may be off the grid by what its type of number cannot say."""

EXACT = 4 * float(np.finfo(np.float64).eps)
"""To what part of them times in float64 are known."""

_MOST_SLACK = 0.25

MOST_SAMPLES = 2**28
"""A sample table of that many rows takes some 2 GB for each of its columns."""


def check_n_samples(n_samples: float, period: float, unit: str) -> int:
    """A number of samples, if their table fits in memory.

    Raises
    ------
    ValueError
        If it does not.
    """
    if not n_samples <= MOST_SAMPLES:
        raise MismatchError(
            f"the recording has {n_samples:.4g} samples of {period:g} {unit}, whose table would take "
            f"{8e-9 * n_samples:.0f} GB for each column; at most {MOST_SAMPLES:,} are read: pass "
            "sampling_period=… of coarser samples, or pass bin_size=… to bin the times"
        )
    return round(n_samples)


@dataclass(frozen=True)
class SampleGrid:
    """`n_samples` bins of `period` from `start` on, all times in `unit`; see `span`."""

    start: float
    period: float
    n_samples: int
    unit: str

    @classmethod
    def span(
        cls, start: float, stop: float, period: float, unit: str, *, precision: float = EXACT
    ) -> SampleGrid:
        """The grid from `start` to `stop`, which are known to a part `precision` of them.

        Raises
        ------
        ValueError
            If that is not a whole number of samples, at least one.
        """
        n_samples = (stop - start) / period
        slack = OFF_GRID + precision * max(abs(start), abs(stop)) / period
        if not (n_samples > 0.5 and abs(n_samples - np.rint(n_samples)) <= min(slack, _MOST_SLACK)):
            raise MismatchError(
                f"trains span {stop - start} {unit}, which is not a whole number of samples of "
                f"{period} {unit}; check sampling_period"
            )
        return cls(start, period, check_n_samples(n_samples, period, unit), unit)

    def samples(
        self, times: npt.NDArray[Any], name: str, *, if_outside: str, precision: float | None = None
    ) -> npt.NDArray[np.int64]:
        """Samples of spikes, int64, in the order of `times`.

        Parameters
        ----------
        times : array of float
        name : str
            Of the train, for errors.
        if_outside : str
            What to do about spikes outside the span, for the error.
        precision : float, optional
            To what part of them the times are known. Default: that of their type.

        Raises
        ------
        ValueError
            If a spike is off the grid, outside the span or not alone in its sample.
        """
        precision = precision_of(times) if precision is None else precision
        times = np.asarray(times, np.float64)
        places = (times - self.start) / self.period
        samples = np.rint(places)
        slack = OFF_GRID + precision * np.abs(times) / self.period
        self._check_precision(float(np.max(slack, initial=0.0)), name)
        # "not within" rather than "beyond": NaN is neither.
        off = ~(np.abs(places - samples) <= slack)
        if off.any():
            raise MismatchError(
                f"train {name} has a spike at {times[off][0]} {self.unit}, off the sample grid of "
                f"{self.period} {self.unit}: pass the right sampling_period=…, or pass bin_size=… to "
                "as_raster to bin the times"
            )
        outside = (samples < 0) | (samples >= self.n_samples)
        if outside.any():
            raise MismatchError(
                f"train {name} has a spike at {times[outside][0]} {self.unit}, outside the "
                f"{self.n_samples} samples from {self.start} {self.unit} on; {if_outside}"
            )
        samples = samples.astype(np.int64)
        ordered = samples if np.all(samples[1:] >= samples[:-1]) else np.sort(samples)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if twice.size:
            raise MismatchError(
                f"train {name} has {np.sum(samples == twice[0])} spikes in the sample at "
                f"{self.start + self.period * twice[0]} {self.unit}; a raster holds one"
            )
        return samples

    def bins(
        self, times: npt.NDArray[Any], name: str, precision: float, *, clip: bool
    ) -> tuple[npt.NDArray[np.int64], tuple[int, int]]:
        """Bins of spikes, each once; how many shared one with another, and how many lie after the last.

        A spike on the edge of two bins is in the later one.

        Raises
        ------
        ValueError
            If spikes share a bin and `clip` is False, or one is NaN or before the first bin.
        """
        places = (times - self.start) / self.period
        bins = np.floor(places + OFF_GRID + precision * np.abs(times) / self.period)
        if not np.all(bins >= 0):
            raise MismatchError(f"train {name} has a spike at {times[~(bins >= 0)][0]} {self.unit}")
        inside = bins[bins < self.n_samples].astype(np.int64)
        distinct = np.unique(inside)
        shared = inside.size - distinct.size
        if shared and not clip:
            raise MismatchError(
                f"train {name} has {shared} spikes in bins of {self.period:g} {self.unit} that hold an "
                "earlier one; a raster holds one: pass binary='clip', or a smaller bin_size"
            )
        return distinct, (shared, bins.size - inside.size)

    def _check_precision(self, slack: float, name: str) -> None:
        if slack > _MOST_SLACK:
            raise MismatchError(
                f"train {name} has times that their type of number knows to {slack * self.period:.2g} "
                f"{self.unit} only: too little to tell samples of {self.period} {self.unit} apart"
            )


def precision_of(times: npt.NDArray[Any]) -> float:
    """To what part of them times are known: some roundings of their type."""
    return 4 * float(np.finfo(times.dtype).eps) if times.dtype.kind == "f" else EXACT
