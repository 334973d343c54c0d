"""Spike times → samples: every spike on the sample grid, or an error that says which is not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

OFF_GRID = 1e-6
"""Of a sample: float64 times stay closer to the grid than this up to 4·10⁹ samples."""


@dataclass(frozen=True)
class SampleGrid:
    """`n_samples` bins of `period` from `start` on, all times in `unit`; see `spanning`."""

    start: float
    period: float
    n_samples: int
    unit: str

    @classmethod
    def spanning(cls, start: float, stop: float, period: float, unit: str) -> SampleGrid:
        """The grid from `start` to `stop`.

        Raises
        ------
        ValueError
            If that is not a whole number of samples, at least one.
        """
        n_samples = (stop - start) / period
        if not (round(n_samples) >= 1 and abs(n_samples - round(n_samples)) <= OFF_GRID):
            raise ValueError(
                f"trains span {stop - start} {unit}, which is not a whole number of samples of "
                f"{period} {unit}; check sampling_period"
            )
        return cls(start, period, round(n_samples), unit)

    def samples(self, times: np.ndarray, name: str, *, if_outside: str) -> np.ndarray:
        """Samples of spikes, int64, in the order of `times`.

        Parameters
        ----------
        times : array of float
        name : str
            Of the train, for errors.
        if_outside : str
            What to do about spikes outside the span, for the error.

        Raises
        ------
        ValueError
            If a spike is off the grid, outside the span or not alone in its sample.
        """
        places = (times - self.start) / self.period
        samples = np.rint(places)
        # "not within" rather than "beyond": NaN is neither.
        off = ~(np.abs(places - samples) <= OFF_GRID)
        if off.any():
            raise ValueError(
                f"train {name} has a spike at {times[off][0]} {self.unit}, off the sample grid of "
                f"{self.period} {self.unit}; give the right sampling_period, or bin the trains first"
            )
        outside = (samples < 0) | (samples >= self.n_samples)
        if outside.any():
            raise ValueError(
                f"train {name} has a spike at {times[outside][0]} {self.unit}, outside the "
                f"{self.n_samples} samples from {self.start} {self.unit} on; {if_outside}"
            )
        samples = samples.astype(np.int64)
        ordered = samples if np.all(samples[1:] >= samples[:-1]) else np.sort(samples)
        twice = ordered[1:][ordered[1:] == ordered[:-1]]
        if twice.size:
            raise ValueError(
                f"train {name} has {np.sum(samples == twice[0])} spikes in the sample at "
                f"{self.start + self.period * twice[0]} {self.unit}; a raster holds one"
            )
        return samples
