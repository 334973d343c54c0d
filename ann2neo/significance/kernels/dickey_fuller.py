# mypy: disable-error-code="no-untyped-def"
"""The compiled loops of the augmented Dickey–Fuller test: regressions from integer lag counts."""

from __future__ import annotations

import math

import numba
import numpy as np

# A regressor is taken to be a combination of the others, and a fit to be perfect, where less than this
# fraction of its variance is left: rounding leaves 1e-14.
_COLLINEAR = 1e-11


@numba.njit(nogil=True, cache=True)
def dickey_fuller(n_samples, max_lag, counts, head, tail, statistic, lag):
    """Statistic and number of lagged differences, the one of the lowest AIC, of each unit.

    ``counts``, ``head`` and ``tail`` are those of `LaggedCounts` for lags up to ``max_lag + 1``. Both
    results are NaN where a regression is singular or perfect.
    """
    size = max_lag + 2
    covariance = np.empty((size, size), np.int64)
    matrix = np.empty((size, size))
    for u in range(counts.shape[0]):
        statistic[u] = lag[u] = np.nan
        lag_covariances(n_samples, max_lag, counts[u], head[u], tail[u], covariance)
        if not _factorize(covariance, max_lag, False, matrix):
            continue
        best = _lowest_aic(matrix[max_lag + 1], n_samples - max_lag - 1)
        lag[u] = best
        lag_covariances(n_samples, best, counts[u], head[u], tail[u], covariance)
        if _factorize(covariance, best, True, matrix):
            degrees = n_samples - 1 - best - (best + 2)
            statistic[u] = math.sqrt(degrees) * matrix[best + 1, best] / matrix[best + 1, best + 1]


@numba.njit(nogil=True, cache=True)
def lag_covariances(n_samples, lag, counts, head, tail, out):
    """N² times the covariances of x[t], x[t−1] … x[t−lag−1] over the N samples t > lag.

    Exact in int64 for fewer than 3·10⁹ samples.
    """
    m, last = lag + 1, tail.size - 1
    for d in range(m + 1):
        # Σ x[t−i] x[t−j] with j = i + d is c_d less the products before the first and after the last t:
        # m − j of them at the head of the train, i of them at its end.
        before, after = 0, 0
        for i in range(m - d):
            before += head[i] & head[i + d]
        for i in range(m - d + 1):
            out[i, i + d] = counts[d] - before - after
            if i < m - d:
                before -= head[m - d - 1 - i] & head[m - 1 - i]
                after += tail[last - i] & tail[last - i - d]
    for i in range(m + 1):
        for j in range(m, i, -1):
            # Bits are their own squares.
            out[i, j] = out[j, i] = (n_samples - m) * out[i, j] - out[i, i] * out[j, j]
    for i in range(m + 1):
        out[i, i] = (n_samples - m) * out[i, i] - out[i, i] * out[i, i]


@numba.njit(nogil=True, cache=True)
def _factorize(covariance, lag, level_last, matrix):
    """Cholesky factor of the correlations of the regressors and, last, of Δx[t]; whether there is one.

    Regressors are the level x[t−1], first or last of them, and Δx[t−1] … Δx[t−lag].
    """
    size = lag + 2
    level = size - 2 if level_last else 0
    order = np.empty(size, np.int64)
    # Places of differences: Δx[t−k] is k, the level −1.
    order[level], order[size - 1] = -1, 0
    for k in range(1, lag + 1):
        order[k - 1 if level_last else k] = k
    scale = np.empty(size)
    for i in range(size):
        variance = _covariance_between(covariance, order[i], order[i])
        if variance <= 0:
            return False
        scale[i] = 1 / math.sqrt(float(variance))
    for i in range(size):
        for j in range(i + 1):
            matrix[i, j] = _covariance_between(covariance, order[i], order[j]) * scale[i] * scale[j]
    return _cholesky(matrix, size)


@numba.njit(nogil=True, cache=True)
def _cholesky(matrix, size):
    """Factor in place, of the lower triangle; False where it is singular."""
    column = np.empty(size)
    for k in range(size):
        left = matrix[k, k]
        if not left > _COLLINEAR:
            return False
        root = math.sqrt(left)
        matrix[k, k] = root
        for i in range(k + 1, size):
            matrix[i, k] /= root
            column[i] = matrix[i, k]
        for i in range(k + 1, size):
            for j in range(k + 1, i + 1):
                matrix[i, j] -= column[i] * column[j]
    return True


@numba.njit(nogil=True, cache=True, inline="always")
def _covariance_between(c, a, b):
    """Of Δx[t−a] and Δx[t−b], where −1 stands for the level x[t−1]."""
    if a < 0 and b < 0:
        return c[1, 1]
    if a < 0:
        return c[1, b] - c[1, b + 1]
    if b < 0:
        return c[1, a] - c[1, a + 1]
    return c[a, b] - c[a, b + 1] - c[a + 1, b] + c[a + 1, b + 1]


@numba.njit(nogil=True, cache=True)
def _lowest_aic(loadings, n):
    """Number of lagged differences with the lowest AIC, all tried on the same samples."""
    # What regressors beyond a model's own explain, and what none does, is what the model leaves.
    unexplained, best, lowest = loadings[-1] ** 2, loadings.size - 2, np.inf
    for p in range(loadings.size - 2, -1, -1):
        aic = n * math.log(unexplained) + 2 * p
        if aic <= lowest:
            best, lowest = p, aic
        unexplained += loadings[p] ** 2
    return best
