"""Any statistic against its law over surrogates."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd

from ann2neo.significance.combine import adjust_within_layers
from ann2neo.significance.kernels.rng import random_state
from ann2neo.significance.result import TestResult
from ann2neo.significance.statistic_arguments import ALTERNATIVES, describe_function, evaluate_statistic
from ann2neo.significance.surrogate_laws.joint_adjustment import TIE, max_t, min_p
from ann2neo.significance.surrogate_laws.null_values import (
    FanoFactors,
    NullValues,
    SurrogateValues,
    draw_null_values,
    find_fano_options,
)
from ann2neo.significance.surrogate_laws.sequential import draw_until_clear
from ann2neo.significance.surrogate_methods.table import METHODS, find_method
from ann2neo.spikes.argument_checks import check_choice, check_count
from ann2neo.spikes.as_raster import as_raster, as_recording
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.spikes.files.stored_raster import StoredRaster
from ann2neo.spikes.progress import ProgressBar
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.spikes.workers import Workers

Statistic = Callable[[SpikeRaster], Any]

_JOINT = {"max-t": max_t, "min-p": min_p}


def surrogate_test(
    raster: RasterLike,
    statistic: Statistic,
    *,
    rng: np.random.Generator,
    method: str = "permutation",
    n_surrogates: int = 1000,
    alternative: str = "two-sided",
    whole_layer: bool = False,
    adjust: Literal["benjamini-hochberg", "max-t", "min-p"] = "benjamini-hochberg",
    stop_at: int | None = None,
    workers: Workers = 1,
    progress: bool = True,
    **options: Any,
) -> TestResult:
    """Test each unit's value of a statistic against its values over surrogates.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    statistic : callable
        Takes a SpikeRaster and returns an array of shape (n_units,), or one number for all units
        together. Give it options with ``functools.partial(ann2neo.fanofactor, window=50)``.
    rng : numpy.random.Generator
    method : str
        Of `surrogates`: what the null hypothesis keeps.
    n_surrogates : int
        At least 1. No p-value is below ``1 / (1 + n_surrogates)``.
    alternative : {"two-sided", "greater", "less"}
        ``"greater"`` finds values above those of the surrogates.
    whole_layer : bool
        Test the mean of the statistic over all units of the raster, undefined units left out, instead of
        each unit; one layer is ``raster.select(layer=…)``.
    adjust : {"benjamini-hochberg", "max-t", "min-p"}
        How ``pvalue_adjusted`` allows for the number of units: among the units of a layer by Benjamini
        and Hochberg, or over all by Westfall and Young's max-T or min-P, which bound the probability of
        any false rejection and keep the dependence between units where surrogates do
        (``"sample_permutation"``). max-T finds single units with few surrogates; min-P gives units whose
        values have different laws the same chance, and needs as many surrogates as Benjamini and
        Hochberg. Both hold all values, 8 bytes per unit and surrogate.
    stop_at : int, optional
        Adaptive numbers of surrogates, of which `n_surrogates` is then the most: units that have been
        reached or passed by this many on each side looked at get no more. 10 to 20 save most of the work
        where most units are unremarkable. Not with max-T and min-P, which take all units together, nor
        for a statistic of a unit that changes with the other units.
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        Who draws surrogates; each has a seed of its own, so that the result is the same to the last bit.
        An int starts threads: drawing and the compiled loops of this package's statistics let one
        another run. A statistic in Python gains by processes, such as a ``ProcessPoolExecutor``, to
        which it has to be sent (no lambda).
    progress : bool
        Show a progress bar on runs of over a second.
    **options
        Of the method, such as ``bin_size``.

    Returns
    -------
    TestResult
        ``statistic`` is the observed value. Of the n surrogates whose statistic is defined, # have a
        value at least as large as the observed one (``"greater"``) or at most as large (``"less"``);
        ``pvalue`` is (1 + #) / (1 + n), or `stop_at` over the number drawn when so many were found, and
        for ``"two-sided"`` twice the smaller of both, at most 1.
        Differences of up to 100 units of rounding count as equal. Columns: ``null_mean`` and
        ``null_sd`` (ddof=1, NaN for fewer than two surrogates), ``n_defined`` (n), ``pvalue_adjusted``
        (see `adjust`). A unit whose observed value is NaN, or is defined for no
        surrogate, has p-value NaN. One number for all units gives one row, ``unit_index`` −1.

    Raises
    ------
    TypeError
        If `rng` is no Generator, `statistic` is no function or does not return real numbers, or the
        options do not fit.
    ValueError
        If `statistic` returns another shape, or `method`, `alternative` or `n_surrogates` is none of
        the above.

    Notes
    -----
    The p-value is valid at every number of surrogates (Phipson and Smyth, Statistical Applications in
    Genetics and Molecular Biology 9 (2010) 39) where the null makes raster and surrogates exchangeable:
    the permutations, ``shuffle_isis``, ``bin_shuffling``, and nearly ``circular_shift``. ``bernoulli``,
    ``poisson`` and ``inhomogeneous`` estimate their rates from the raster: p-values are approximate,
    and too large for statistics that follow the spike count, which varies between such surrogates.
    ``correlated`` estimates correlations too, for one number for all units such as pattern entropy: the
    level was held from 5 samples per pair of units on, and is not with fewer, of which `surrogates`
    warns (of 200 samples of 20 units, pattern entropy was rejected at 5 % in 56 % of cases); statistics
    that rates and pairs fix have p-values that are too large.

    Under ``inhomogeneous`` they are too small for statistics that the profile bears on: it has taken up
    the chance of the train, and surrogates add their own. Of 600 units that fire independently at 1,000
    samples with rate .2, rejected at 5 % (``"two-sided"``, ``"less"``; 199 surrogates):

    ====== ================= ======================== ============
    window Fano factor (100) autocorrelation at lag 1 CV2
    ====== ================= ======================== ============
    5      5 %, 16 %         100 %, 100 %             16 %, 25 %
    10     10 %, 24 %        75 %, 85 %               3 %, 4 %
    50     13 %, 29 %        5 %, 11 %                4 %, 2 %
    100    12 %, 29 %        4 %, 6 %                 4 %, 3 %
    500    4 %, 7 %          5 %, 3 %                 4 %, 4 %
    ====== ================= ======================== ============

    ``bin_shuffling`` keeps the counts of the bins themselves and is exact at every bin size.

    Memory does not grow with `n_surrogates`. A recording on disk is loaded, except where no
    surrogate rasters are needed (below). Warnings (UserWarning) of the statistic are shown for the
    raster and not again for surrogates. An interrupt leaves nothing behind.

    The Fano factor under ``"permutation"`` needs no surrogate rasters: a random permutation makes window
    counts multivariate hypergeometric, and only these are drawn. The law is the same, the draws are not.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from ann2neo.significance.surrogate_significance import surrogate_test
    >>> from ann2neo.statistics.fano import fanofactor
    >>> active = np.repeat(np.random.default_rng(0).random((100, 1)) < 0.5, 10, axis=0)
    >>> rng = np.random.default_rng(1)
    >>> result = surrogate_test(active, fanofactor, alternative="greater", rng=rng, progress=False)
    >>> print(f"{result.statistic[0]:.1f} {result.columns['null_mean'][0]:.2f} {result.pvalue[0]:.3f}")
    6.0 0.49 0.001
    """
    n_surrogates = check_count(n_surrogates, "n_surrogates")
    check_choice(alternative, "alternative", ALTERNATIVES)
    check_choice(adjust, "adjust", ("benjamini-hochberg", *_JOINT))
    if stop_at is not None:
        stop_at = _check_stop_at(stop_at, adjust, whole_layer)
    seed = random_state(rng)
    find_method(method, options)
    fano = find_fano_options(statistic) if method == "permutation" and not options else None
    # What needs no surrogate rasters needs no raster in memory either.
    raster = as_raster(raster) if fano is None else as_recording(raster)
    returned = evaluate_statistic(statistic, raster, "statistic")
    values: NullValues
    if isinstance(raster, SpikeRaster) and fano is None:
        values = SurrogateValues(raster, statistic, returned.shape, method, options, seed)
    else:
        values = FanoFactors(raster.spike_counts, raster.n_samples, seed, **(fano or {}))
    if stop_at is not None:
        return _test_until_clear(
            as_raster(raster), statistic, returned, values, method, n_surrogates, stop_at, alternative,
            options, workers, progress,
        )  # fmt: skip
    kept: list[np.ndarray] = []
    law = _Law(_rows(returned[np.newaxis], whole_layer)[0])
    with ProgressBar(n_surrogates, f"{method} surrogates", progress=progress) as bar:
        for drawn in draw_null_values(values, range(n_surrogates), workers):
            law.update(_rows(drawn, whole_layer))
            if adjust in _JOINT:
                kept.append(_rows(drawn, whole_layer))
            bar.update(len(drawn))
    pvalue = law.pvalue(alternative)
    rows = raster.units if returned.ndim and not whole_layer else _one_row(raster)
    if adjust in _JOINT:
        adjusted = _JOINT[adjust](law.observed, np.concatenate(kept), alternative)
    else:
        _warn_of_floor(pvalue, rows, n_surrogates, alternative)
        adjusted = adjust_within_layers(pvalue, rows)
    return TestResult(
        law.observed,
        pvalue,
        METHODS[method].null,
        f"{describe_function(statistic)} against {method} surrogates",
        {
            "method": method,
            "n_surrogates": n_surrogates,
            "alternative": alternative,
            "whole_layer": whole_layer,
            **options,
        },
        rows,
        {**law.columns(), "pvalue_adjusted": adjusted},
    )


def _check_stop_at(stop_at: int, adjust: str, whole_layer: bool) -> int:
    stop_at = int(check_count(stop_at, "stop_at"))
    if adjust in _JOINT or whole_layer:
        raise ValueError(
            f"stop_at must be None with adjust={adjust!r} and whole_layer={whole_layer}: units that "
            "stop would be missing from what is taken of all of them"
        )
    return stop_at


def _test_until_clear(
    raster: SpikeRaster,
    statistic: Statistic,
    returned: np.ndarray,
    values: NullValues,
    method: str,
    n_surrogates: int,
    stop_at: int,
    alternative: str,
    options: dict[str, Any],
    workers: Workers,
    progress: bool,
) -> TestResult:
    """`surrogate_test` with adaptive numbers of surrogates."""
    if returned.ndim == 0:
        raise ValueError("stop_at must be None for a statistic that is one number for all units")
    margin = np.where(np.isfinite(returned), TIE * np.abs(returned), 0)
    observed = returned, returned - margin, returned + margin
    with ProgressBar(n_surrogates, f"{method} surrogates", progress=progress) as bar:
        pvalue, n_defined = draw_until_clear(
            raster, statistic, observed, values, n_surrogates, stop_at, alternative, workers, bar
        )
    _warn_of_floor(pvalue, raster.units, n_surrogates, alternative)
    return TestResult(
        returned,
        pvalue,
        METHODS[method].null,
        f"{describe_function(statistic)} against {method} surrogates, as many as it takes",
        {
            "method": method,
            "n_surrogates": n_surrogates,
            "stop_at": stop_at,
            "alternative": alternative,
            **options,
        },
        raster.units,
        {"n_defined": n_defined, "pvalue_adjusted": adjust_within_layers(pvalue, raster.units)},
    )


def _warn_of_floor(pvalue: np.ndarray, rows: pd.DataFrame, n_surrogates: int, alternative: str) -> None:
    """Say so where no single unit could be significant after adjustment, whatever its value."""
    tested = (
        int(rows["layer"][~np.isnan(pvalue)].value_counts().max()) if np.isfinite(pvalue).any() else 0
    )
    tails = 2 if alternative == "two-sided" else 1
    if tails * tested / (1 + n_surrogates) > 0.05:
        warnings.warn(
            f"a single unit of {tested} cannot be significant at 0.05 after adjustment: no p-value of "
            f"{n_surrogates} surrogates is below {tails / (1 + n_surrogates):.2g}; take at least "
            f"{20 * tails * tested} surrogates, or adjust='max-t'",
            stacklevel=find_stacklevel(),
        )


class _Law:
    """Observed values, and what surrogates' values are counted into: a column per value."""

    def __init__(self, observed: np.ndarray) -> None:
        self.observed = observed
        self.n_greater, self.n_less, self.n_defined = np.zeros((3, observed.size), np.int64)
        self._mean, self._squares = np.zeros((2, observed.size))
        margin = np.where(np.isfinite(observed), TIE * np.abs(observed), 0)
        self._lowest, self._highest = observed - margin, observed + margin

    def update(self, values: np.ndarray) -> None:
        """Count in surrogates' values, shape (n_draws, n_values); NaN are left out."""
        self.n_greater += np.count_nonzero(values >= self._lowest, axis=0)
        self.n_less += np.count_nonzero(values <= self._highest, axis=0)
        defined = ~np.isnan(values)
        n = np.count_nonzero(defined, axis=0)
        # Chan, Golub and LeVeque's update of mean and sum of squares by a batch.
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(n, np.where(defined, values, 0).sum(axis=0) / n, 0)
            squares = np.where(defined, values - mean, 0)
            step, total = mean - self._mean, np.maximum(self.n_defined + n, 1)
            self._squares += (squares**2).sum(axis=0) + step**2 * (self.n_defined * n / total)
            self._mean += step * (n / total)
        self.n_defined += n

    def pvalue(self, alternative: str) -> np.ndarray:
        """(1 + #) / (1 + n), NaN where undefined."""
        greater, less = (
            (1 + self.n_greater) / (1 + self.n_defined),
            (1 + self.n_less) / (1 + self.n_defined),
        )
        either = np.minimum(1, 2 * np.minimum(greater, less))
        p = {"greater": greater, "less": less, "two-sided": either}[alternative]
        return np.where(np.isnan(self.observed) | (self.n_defined == 0), np.nan, p)

    def columns(self) -> dict[str, np.ndarray]:
        """Mean and standard deviation over surrogates, and the number of these."""
        with np.errstate(invalid="ignore", divide="ignore"):
            sd = np.sqrt(self._squares / (self.n_defined - 1))
        return {
            "null_mean": np.where(self.n_defined > 0, self._mean, np.nan),
            "null_sd": np.where(self.n_defined > 1, sd, np.nan),
            "n_defined": self.n_defined,
        }


def _rows(values: np.ndarray, whole_layer: bool) -> np.ndarray:
    """A row per draw: the values, or their mean without NaN (NaN if nothing is left)."""
    rows = values.reshape(len(values), -1)
    if not whole_layer:
        return rows
    defined = ~np.isnan(rows)
    with np.errstate(invalid="ignore"):
        result: np.ndarray = np.where(defined, rows, 0).sum(axis=1, keepdims=True) / defined.sum(
            axis=1, keepdims=True
        )
        return result


def _one_row(raster: SpikeRaster | StoredRaster) -> pd.DataFrame:
    layers = raster.layers
    return pd.DataFrame({"layer": [layers[0] if len(layers) == 1 else "all"], "unit_index": [-1]})
