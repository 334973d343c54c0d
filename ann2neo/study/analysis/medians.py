"""What can be said of differences between networks that were trained separately."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

LEVEL = 0.95


@dataclass(frozen=True)
class Median:
    """The median of values, its distribution-free interval and the sign test of `null`.

    Parameters
    ----------
    value, low, high : float
        Median and the ends of its 95 % interval, NaN where there are too few values.
    pvalue : float
        Two-sided; NaN without values.
    n : int
        Number of values.
    null : float
        The median that was tested.
    """

    value: float
    low: float
    high: float
    pvalue: float
    n: int
    null: float

    def side(self) -> int:
        """1 if the whole interval is above `null`, −1 if it is below, 0 if neither can be said."""
        return int(self.low > self.null) - int(self.high < self.null)


def compute_median(values: ArrayLike, null: float = 0.0) -> Median:
    """The median of independent values, with its interval, and the sign test that it is `null`.

    Parameters
    ----------
    values : array_like of float
        NaN are left out. Taken to twelve decimals.
    null : float
        Median under the null hypothesis.

    Notes
    -----
    Supposes that the values are independent, and nothing of their distribution; the interval covers the
    median with a probability of at least 95 %. Fewer than six values have none: five are
    all on one side of it once in 16 times.

    References
    ----------
    Conover, Practical Nonparametric Statistics (1999), sections 3.1 and 3.2; SciPy's
    ``stats.quantile_test``.

    Examples
    --------
    >>> from ann2neo.study.analysis.medians import compute_median
    >>> found = compute_median([-0.4, -0.3, -0.5, -0.2, -0.4, -0.1])
    >>> found.value, found.low, found.high, found.pvalue, found.side()
    (-0.35, -0.5, -0.1, 0.03125, -1)
    """
    # Late, because every worker of a study imports this module and none of them needs SciPy's.
    from scipy import stats

    known = np.asarray(values, dtype=float)
    # Differences of equal numbers can be a last bit away from 0, which a sign test would count.
    known = np.round(known[~np.isnan(known)], 12)
    if not known.size:
        return Median(np.nan, np.nan, np.nan, np.nan, 0, null)
    test = stats.quantile_test(known, q=null, p=0.5)
    interval = test.confidence_interval(confidence_level=LEVEL)
    return Median(
        float(np.median(known)),
        float(interval.low),
        float(interval.high),
        float(test.pvalue),
        known.size,
        null,
    )
