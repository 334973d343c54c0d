"""How far two recordings, or two conditions of several networks, differ in an indicator."""

from __future__ import annotations

import functools
import math
import warnings

import numpy as np

from ann2neo.significance.comparison.sides import ALL, Side, Sides, read_sides
from ann2neo.significance.comparison.values import compare_networks, compare_units, drop_undefined
from ann2neo.significance.resampling.sources import Statistic
from ann2neo.significance.result import TestResult
from ann2neo.significance.statistic_arguments import describe_function
from ann2neo.spikes.argument_checks import check_count, check_level, check_rng
from ann2neo.spikes.callers import find_stacklevel
from ann2neo.statistics.rates import firing_rate


def compare(
    a: Side,
    b: Side,
    indicator: Statistic = firing_rate,
    *,
    rng: np.random.Generator,
    paired: bool | None = None,
    n_surrogates: int = 9999,
    confidence: float = 0.95,
) -> TestResult:
    """Difference of an indicator between two recordings or two sets of networks, with its interval.

    Parameters
    ----------
    a, b : SpikeRaster or what `as_raster` takes, or lists of them
        Two recordings, whose units are compared; or two lists, a recording for each network, whose means
        over units are compared: **to say anything of a condition, rather than of two networks, give
        lists**.
    indicator : callable
        From a raster to a value per unit, such as `firing_rate` or `fanofactor`. NaN are left out.
    rng : numpy.random.Generator
        For permutations, and to cut longer recordings to the shortest one's length: any samples, or a
        stretch that begins anywhere where the indicator depends on their order.
    paired : bool, optional
        Whether unit k of `a` is unit k of `b`, or network k of `a` belongs to network k of `b` (by seed,
        say). Default: of two recordings, whether both say that they are of the same weights
        (``annotations["weights_hash"]``) and have the same units; lists are not paired.
    n_surrogates : int
        Permutations, where there are more than 20,000 in all; else all are gone through.
    confidence : float
        Of the interval, in (0, 1).

    Returns
    -------
    TestResult
        One row, layer ``"all"`` and ``unit_index`` −1. ``statistic``: mean of `a` less mean of `b`;
        ``pvalue``, two-sided: of permuted units or networks by Welch's t, or of changed signs of the
        differences if paired. Columns:

        ``low``, ``high``
            Interval of the difference, Welch's, or Student's if paired; NaN where nothing varies.
        ``cliffs_delta``
            P(a > b) − P(a < b), from −1 to 1.
        ``hedges_g``
            Difference over the pooled standard deviation, without its bias in small samples.
        ``pvalue_wilcoxon``
            Of the rank-sum (Mann–Whitney) test, or the signed-rank test if paired.
        ``pvalue_mixed``
            For networks: of the condition in a linear mixed model of all units with an intercept for
            each network (statsmodels' ``MixedLM``), by Student's law; NaN where it cannot be fitted.
        ``n_a``, ``n_b``
            Units, or networks, compared.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or pairs do not match.

    Warns
    -----
    UserWarning
        If there are so few networks or units that the p-value of the permutation test can lie at or
        below 1 − `confidence` for no difference, however large: three against three networks, or five
        pairs, for .05.

    Notes
    -----
    Of two recordings the p-value takes units for independent draws. The units of a layer were trained
    together: where networks of one condition differ by a fifth of their units' spread (an intraclass
    correlation of .04), tests of units find conditions different that are not. Tests of 10 against 10
    networks hold their level there.

    References
    ----------
    Janssen, Statistics & Probability Letters 36 (1997) 9 (permuted Welch's t); Cliff, Psychological
    Bulletin 114 (1993) 494; Hedges, Journal of Educational Statistics 6 (1981) 107.

    Examples
    --------
    >>> import ann2neo as a2n, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> quiet = [rng.random((500, 30)) < rng.normal(0.2, 0.02) for _ in range(6)]
    >>> busy = [rng.random((500, 30)) < rng.normal(0.3, 0.02) for _ in range(6)]
    >>> result = a2n.compare(quiet, busy, rng=rng)
    >>> result.to_frame()[["statistic", "pvalue", "low", "high", "cliffs_delta"]].round(3)
       statistic  pvalue   low   high  cliffs_delta
    0     -0.082   0.002 -0.11 -0.054          -1.0
    """
    rng = check_rng(rng)
    n_surrogates = check_count(n_surrogates, "n_surrogates")
    confidence = check_level(confidence, "confidence")
    sides = read_sides(a, b, indicator, paired, rng)
    test = functools.partial(
        compare_networks if sides.networks else compare_units,
        paired=sides.paired,
        rng=rng,
        n_permutations=n_surrogates,
        confidence=confidence,
    )
    _warn_of_few(sides, confidence)
    found = test(sides.a, sides.b) if sides.networks else test(sides.a[0], sides.b[0])
    name = describe_function(indicator)
    things = "networks" if sides.networks else "units"
    columns = {
        key: np.array([value])
        for key, value in vars(found).items()
        if key not in ("difference", "pvalue")
    }
    return TestResult(
        np.array([found.difference]),
        np.array([found.pvalue]),
        f"{name} has one mean over the {things} of both sides",
        f"difference of means over {'pairs of ' if sides.paired else ''}{things}, permutation test",
        {
            "indicator": name,
            "paired": sides.paired,
            "n_samples": sides.n_samples,
            "n_surrogates": n_surrogates,
            "confidence": confidence,
        },
        ALL,
        columns,
    )


def _warn_of_few(sides: Sides, confidence: float) -> None:
    """Say where the permutation test has too few orders to reject at all."""
    n_a, n_b = (side.size for side in drop_undefined(*sides.numbers, sides.paired))
    if min(n_a, n_b) < 2:
        return
    # Of equal numbers, both ways to name the sides are as far off.
    least = 2 / 2**n_a if sides.paired else (1 + (n_a == n_b)) / math.comb(n_a + n_b, n_a)
    if least > 1 - confidence:
        things = "networks" if sides.networks else "units"
        many = f"{n_a} pairs of {things}" if sides.paired else f"{n_a} and {n_b} {things}"
        warnings.warn(
            f"no difference can be significant at the level of {1 - confidence:.2g}: p-values of {many} "
            f"are at least {least:.2g}",
            stacklevel=find_stacklevel(),
        )
