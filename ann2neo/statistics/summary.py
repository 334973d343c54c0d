"""What the units of a layer have in common: the indicators of the firing-rate paper."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.files.stored_raster import StoredRaster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, Ints, RasterLike
from ann2neo.spikes.workers import Workers
from ann2neo.statistics.accumulators.accumulate import accumulate
from ann2neo.statistics.accumulators.several import Several
from ann2neo.statistics.across_units import cv_percent_across_units, mean_across_units
from ann2neo.statistics.fano import FanoFactor, fano_from_sums
from ann2neo.statistics.groups import group_units
from ann2neo.statistics.intervals import Intervals
from ann2neo.statistics.rates import FiringRate
from ann2neo.statistics.sampling_noise import correct_cv_percent, fanofactor_noise, firing_rate_noise
from ann2neo.statistics.windows import check_window


def summarize(
    raster: RasterLike, by: str | None = "layer", window: int = 100, *, workers: Workers = 1
) -> pd.DataFrame:
    """Firing rates, Fano factors and their variation across units, a row per group of units.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    by : str or None
        Column of the unit table whose values make the groups; None: all units together.
    window : int
        Samples per window of the Fano factor, from 1 to ``n_samples``. Samples beyond the last whole
        window are left out of it, with a warning.
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        As for `accumulate`: the result is the same.

    Returns
    -------
    pandas.DataFrame
        The index holds the groups in the order of their first unit (``"all"`` for None). Columns:

        ``n_units``
            Number of units in the group.
        ``firing_rate``
            Mean over units of `firing_rate`, spikes per sample (MFR of the paper).
        ``cv_firing_rate_percent``
            100 × standard deviation (ddof=0) over mean of these rates; NaN if no unit fires.
        ``fanofactor``
            Mean over the units that fire of `fanofactor` (ddof=0; MF of the paper): a silent unit has no
            Fano factor and is skipped, not taken for 0. NaN if no unit fires.
        ``cv_fanofactor_percent``
            100 × standard deviation (ddof=0) over mean of these; NaN if no unit fires or all are 0.
        ``silent_fraction``, ``always_on_fraction``
            Fraction of units that fire at no sample (dead) and at every sample.
        ``cv_firing_rate_corrected_percent``, ``fanofactor_corrected`` and \
``cv_fanofactor_corrected_percent``
            The same three without what the length of the recording adds (Notes): **the ones to compare
            where recordings differ in length**. NaN for fewer than two units (the CVs) or windows.
        ``isi_cv``
            Mean of `cv` over the units that have one (three spikes or more), else NaN.

    Raises
    ------
    ValueError
        If the unit table has no column `by`, or `window` is out of range.

    Notes
    -----
    The uncorrected columns are those of Lehmler et al. (2024), who observe the last hidden layer. A CV
    above √((1 − m) / m) is impossible for rates of mean m.

    A unit's Fano factor is known to about F √(2 / W) from W windows, and that noise is part of the
    paper's CV across units: of units of one law it is 71.6 % at 500 samples, 24.7 % at 5,000 and 15.2 %
    at 60,000, where the truth is 14.1 %. The corrected columns take ddof=1 within units, and subtract
    from the variance across units (ddof=1) their mean sampling variance, for samples that are
    independent: of the Fano factor the exact one given the number of spikes, of the rate
    p (1 − p) / (n − 1). A corrected CV of 0 says that noise accounts for all of the spread.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> active = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 0], [1, 1, 0]])
    >>> a2n.summarize(active, window=1).T.round(3)
    layer                               units
    n_units                             3.000
    firing_rate                         0.500
    cv_firing_rate_percent             81.650
    fanofactor                          0.250
    cv_fanofactor_percent             100.000
    silent_fraction                     0.333
    always_on_fraction                  0.333
    cv_firing_rate_corrected_percent   94.281
    fanofactor_corrected                0.333
    cv_fanofactor_corrected_percent   141.421
    isi_cv                              0.000
    """
    raster = as_recording(raster)
    groups = group_units(raster, by)
    sums = UnitSums.of(raster, window, workers)
    rows = [sums.summarize(units) for units in groups.values()]
    return pd.DataFrame(rows, index=pd.Index(list(groups), name=by))


@dataclass(frozen=True, eq=False)
class UnitSums:
    """What `summarize` needs of a recording's units, to be summarized over any of them."""

    rates: FiringRate
    counts: FanoFactor
    isi_cv: Floats

    @classmethod
    def of(cls, raster: SpikeRaster | StoredRaster, window: int, workers: Workers = 1) -> UnitSums:
        """Go through a recording once; warns of samples beyond the last window."""
        check_window(raster.n_samples, window)
        makes = FiringRate, functools.partial(FanoFactor, window), Intervals
        seen = accumulate(functools.partial(Several, makes), raster, workers=workers)
        rates, counts, intervals = seen.result()
        return cls(rates, counts, intervals.cv())

    def summarize(self, units: Ints) -> dict[str, float]:
        """A row of `summarize`, of these units (one may stand there twice)."""
        rates, fanofactors = self.rates.result()[units], self.counts.result()[units]
        return {
            **_paper_columns(rates, fanofactors),
            **_correct_columns(self.rates, self.counts, units),
            "isi_cv": float(mean_across_units(self.isi_cv[units])),
        }


def _paper_columns(rates: Floats, fanofactors: Floats) -> dict[str, float]:
    return {
        "n_units": rates.size,
        "firing_rate": float(mean_across_units(rates)),
        "cv_firing_rate_percent": float(cv_percent_across_units(rates)),
        "fanofactor": float(mean_across_units(fanofactors)),
        "cv_fanofactor_percent": float(cv_percent_across_units(fanofactors)),
        "silent_fraction": float(np.mean(rates == 0)),
        "always_on_fraction": float(np.mean(rates == 1)),
    }


def _correct_columns(seen_rates: FiringRate, seen: FanoFactor, units: Ints) -> dict[str, float]:
    """The indicators without what the length of the recording adds; a Fano factor needs two windows."""
    rates = seen_rates.result()[units]
    fano, noise = np.full((2, units.size), np.nan)
    if seen.n_windows > 1:
        spikes, squares = seen.sum[units], seen.sum_of_squares[units]
        fano = fano_from_sums(spikes, squares, seen.n_windows, 1)
        noise = fanofactor_noise(spikes, fano, seen.window, seen.n_windows)
    fires = ~np.isnan(fano)
    fano, noise = fano[fires], noise[fires]
    mean = float(mean_across_units(fano))
    rate_noise = firing_rate_noise(rates, seen_rates.n_samples)
    return {
        "cv_firing_rate_corrected_percent": correct_cv_percent(rates, rate_noise, float(rates.mean())),
        "fanofactor_corrected": mean,
        "cv_fanofactor_corrected_percent": correct_cv_percent(fano, noise, mean),
    }
