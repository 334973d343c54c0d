"""What one layer did at every look at a network: bits at once, numbers when asked."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.recording.observation import Site
from ann2neo.recording.thresholds import evaluate
from ann2neo.spikes import kernels
from ann2neo.spikes.packing import pack
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import default_samples
from ann2neo.spikes.words import freeze, n_words
from ann2neo.statistics.fano import fano_from_sums

_BUFFER_BYTES = 4 * 2**20


class LayerTrace:
    """Packed activity of one layer, a slot per look.

    A sample of the data set is one sample of the raster, or with `by_channel` one for each position in
    the layer.

    Parameters
    ----------
    site : Site
    level : float, array or callable
        Threshold of the layer's units.
    by_channel : bool
        Channels are the units, as with ``conv_units="channels"``.
    batch : array
        Activations of some samples, which show the number of positions.
    n_samples : int
        Samples of the data set at each look.
    n_slots : int, optional
        Looks that are held; by default as many as fit into bounded memory.

    Attributes
    ----------
    words : array of uint64, shape (n_slots, n_units, n_words)
        The bits of the looks at hand.
    """

    def __init__(
        self,
        site: Site,
        level: Any,
        by_channel: bool,
        batch: npt.NDArray[Any],
        n_samples: int,
        *,
        n_slots: int | None = None,
    ) -> None:
        self.site = site
        self._level = level
        self._by_channel = by_channel
        self._units = site.channels() if by_channel else site.units()
        self._positions = site.positions(batch) if by_channel else None
        self.per_sample = 1 if self._positions is None else len(self._positions)
        width = n_words(n_samples * self.per_sample)
        if n_slots is None:
            n_slots = max(1, min(1024, _BUFFER_BYTES // (8 * width * len(self._units))))
        self.words = np.zeros((n_slots, len(self._units), width), np.uint64)

    def pack(
        self, slot: int, start: int, activations: npt.NDArray[Any], n_batch: int, *, check: bool
    ) -> bool:
        """Put the batch that begins at sample `start` into a slot; False if a value is not finite."""
        of = self.site.by_channel if self._by_channel else self.site.by_unit
        block = of(activations)
        # The kernel writes where it is told to: a wrong number of rows must not get that far.
        if len(block) != n_batch * self.per_sample:
            raise ValueError(
                f"layer {self.site.name!r} gave {len(block)} rows for {n_batch} samples, not "
                f"{n_batch * self.per_sample}: its first axis is not the samples, or they vary in shape"
            )
        level = evaluate(self._level, block, self.site, check=check)
        if start == 0:
            self.words[slot] = 0
        return pack(block, level, self.words[slot], start * self.per_sample)

    def firing_rates(self, slots: slice, start: int, stop: int) -> npt.NDArray[Any]:
        """Spikes per sample over the samples from `start` to `stop`, shape (n_slots, n_units)."""
        size = (stop - start) * self.per_sample
        return self._counts(slots, start, size, 1)[..., 0] / size

    def fanofactors(self, slots: slice, start: int, stop: int, window: int) -> npt.NDArray[Any]:
        """Fano factors as `ann2neo.fanofactor` gives them, shape (n_slots, n_units)."""
        n_windows = (stop - start) * self.per_sample // window
        counts = self._counts(slots, start, window, n_windows)
        squares = np.einsum("suw,suw->su", counts, counts)
        return fano_from_sums(counts.sum(axis=2), squares, n_windows, 0)

    def raster(self, slot: int, start: int, stop: int) -> SpikeRaster:
        """The samples from `start` to `stop` at one look, counted from 0 as a data set of their own."""
        order = np.arange(start * self.per_sample, stop * self.per_sample)
        words = np.zeros((len(self._units), n_words(order.size)), np.uint64)
        kernels.gather(self.words[slot], order, words)
        samples = default_samples(stop - start)
        if self._positions is not None:
            samples = samples.loc[samples.index.repeat(self.per_sample)].reset_index(drop=True)
            for axis in self._positions:
                samples[axis] = np.tile(self._positions[axis], stop - start)
        return SpikeRaster(freeze(words), order.size, self._units, samples)

    def _counts(self, slots: slice, start: int, window: int, n_windows: int) -> npt.NDArray[Any]:
        words = self.words[slots]
        counts = np.empty((*words.shape[:2], n_windows), np.int64)
        flat = counts.reshape(-1, n_windows)
        kernels.window_counts(words.reshape(-1, words.shape[2]), start * self.per_sample, window, flat)
        return counts
