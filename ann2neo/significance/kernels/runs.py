# mypy: disable-error-code="no-untyped-def"
"""The compiled loop over the exact law of the number of runs of a random order of samples."""

from __future__ import annotations

import math

import numba


@numba.njit(nogil=True, cache=True)
def tails_of_runs(n, n_runs, ones, mean, variance, tail, own):
    """Probability of `n_runs` and of what lies farther from the mean, and of `n_runs` alone.

    With K spikes and M = n − K pauses, C = C(K−1, j−1) C(M−1, j−1) / C(n, K) gives
    P(2j) = 2 C and P(2j + 1) = C (n − 2j) / j.
    """
    for u in range(ones.size):
        k, m, r = ones[u], n - ones[u], n_runs[u]
        # Bernstein's inequality leaves less than 1e-17 of the probability beyond this.
        reach = int(9 * math.sqrt(variance[u])) + 200
        j = r >> 1
        core = math.exp(_log_binomial(k - 1, j - 1) + _log_binomial(m - 1, j - 1) - _log_binomial(n, k))
        step = -1 if r <= mean[u] else 1
        last = max(2, r - reach) if step < 0 else min(2 * min(k, m) + (k != m), r + reach)
        total = 0.0
        while True:
            here = 2 * core if r & 1 == 0 else core * ((n - 2 * j) / j)
            if r == n_runs[u]:
                own[u] = here
            total += here
            if r == last:
                break
            r += step
            if step < 0 and r & 1:
                # From 2j down to 2 (j − 1) + 1.
                j -= 1
                core *= (j / (k - j)) * (j / (m - j))
            elif step > 0 and r & 1 == 0:
                core *= ((k - j) / j) * ((m - j) / j)
                j += 1
        tail[u] = total


@numba.njit(nogil=True, cache=True, inline="always")
def _log_binomial(n, k):
    return math.lgamma(n + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)
