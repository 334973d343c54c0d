"""Are two recordings, or two conditions, the same up to a margin?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from ann2neo.significance.comparison.sides import ALL, Side, read_sides
from ann2neo.significance.comparison.values import drop_undefined, interval, standard_error
from ann2neo.significance.resampling.sources import Statistic
from ann2neo.significance.result import TestResult
from ann2neo.significance.statistic_arguments import describe_function
from ann2neo.spikes.argument_checks import check_level, check_rng
from ann2neo.spikes.typing import Floats
from ann2neo.statistics.rates import firing_rate


def equivalence(
    a: Side,
    b: Side,
    indicator: Statistic = firing_rate,
    *,
    margin: float | tuple[float, float],
    paired: bool | None = None,
    alpha: float = 0.05,
    rng: np.random.Generator | None = None,
) -> TestResult:
    """Two one-sided tests that a difference of means lies within a margin.

    That a test of a difference does not reject is no evidence that there is none. This one's null
    hypothesis is that the difference is at least as large as the margin: rejecting says "the same, up to
    the margin".

    Parameters
    ----------
    a, b : SpikeRaster or what `as_raster` takes, or lists of them
        As for `compare`: two recordings' units, or networks' means.
    indicator : callable
        From a raster to a value per unit. NaN are left out.
    margin : float or pair of float
        Differences between −`margin` and `margin`, or between the two, count as none. To be chosen
        before looking, in the indicator's own measure.
    paired : bool, optional
        As for `compare`.
    alpha : float
        Level, in (0, 1): ``low`` and ``high`` end the interval of confidence 1 − 2 `alpha`, which lies
        within the margin exactly where the p-value is below `alpha`.
    rng : numpy.random.Generator, optional
        Needed for recordings of different length, which are cut to the shortest one's by chance.

    Returns
    -------
    TestResult
        One row: ``statistic``, mean of `a` less mean of `b`; ``pvalue``, the larger of the two; columns
        ``pvalue_lower`` (against a difference of at most the lower margin), ``pvalue_upper``, ``low``,
        ``high``, ``n_a`` and ``n_b``. NaN for fewer than two units or networks on a side, and
        the p-values and the interval where none of them vary.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.

    References
    ----------
    Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657; statsmodels'
    ``ttost_ind`` (``usevar="unequal"``) and ``ttost_paired``, which this agrees with.

    Examples
    --------
    >>> import ann2neo as a2n, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> train, test = rng.random((2, 2000, 40)) < rng.uniform(0.1, 0.5, 40)
    >>> result = a2n.equivalence(train, test, margin=0.02, paired=True)
    >>> float(result.pvalue[0]) < 0.001
    True
    """
    alpha = check_level(alpha, "alpha")
    if alpha >= 0.5:
        raise ValueError(f"alpha must lie in (0, 0.5), got {alpha}")
    least, most = _check_margin(margin)
    sides = read_sides(a, b, indicator, paired, None if rng is None else check_rng(rng))
    first, second = drop_undefined(*sides.numbers, sides.paired)
    found = two_one_sided_tests(first, second, least, most, sides.paired, alpha)
    name, things = describe_function(indicator), "networks" if sides.networks else "units"
    return TestResult(
        np.array([found.pop("difference")]),
        np.array([np.maximum(found["pvalue_lower"], found["pvalue_upper"])]),
        f"means of {name} over the {things} of both sides differ by {least} or less, or {most} or more",
        "two one-sided tests of equivalence",
        {
            "indicator": name,
            "margin": (least, most),
            "paired": sides.paired,
            "n_samples": sides.n_samples,
            "alpha": alpha,
        },
        ALL,
        {key: np.array([value]) for key, value in found.items()},
    )


def two_one_sided_tests(
    a: Floats, b: Floats, least: float, most: float, paired: bool, alpha: float
) -> dict[str, Any]:
    """Difference of means, both p-values, the interval of confidence 1 − 2 `alpha`, and the numbers."""
    found: dict[str, Any] = dict.fromkeys(
        ("difference", "pvalue_lower", "pvalue_upper", "low", "high"), float("nan")
    )
    if min(a.size, b.size) >= 2:
        difference = float(a.mean() - b.mean())
        error, degrees = standard_error(a, b, paired=paired)
        low, high = interval(a, b, paired=paired, confidence=1 - 2 * alpha)
        with np.errstate(divide="ignore", invalid="ignore"):
            above, below = np.divide([difference - least, most - difference], error)
        found = {
            "difference": difference,
            "pvalue_lower": float(special.stdtr(degrees, -above)),
            "pvalue_upper": float(special.stdtr(degrees, -below)),
            "low": low,
            "high": high,
        }
    return {**found, "n_a": a.size, "n_b": b.size}


def _check_margin(margin: Any) -> tuple[float, float]:
    try:
        ends = (-margin, margin) if np.ndim(margin) == 0 else tuple(margin)
        least, most = (float(end) for end in ends)
    except (TypeError, ValueError):
        raise TypeError(
            f"margin must be a positive number or a pair of numbers, got {margin!r:.80}"
        ) from None
    if not (math.isfinite(least) and math.isfinite(most) and least < most):
        raise ValueError(f"margin must be positive, or a rising pair, got {margin!r:.80}")
    return least, most
