"""Trials: the same samples shown several times to a network with chance in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd

from ann2neo.spikes.as_raster import as_raster
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import Floats, RasterLike, SegmentLike
from ann2neo.statistics.units.tuning import join_results
from ann2neo.statistics.windows import check_window, count_in_windows

TRIAL = "trial"

Trials: TypeAlias = "RasterLike | Sequence[SpikeRaster] | Sequence[SegmentLike]"
"""A recording with a column of trials, or a recording per trial."""


@dataclass(frozen=True, eq=False, repr=False)
class TrialStatistics:
    """How units' spike counts vary from trial to trial; `trial_statistics` makes it.

    Parameters
    ----------
    units : pandas.DataFrame
        The raster's unit table.
    n_trials : int
    fanofactor : array of float, shape (n_units, n_windows)
        Variance (ddof 0, as Elephant's) over mean of a window's count across trials; NaN where a unit
        fires in no trial.
    signal_variance, noise_variance : array of float, shape (n_units,)
        Of the count, without bias: between windows and across trials of one window.
    """

    units: pd.DataFrame
    n_trials: int
    fanofactor: Floats
    signal_variance: Floats
    noise_variance: Floats

    @property
    def reliability(self) -> Floats:
        """Share of the count's variance that comes again in each trial, shape (n_units,).

        The intra-class correlation signal / (signal + noise): the expected correlation over windows of
        two trials. 1 for a unit that repeats itself; chance around 0, below included. NaN for a unit
        whose count is always the same.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.signal_variance / (self.signal_variance + self.noise_variance)

    def to_frame(self) -> pd.DataFrame:
        """The unit table with mean Fano factor, variances and reliability beside it."""
        defined = ~np.isnan(self.fanofactor)
        with np.errstate(invalid="ignore"):
            fano = np.where(defined, self.fanofactor, 0).sum(axis=1) / defined.sum(axis=1)
        return join_results(
            self.units,
            {
                "trial_fanofactor": fano,
                "signal_variance": self.signal_variance,
                "noise_variance": self.noise_variance,
                "reliability": self.reliability,
            },
        )

    def __repr__(self) -> str:
        n_units, n_windows = self.fanofactor.shape
        return f"TrialStatistics: {n_units:,} units × {n_windows:,} windows × {self.n_trials:,} trials"


def trial_statistics(trials: Trials, window: int = 1) -> TrialStatistics:
    """Fano factor across trials, spike-count variance split into signal and noise, reliability.

    Parameters
    ----------
    trials : SpikeRaster, or sequence of rasters or of what `as_raster` takes
        A raster whose sample table has the columns ``trial`` and ``sample_index``, each sample once in
        each trial; or a raster (a Segment, …) per trial, of the same samples in the same order, such as
        the Segments of a Block.
    window : int
        Samples whose spikes are counted together: 1 compares the trials of each sample; the number of
        samples gives a count per trial, as Elephant's ``fanofactor`` of ``Trials``. Samples beyond the
        last whole window are left out, with a warning.

    Returns
    -------
    TrialStatistics

    Raises
    ------
    ValueError
        If there is one trial only, a sample has none, or trials do not show the same units the same
        samples.

    Notes
    -----
    Analysis of variance over windows w and trials r: noise is the mean over w of the variance across
    trials (ddof 1), signal the variance over w of the trials' mean (ddof 1) less noise / n_trials.
    For one window there is no signal (NaN). Independent units of a sample's probability p have
    a Fano factor of (1 − p) (1 − 1 / n_trials) on average for window 1.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> rng = np.random.default_rng(0)
    >>> rates = np.column_stack([np.tile([0.9, 0.1], 500), np.full(1000, 0.5)])
    >>> found = a2n.trial_statistics([rng.random((1000, 2)) < rates for _ in range(20)])
    >>> found.reliability.clip(0).round(2)
    array([0.63, 0.  ])
    """
    parts = _split(trials)
    n_windows = check_window(parts[0].n_samples, window)
    total: Any = 0
    squares: Any = 0
    for part in parts:
        counts = count_in_windows(part, window, n_windows)
        total, squares = total + counts, squares + counts**2
    n = len(parts)
    mean, variance = total / n, (n * squares - total**2) / n**2
    with np.errstate(invalid="ignore", divide="ignore"):
        fano = variance / mean
    noise = variance.mean(axis=1) * n / (n - 1)
    between = mean.var(axis=1, ddof=1) if n_windows > 1 else np.full(len(mean), np.nan)
    return TrialStatistics(parts[0].units, n, fano, between - noise / n, noise)


def _split(trials: Trials) -> list[SpikeRaster]:
    """A raster per trial, samples in one order."""
    if isinstance(trials, SpikeRaster):
        return _split_by_column(trials)
    if isinstance(trials, (list, tuple)) and len(trials) and not _is_train(trials[0]):
        several = cast(Sequence[SpikeRaster], trials)
        parts = [as_raster(trial) for trial in several]
        shapes = {(part.n_units, part.n_samples) for part in parts}
        orders = {_list_rows(part.samples, ("dataset_split", "sample_index")) for part in parts}
        units = {_list_rows(part.units, ("layer", "unit_index")) for part in parts}
        if len(shapes) > 1 or len(orders) > 1 or len(units) > 1:
            raise ValueError(
                f"trials must show the same units the same samples, got (units, samples) "
                f"{sorted(shapes)} in {len(orders)} orders of samples and {len(units)} of units"
            )
        return _check_several(parts)
    return _split_by_column(as_raster(cast(RasterLike, trials)))


def _list_rows(table: pd.DataFrame, columns: tuple[str, ...]) -> tuple[Any, ...]:
    """What the rows of a table say in those of the columns that it has."""
    return tuple(tuple(table[name]) for name in columns if name in table.columns)


def _is_train(thing: Any) -> bool:
    return hasattr(thing, "times") and hasattr(thing, "t_stop")


def _split_by_column(raster: SpikeRaster) -> list[SpikeRaster]:
    samples = raster.samples
    if TRIAL not in samples.columns:
        raise ValueError(
            f"trials must be a raster with a column {TRIAL!r} in its sample table, or a sequence of "
            f"rasters; the table has {list(samples.columns)}"
        )
    missing = int(samples[TRIAL].isna().sum())
    if missing:
        raise ValueError(f"trials must have no missing {TRIAL!r} in the sample table, got {missing}")
    split = samples.get("dataset_split", pd.Series("", samples.index))
    item = pd.Series(pd.factorize(pd.MultiIndex.from_arrays([split, samples["sample_index"]]))[0])
    numbers = pd.factorize(samples[TRIAL])[0]
    orders = [np.flatnonzero(numbers == number) for number in range(numbers.max() + 1)]
    orders = [order[np.argsort(item.to_numpy()[order], kind="stable")] for order in orders]
    shown = [item.to_numpy()[order] for order in orders]
    n_items = int(item.max()) + 1
    wrong = [one for one in shown if not np.array_equal(one, np.arange(n_items))]
    if wrong:
        raise ValueError(
            f"trials must show each of the {n_items} samples once, got {wrong[0].size} samples in one, "
            f"{np.unique(wrong[0]).size} of them different"
        )
    return _check_several([raster.select(samples=order) for order in orders])


def _check_several(parts: list[SpikeRaster]) -> list[SpikeRaster]:
    if len(parts) < 2:
        raise ValueError("trials must be at least 2, got one")
    return parts
