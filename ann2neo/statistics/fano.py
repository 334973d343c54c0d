"""How spike counts vary from window to window."""

from __future__ import annotations

from typing import Any

import numpy as np

from ann2neo.spikes.as_raster import as_recording
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.typing import RasterLike
from ann2neo.statistics.accumulators.accumulator import Accumulator
from ann2neo.statistics.moments import center_products
from ann2neo.statistics.windows import CutWindows, check_window


def fanofactor(raster: RasterLike, window: int = 100, *, ddof: int = 0) -> np.ndarray:
    """Variance over mean of a unit's spike counts in consecutive windows.

    For a unit that fires independently at each sample with probability p it is 1 − p in expectation, not
    the 1 of a Poisson process: at most one spike fits a sample.

    Parameters
    ----------
    raster : SpikeRaster or what `as_raster` takes
    window : int
        Samples per window, from 1 to ``n_samples // (ddof + 1)``. Samples beyond the last whole window
        are left out, with a warning.
    ddof : {0, 1}
        Divisor of the variance is ``n_windows - ddof``: 0 as in Elephant and the paper, 1 for an
        unbiased variance.

    Returns
    -------
    array of float, shape (n_units,)
        NaN for a unit without spikes in any window.

    Raises
    ------
    ValueError
        If `window` or `ddof` is out of range.

    Notes
    -----
    ``elephant.statistics.fanofactor`` compares several trains (trials of one neuron); this one compares
    windows of one train, as Lehmler et al. (2024) do.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> a2n.fanofactor(np.array([[1], [1], [0], [0], [1], [0]]), window=2)
    array([0.66666667])
    """
    raster = as_recording(raster)
    check_ddof(ddof)
    check_window(raster.n_samples, window, at_least=ddof + 1)
    return FanoFactor(window, ddof=ddof).update(raster).result()


def check_ddof(ddof: int) -> None:
    """Refuse anything but 0 and 1."""
    whole = isinstance(ddof, (int, np.integer)) and not isinstance(ddof, bool)
    if not whole or ddof not in (0, 1):
        raise ValueError(f"ddof must be 0 or 1, got {ddof!r:.80}")


class FanoFactor(Accumulator):
    """Accumulator of `fanofactor`; says nothing of samples beyond the last whole window.

    Parameters
    ----------
    window, ddof
        As for `fanofactor`.
    start : int
        Place in the recording of the first sample this accumulator will see: windows are counted from
        the first sample of the recording.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> from ann2neo.statistics.fano import FanoFactor
    >>> fano = FanoFactor(window=2)
    >>> for chunk in np.array_split(np.array([[1], [1], [0], [0], [1], [0]]), 2):
    ...     fano = fano.update(chunk)
    >>> fano.result()
    array([0.66666667])
    """

    _by_unit = True
    _settings = ("window", "ddof")
    _kept = (CutWindows,)

    def __init__(self, window: int = 100, *, ddof: int = 0, start: int = 0) -> None:
        super().__init__(start=start)
        check_ddof(ddof)
        self.ddof = ddof
        self.n_windows = 0
        self.sum: Any = 0
        self.sum_of_squares: Any = 0
        self._windows = CutWindows(window, start)
        self.window = self._windows.window

    def result(self) -> np.ndarray:
        """The Fano factor over the whole windows seen, shape (n_units,)."""
        if self.n_windows <= self.ddof:
            raise ValueError(
                f"needs more than {self.ddof} whole windows of {self._windows.window} samples, "
                f"has {self.n_windows}"
            )
        return fano_from_sums(self.sum, self.sum_of_squares, self.n_windows, self.ddof)

    def _update(self, chunk: SpikeRaster) -> None:
        self._add(self._windows.update(chunk))

    def _merge(self, later: FanoFactor) -> None:
        completed = self._windows.merge(later._windows)
        self.n_windows += later.n_windows
        self.sum = self.sum + later.sum
        self.sum_of_squares = self.sum_of_squares + later.sum_of_squares
        if completed.size:
            self._add(completed)

    def _add(self, counts: np.ndarray) -> None:
        self.n_windows += counts.shape[1]
        self.sum = self.sum + counts.sum(axis=1)
        self.sum_of_squares = self.sum_of_squares + np.einsum("uw,uw->u", counts, counts)


def fano_from_sums(
    total: np.ndarray, total_of_squares: np.ndarray, n_windows: int, ddof: int
) -> np.ndarray:
    """Variance over mean from Σc and Σc² over windows: (W Σc² − (Σc)²) / ((W − ddof) Σc)."""
    spread = center_products(n_windows, total_of_squares, total, total)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: np.ndarray = spread / ((n_windows - ddof) * total.astype(float))
        return result
