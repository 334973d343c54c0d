"""The battery of tests of the assumptions under which a unit's train is a Poisson process."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.significance.combine import Adjustment, adjust_pvalues, combine_pvalues
from ann2neo.significance.dispersion import fano_of_sums
from ann2neo.significance.independence import check_max_lag, ljung_box_of_counts, runs_of_counts
from ann2neo.significance.result import TestResult, join_units
from ann2neo.significance.stationarity import adf_of_counts, find_max_lag
from ann2neo.spikes.argument_checks import check_level, check_rng
from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.typing import Bits, Floats, RasterLike
from ann2neo.spikes.workers import Workers
from ann2neo.statistics.accumulators.accumulate import accumulate
from ann2neo.statistics.accumulators.several import Several
from ann2neo.statistics.autocorrelation import Autocorrelation
from ann2neo.statistics.fano import FanoFactor
from ann2neo.statistics.halves import Halves
from ann2neo.statistics.windows import check_window

ASSUMPTIONS = {
    "ljung_box": "independence",
    "runs": "independence, one rate",
    "adf": "no unit root",
    "fano_bernoulli": "independence, one rate",
    "fano_poisson": "Poisson counts",
}
"""The tests of the battery, and what of the train each looks at."""

EFFECTS = {
    "ljung_box": "|r_1|",
    "runs": "runs / expected",
    "adf": "drift of the rate",
    "fano_bernoulli": "F / (1 - rate)",
    "fano_poisson": "F",
}
"""What is shown beside each test's verdict: how large the deviation is, which a p-value does not say."""


@dataclass(frozen=True, eq=False, repr=False)
class PoissonAssumptions:
    """The results of `poisson_assumptions`.

    Parameters
    ----------
    tests : mapping of str to TestResult
        ``ljung_box``, ``runs``, ``adf``, ``fano_bernoulli``, ``fano_poisson``.
    alpha : float
        Level of the verdicts.
    adjust : str
        How p-values are adjusted for the number of units of a layer.
    drift : array of float, shape (n_units,)
        Difference of the firing rates of a unit's second and first half, without sign.
    """

    tests: Mapping[str, TestResult]
    alpha: float
    adjust: Adjustment
    drift: Floats

    def to_frame(self) -> pd.DataFrame:
        """A row per unit: the unit table and of each test the statistic, p-value and whether it rejects.

        Columns ``ljung_box``, ``ljung_box_pvalue``, ``ljung_box_rejects`` and so on; rejection after
        adjustment among the units of the layer. ``adf_lag``, ``ljung_box_autocorrelation`` (the one
        farthest from 0) and ``drift`` stand beside.
        """
        columns: dict[str, np.ndarray] = {}
        for name, test in self.tests.items():
            columns[name] = test.statistic
            columns[f"{name}_pvalue"] = test.pvalue
            columns[f"{name}_rejects"] = self._rejects(test)
        columns["adf_lag"] = self.tests["adf"].columns["lag"]
        columns["ljung_box_autocorrelation"] = self.tests["ljung_box"].columns["largest_autocorrelation"]
        columns["drift"] = self.drift
        return join_units(self._units(), columns)

    def verdicts(self) -> pd.DataFrame:
        r"""A row per layer and test: what the test says of the layer.

        Returns
        -------
        pandas.DataFrame
            Columns:

            ``layer``, ``test``, ``assumption``, ``n_units``
                What was tested.
            ``n_tested``
                Units with a p-value.
            ``fraction_rejecting``
                Of the tested units, after adjustment among the units of the layer.
            ``effect``, ``effect_size``
                How large the deviation is, the median over units: \|r_1\|, the autocorrelation at lag 1
                (0 under the null); runs over their expected number (1); the drift of the rate, second
                half less first, without sign; the Fano factor over the one expected, (1 − rate) but for
                the number of windows (1); the Fano factor (1).
            ``pvalue``
                Of the layer's units combined by Simes' method, which allows for units that depend on
                one another (`combine_pvalues`).
            ``paper_pearson``
                Combined as in the firing-rate paper, by Pearson's method, which takes units for
                independent: of units driven by the same samples it rejects true nulls too often.
            ``verdict``
                ``"holds"`` if no tested unit rejects after adjustment, ``"violated by some"`` if at most
                half of them do, ``"violated"`` if more; ``"untested"`` without tested units. For
                ``adf``, whose null hypothesis is the unit root, ``"no unit root"`` if every tested unit
                rejects, which says nothing of a constant rate, else ``"undecided"``.

        Notes
        -----
        If an assumption is true of all units of a layer, its verdict is not ``"holds"`` with
        probability about `alpha` per test: both adjustments bound the probability of any rejection then
        (Benjamini and Hochberg's for units that are independent or positively dependent). One unit in a
        thousand is enough for ``"violated by some"``: ``fraction_rejecting`` says how many there are,
        and ``effect_size`` whether it matters: a long recording makes tiny deviations significant.
        """
        layers = self._units()["layer"]
        rejects = {name: self._rejects(test) for name, test in self.tests.items()}
        effects = self._effects()
        rows = [
            {
                "layer": layer,
                "test": name,
                "assumption": ASSUMPTIONS[name],
                **self._row(name, test.pvalue[chosen], rejects[name][chosen], effects[name][chosen]),
            }
            for layer in dict.fromkeys(layers)
            for chosen in [np.flatnonzero(layers == layer)]
            for name, test in self.tests.items()
        ]
        return pd.DataFrame(rows)

    def _effects(self) -> dict[str, Floats]:
        """Of each unit, NaN where undefined."""
        tests = self.tests
        runs, fano = tests["runs"].columns, tests["fano_bernoulli"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "ljung_box": np.abs(tests["ljung_box"].columns["first_autocorrelation"]),
                "runs": runs["n_runs"] / runs["expected_runs"],
                "adf": self.drift,
                "fano_bernoulli": np.where(
                    fano.columns["null_mean"] > 0, fano.statistic / fano.columns["null_mean"], np.nan
                ),
                "fano_poisson": tests["fano_poisson"].statistic,
            }

    def _row(self, name: str, pvalue: Floats, rejects: Bits, effect: Floats) -> dict[str, Any]:
        tested = ~np.isnan(pvalue)
        n_tested = int(tested.sum())
        fraction = float(rejects[tested].mean()) if n_tested else float("nan")
        effect = effect[~np.isnan(effect)]
        return {
            "n_units": pvalue.size,
            "n_tested": n_tested,
            "fraction_rejecting": fraction,
            "effect": EFFECTS[name],
            "effect_size": float(np.median(effect)) if effect.size else float("nan"),
            "pvalue": combine_pvalues(pvalue).pvalue,
            "paper_pearson": combine_pvalues(pvalue, "pearson").pvalue,
            "verdict": _verdict(name, fraction),
        }

    def _rejects(self, test: TestResult) -> Bits:
        """Rejection at level `alpha` after adjustment among the units of each layer."""
        return test.significant(alpha=self.alpha, adjust=self.adjust)

    def _units(self) -> pd.DataFrame:
        return self.tests["ljung_box"].units.copy(deep=True)

    def _repr_html_(self) -> str:
        from ann2neo.significance.result_html import render_assumptions

        return render_assumptions(self)

    def __repr__(self) -> str:
        columns = ["layer", "test", "n_tested", "fraction_rejecting", "effect", "effect_size", "pvalue"]
        table = self.verdicts()[[*columns, "verdict"]]
        said = table.to_string(index=False, float_format="{:.3g}".format)
        return f"PoissonAssumptions at level {self.alpha} after {self.adjust}:\n{said}"


def _verdict(test: str, fraction: float) -> str:
    """What a test says of a layer, from the fraction of its tested units that reject."""
    if np.isnan(fraction):
        return "untested"
    if test == "adf":
        return "no unit root" if fraction == 1 else "undecided"
    if fraction == 0:
        return "holds"
    return "violated by some" if fraction <= 0.5 else "violated"


def poisson_assumptions(
    raster: RasterLike,
    window: int = 100,
    *,
    alpha: float = 0.05,
    max_lag: int = 10,
    adjust: Adjustment = "benjamini-hochberg",
    rng: np.random.Generator | None = None,
    workers: Workers = 1,
) -> PoissonAssumptions:
    """The firing-rate paper's tests of the Poisson assumptions, and the two that suit binary trains.

    A Poisson process has spikes one at a time (binary trains do), independent of one another and of a
    constant rate. The paper's section 3.3.1 looks at independence by Ljung and Box's test, at
    stationarity by Dickey and Fuller's, and at the Fano factor by Eden and Kramer's test for Poisson
    counts. Beside them here are the runs test and the Fano factor's test for independent binary
    samples, which hold their level at every rate.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    window : int
        Samples per window of the Fano factor; samples beyond the last whole one are left out there, with
        a warning.
    alpha : float
        Level of the verdicts, in (0, 1).
    max_lag : int
        Lags of Ljung and Box's test.
    adjust : {"benjamini-hochberg", "holm"}
        How p-values are adjusted for the number of units of a layer.
    rng : numpy.random.Generator, optional
        See `ljung_box_test`.
    workers : int, concurrent.futures.Executor or dask.distributed.Client
        Who counts stretches of samples, as for `accumulate`, and tests units: the result is the same.

    Returns
    -------
    PoissonAssumptions
        ``tests``, a `TestResult` each; ``to_frame()``, a row per unit; ``verdicts()``, a row per layer
        and test.

    Raises
    ------
    ValueError
        If an argument is out of range, or the recording too short for `window` or `max_lag`.

    Notes
    -----
    Busy units fail ``fano_poisson`` because they are binary, even where they are independent and
    stationary to perfection (`fano_test`). That ``adf`` finds no unit root says little (`adf_test`); a
    drifting rate shows in ``runs``, ``fano_bernoulli`` and ``ljung_box``.

    Examples
    --------
    >>> import ann2neo as a2n, numpy as np
    >>> trains = np.random.default_rng(0).random((5000, 20)) < 0.5
    >>> a2n.poisson_assumptions(trains).verdicts()[["test", "fraction_rejecting", "verdict"]]
                 test  fraction_rejecting       verdict
    0       ljung_box                0.00         holds
    1            runs                0.00         holds
    2             adf                1.00  no unit root
    3  fano_bernoulli                0.00         holds
    4    fano_poisson                0.85      violated
    """
    raster = as_recording(raster)
    alpha = check_level(alpha, "alpha")
    adjust_pvalues([1.0], adjust)
    check_window(raster.n_samples, window, at_least=2)
    max_lag = check_max_lag(max_lag, raster.n_samples)
    if rng is not None:
        check_rng(rng)
    adf_lag = find_max_lag(None, raster.n_samples)
    makes = (
        functools.partial(FanoFactor, window),
        functools.partial(Autocorrelation, max(max_lag, adf_lag + 1)),
        functools.partial(Halves, raster.n_samples),
    )
    fano, counted, halves = accumulate(
        functools.partial(Several, makes), raster, workers=workers
    ).result()
    units, table = raster.units, counted.table
    tests = {
        "ljung_box": ljung_box_of_counts(units, table.up_to(max_lag), rng),
        "runs": runs_of_counts(units, table.up_to(1), workers),
        "adf": adf_of_counts(units, table.up_to(adf_lag + 1), adf_lag, workers),
        "fano_bernoulli": fano_of_sums(units, fano, "bernoulli", "two-sided"),
        "fano_poisson": fano_of_sums(units, fano, "poisson", "two-sided"),
    }
    return PoissonAssumptions(tests, alpha, adjust, halves.result())
