"""Rules by which alarms judge what they see, look by look."""

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


class SeparationDrop:
    """Says when a class separation, given look by look, has fallen and stayed low.

    The moving mean over the last `smoothing` looks is compared with the highest value it had within the
    last `memory` looks. `update` returns True once it has lain lower by more than the fraction `drop`
    for `patience` looks in a row. Looks during the `warm_up` are left out of it.

    Parameters
    ----------
    drop : float
        In (0, 1).
    patience : int
        Looks, at least 1: after a change of labels or classes that a network can learn, the separation
        is back before.
    smoothing, memory, warm_up : int
        Looks, at least 1.

    Examples
    --------
    >>> from ann2neo import monitoring
    >>> rule = monitoring.SeparationDrop(patience=2, smoothing=1, warm_up=1)
    >>> [rule.update(value) for value in (0.0, 0.3, 0.1, 0.3, 0.2, 0.1)]
    [False, False, False, False, False, True]
    """

    def __init__(
        self,
        drop: float = 0.3,
        *,
        patience: int = 100,
        smoothing: int = 20,
        memory: int = 400,
        warm_up: int = 100,
    ) -> None:
        self.drop = check_level(drop, "drop")
        self._patience = check_count(patience, "patience")
        self._recent: deque[float] = deque(maxlen=check_count(smoothing, "smoothing"))
        self._means: deque[float] = deque(maxlen=check_count(memory, "memory"))
        self._left = check_count(warm_up, "warm_up")
        self._low = 0

    def update(self, separation: float) -> bool:
        """Take the next class separation; whether it has fallen and stayed low."""
        if self._left:
            self._left -= 1
            return False
        self._recent.append(separation)
        if len(self._recent) < (self._recent.maxlen or 0):
            return False
        mean = sum(self._recent) / len(self._recent)
        self._means.append(mean)
        self._low = self._low + 1 if mean < (1 - self.drop) * max(self._means) else 0
        return self._low >= self._patience


class LayerDeath:
    """Says when a layer dies: its rate and the number of its silent units, given look by look.

    Parameters
    ----------
    rate_fraction : float
        In (0, 1): the firing rate must lie below this fraction of what it was at the first look,
    silent_increase : float
        in (0, 1): and the fraction of silent units above what it was by more than this,
    patience : int
        for so many looks in a row, at least 1: a fresh output layer shakes a layer in its first steps.

    Examples
    --------
    >>> from ann2neo import monitoring
    >>> rule = monitoring.LayerDeath(patience=1)
    >>> rule.update(0.5, 0.1), rule.update(0.2, 0.15), rule.update(0.2, 0.3)
    (False, False, True)
    """

    def __init__(
        self, rate_fraction: float = 0.5, silent_increase: float = 0.1, *, patience: int = 10
    ) -> None:
        self.rate_fraction = check_level(rate_fraction, "rate_fraction")
        self.silent_increase = check_level(silent_increase, "silent_increase")
        self._patience = check_count(patience, "patience")
        self._start: tuple[float, float] | None = None
        self._n_dying = 0

    def update(self, rate: float, silent_fraction: float) -> bool:
        """Take the next mean firing rate and fraction of silent units; whether the layer dies."""
        if self._start is None:
            self._start = rate, silent_fraction
        first_rate, first_silent = self._start
        falls = rate < self.rate_fraction * first_rate
        dying = falls and silent_fraction > first_silent + self.silent_increase
        self._n_dying = self._n_dying + 1 if dying else 0
        return self._n_dying >= self._patience
