"""A change-point rule on the firing rate of a network in training."""

from __future__ import annotations

from collections import deque

from ann2neo.spikes.argument_checks import check_count, check_level


class RateDrop:
    """Says when a mean firing rate, given look by look, has fallen as it does when labels turn random.

    The moving mean of the rate over the last `smoothing` looks is compared with the highest value it had
    within the last `memory` looks. `update` returns True once it lies lower by more than the fraction
    `drop`. Looks during the `warm_up` at the start of training are left out of it.

    Parameters
    ----------
    drop : float
        In (0, 1).
    smoothing, memory : int
        Looks, at least 1.
    warm_up : int
        Looks, at least 1: the first rates of a training rise, fall and shake by themselves.

    Notes
    -----
    When labels turn random, the rate of the last hidden layer falls within tens of batches to a fraction
    of what it was (Lehmler et al. 2024); while a network generalizes, it drifts, slower than `memory`
    forgets. The comparison is relative, so that it does not matter how high the rate stood.

    Examples
    --------
    >>> from ann2neo import monitoring
    >>> rule = monitoring.RateDrop(smoothing=2, warm_up=1)
    >>> [rule.update(rate) for rate in (0.9, 0.6, 0.62, 0.61, 0.4, 0.4)]
    [False, False, False, False, False, True]
    """

    def __init__(
        self, drop: float = 0.2, *, smoothing: int = 20, memory: int = 400, warm_up: int = 100
    ) -> None:
        self.drop = check_level(drop, "drop")
        self._recent: deque[float] = deque(maxlen=check_count(smoothing, "smoothing"))
        self._means: deque[float] = deque(maxlen=check_count(memory, "memory"))
        self._left = check_count(warm_up, "warm_up")

    def update(self, rate: float) -> bool:
        """Take the next rate, spikes per sample; whether it has fallen."""
        if self._left:
            self._left -= 1
            return False
        self._recent.append(rate)
        if len(self._recent) < (self._recent.maxlen or 0):
            return False
        mean = sum(self._recent) / len(self._recent)
        self._means.append(mean)
        return mean < (1 - self.drop) * max(self._means)
