"""The law of spike pairs that share a window, when every order of a unit's samples is equally likely.

A unit with K spikes in W windows of w samples has Fano factor (W Σc² − K²) / (W K), and Σc² = 2A + K
with A = Σ c (c − 1) / 2 the number of pairs of spikes in the same window. Given K, under independence
of samples, the counts c are multivariate hypergeometric: A, and so the Fano factor, has a law without
unknowns. Its first three moments are exact here for every K, the law itself where it is coarse: where
spikes or pauses are rare, or windows few.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import fft, special

UNRESOLVED = 1e-10
"""The exact law is computed by Fourier transforms, whose rounding hides smaller probabilities."""

# Up to this many grid points the exact law is computed; beyond, it is finely spread and smooth, or less
# so where windows are few: there are more points then, since a sum of few squares leaves gaps.
_GRID, _GRID_OF_FEW, _FEW = 2**18, 2**21, 32

# With two or three windows the law is a sum over up to this many ways to fill them.
_WAYS = 2**20


def tails(
    pairs: np.ndarray, ones: np.ndarray, window: int, n_windows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P(A ≤ pairs) and P(A ≥ pairs) of each unit, NaN where A cannot vary, and A's variance.

    Parameters
    ----------
    pairs, ones : array of int64, shape (n_units,)
        Pairs of spikes in the same window, and spikes, of each unit.
    window, n_windows : int
    """
    pairs, ones = _of_the_rarer(pairs, ones, window, n_windows)
    mean, variance, skewness = moments(ones, window, n_windows)
    lower, upper = _smooth_tails(pairs, mean, variance, skewness)
    varies = variance > 0
    lower[~varies] = upper[~varies] = np.nan
    by_ones = dict(zip(ones[varies].tolist(), variance[varies].tolist(), strict=True))
    for k, law in _laws(by_ones, window, n_windows):
        units = ones == k
        lower[units], upper[units] = law.tails(pairs[units])
    return lower, upper, variance


def moments(ones: Any, window: int, n_windows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance and skewness of A for units of `ones` spikes; skewness 0 where A cannot vary.

    From the factorial moments E[Π c_i^(r_i)] = Π w^(r_i) · K^(r) / n^(r) with r = Σ r_i and
    x^(r) = x (x − 1) … (x − r + 1): b = c^(2) has b² = c^(4) + 4 c^(3) + 2 c^(2) and
    b³ = c^(6) + 12 c^(5) + 38 c^(4) + 32 c^(3) + 4 c^(2), and A = Σ b / 2.
    """
    w = [math.perm(window, r) for r in range(7)]
    m, n = n_windows, window * n_windows
    two, three = m * (m - 1), m * (m - 1) * (m - 2)
    # Coefficients of K^(r) / n^(r) in E[B], E[B²] and E[B³], B = 2A.
    first = {2: m * w[2]}
    second = {2: 2 * m * w[2], 3: 4 * m * w[3], 4: m * w[4] + two * w[2] ** 2}
    third = {
        2: 4 * m * w[2],
        3: 32 * m * w[3],
        4: 38 * m * w[4] + 3 * two * 2 * w[2] ** 2,
        5: 12 * m * w[5] + 3 * two * 4 * w[3] * w[2],
        6: m * w[6] + 3 * two * w[4] * w[2] + three * w[2] ** 3,
    }
    # Over the common denominator n^(6) everything is whole, and nearly equal numbers cancel exactly.
    # Factors of it that are not positive are left out: they meet a K^(r) that is 0.
    rest = [math.prod(max(n - i, 1) for i in range(r, 6)) for r in range(7)]
    raw = [[(r, c * rest[r]) for r, c in moment.items()] for moment in (first, second, third)]
    # Whole numbers of any size are slow: once for each number of spikes.
    numbers, which = np.unique(np.asarray(ones, np.int64), return_inverse=True)
    central = [_central(int(k), rest[0], raw) for k in numbers]
    mean, variance, skewness = np.array(central, np.float64).reshape(-1, 3)[which].T
    return mean, variance, skewness


def _central(k: int, d: int, raw: list[list[tuple[int, int]]]) -> tuple[float, float, float]:
    """Mean, variance and skewness of A from the terms of d · E[B], d · E[B²] and d · E[B³]."""
    falling = [math.perm(k, r) for r in range(7)]
    e1, e2, e3 = (sum(c * falling[r] for r, c in moment) for moment in raw)
    variance = e2 * d - e1**2
    if variance == 0:
        return e1 / (2 * d), 0.0, 0.0
    third = e3 * d**2 - 3 * e2 * e1 * d + 2 * e1**3
    return e1 / (2 * d), variance / (4 * d**2), third / d**3 / (variance / d**2) ** 1.5


def _of_the_rarer(
    pairs: np.ndarray, ones: np.ndarray, window: int, n_windows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs and number of spikes, or of pauses where those are rarer: pairs differ by a constant."""
    n = window * n_windows
    pauses = pairs + n_windows * (window * (window - 1) // 2) - (window - 1) * ones
    often = 2 * ones > n
    return np.where(often, pauses, pairs), np.where(often, n - ones, ones)


def _smooth_tails(
    pairs: np.ndarray, mean: np.ndarray, variance: np.ndarray, skewness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tails of the moved gamma law (mirrored for negative skewness) of the same three moments."""
    sd = np.sqrt(np.where(variance > 0, variance, 1))
    # A half on either side: A is whole.
    below = pearson3((pairs + 0.5 - mean) / sd, skewness)
    above = pearson3(-(pairs - 0.5 - mean) / sd, -skewness)
    return below, above


def pearson3(z: np.ndarray, skewness: np.ndarray) -> np.ndarray:
    """Distribution function of the standardized Pearson type III law."""
    straight = np.abs(skewness) < 1e-4
    shape = 4 / np.where(straight, 1, skewness) ** 2
    up = special.gammainc(shape, np.maximum(0, shape + z * np.sqrt(shape)))
    down = special.gammaincc(shape, np.maximum(0, shape - z * np.sqrt(shape)))
    result: np.ndarray = np.where(straight, special.ndtr(z), np.where(skewness > 0, up, down))
    return result


def _laws(variance: dict[int, float], window: int, n_windows: int) -> Iterator[tuple[int, _Law]]:
    """The exact law for each number of spikes, the variances' keys, where it is small enough."""
    if n_windows <= 3:
        for k in variance:
            c = _likely_counts(k, window, n_windows)
            if c.size ** (n_windows - 1) <= _WAYS:
                yield k, _law_by_counts(k, c, window, n_windows)
        return
    most = _GRID_OF_FEW if n_windows <= _FEW else _GRID
    small = [k for k, v in variance.items() if math.prod(_grid(k, v, window, n_windows)) <= most]
    for block in _blocks(sorted(small)):
        yield from _exact_laws(block, variance[block[-1]], window, n_windows).items()


def _grid(ones: int, variance: float, window: int, n_windows: int) -> tuple[int, int]:
    """Spike totals, and values of A, between whose repetitions all but 1e-14 of the law lies."""
    rate = ones / (window * n_windows)
    spread = window * rate * (1 - rate)
    # Only totals near `ones` are looked at: those over eight standard deviations off may fall elsewhere.
    totals = int(10 * math.sqrt(n_windows * spread)) + 40
    # A is nearly spread / 2 · χ², whose tails end 8 sd below and 8 sd + 32 spread above the mean
    # (Laurent and Massart's bounds).
    values = int(16 * math.sqrt(variance) + 32 * spread) + 64
    return fft.next_fast_len(min(totals, window * n_windows + 1)), fft.next_fast_len(values, real=True)


def _blocks(ones: list[int]) -> list[list[int]]:
    """Numbers of spikes close enough to one another to share a transform."""
    blocks: list[list[int]] = []
    for k in ones:
        if blocks and k <= blocks[-1][0] + 2 * math.sqrt(blocks[-1][0]):
            blocks[-1].append(k)
        else:
            blocks.append([k])
    return blocks


class _Law:
    """Rising values of A and their probabilities, up to a common factor."""

    def __init__(self, values: np.ndarray, probability: np.ndarray) -> None:
        self.values = values
        probability = probability / probability.sum()
        self.below = np.cumsum(probability)
        self.above = np.cumsum(probability[::-1])[::-1]

    def tails(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lower = np.append(0, self.below)[np.searchsorted(self.values, pairs, "right")]
        upper = np.append(self.above, 0)[np.searchsorted(self.values, pairs, "left")]
        return np.clip(lower, UNRESOLVED, 1), np.clip(upper, UNRESOLVED, 1)


def _likely_counts(ones: int, window: int, n_windows: int) -> np.ndarray:
    """Counts of one window, all but 1e-14 of their law."""
    mean = ones / n_windows
    reach = int(8 * math.sqrt(mean * (1 - mean / window))) + 30
    return np.arange(max(0, int(mean) - reach), min(window, int(mean) + reach) + 1)


def _law_by_counts(ones: int, c: np.ndarray, window: int, n_windows: int) -> _Law:
    """The law of A over all ways to spread spikes over few windows, of counts among `c`."""
    free = np.meshgrid(*[c] * (n_windows - 1))
    last = ones - np.sum(free, axis=0)
    likely = (c[0] <= last) & (last <= c[-1])
    counts = np.array([one[likely] for one in (*free, last)])
    chance = _binomial(c, window, ones / (window * n_windows))[counts - c[0]].prod(axis=0)
    # Much faster than by numpy.unique, which sorts them all.
    place, values = pd.factorize((counts * (counts - 1) // 2).sum(axis=0), sort=True)
    return _Law(values, np.bincount(place, chance))


def _exact_laws(block: list[int], variance: float, window: int, n_windows: int) -> dict[int, _Law]:
    """The law of A for each number of spikes in `block`.

    The joint law of Σc and A over windows of independent samples is a W-fold convolution, and given Σc
    the rate drops out. A is shifted so that it hardly moves with Σc; what wraps around is under 1e-14.
    """
    n, middle = window * n_windows, block[len(block) // 2]
    n_totals, n_values = _grid(block[-1], variance, window, n_windows)
    base = round(middle / n_windows)
    chance = _binomial(np.arange(window + 1), window, middle / n)
    c = np.flatnonzero(chance > 1e-20)
    chance, shifted = chance[c], (c - base) * (c - base - 1) // 2
    one_window = np.zeros((n_totals, n_values))
    one_window[c % n_totals, shifted % n_values] = chance
    transform = power(fft.rfft2(one_window), n_windows)
    joint = fft.irfft2(transform, one_window.shape)[np.array(block) % n_totals]
    means = moments(block, window, n_windows)[0]
    laws = {}
    for k, mean, probability in zip(block, means, joint, strict=True):
        offset = n_windows * base * (base + 1) // 2 - base * k
        first = max(0, int(mean + offset - 8 * np.sqrt(variance)) - 1)
        probability = np.maximum(np.roll(probability, -first), 0)
        laws[k] = _Law(first - offset + np.arange(probability.size), probability)
    return laws


def power(base: np.ndarray, exponent: int) -> np.ndarray:
    """`base` to a whole power; NumPy's own takes logarithms of complex numbers."""
    result = np.ones_like(base)
    while exponent:
        if exponent & 1:
            result = result * base
        exponent >>= 1
        if exponent:
            base = base * base
    return result


def _binomial(c: np.ndarray, n: int, p: float) -> np.ndarray:
    log = special.gammaln(n + 1) - special.gammaln(c + 1) - special.gammaln(n - c + 1)
    result: np.ndarray = np.exp(log + special.xlogy(c, p) + special.xlog1py(n - c, -p))
    return result
