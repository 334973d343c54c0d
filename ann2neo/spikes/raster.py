"""SpikeRaster, the one type everything shares."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ann2neo.spikes import kernels, raster_tables
from ann2neo.spikes.argument_checks import as_bits, as_indices, checked_count, checked_period

WORD = 64


class SpikeRaster:
    """Which unit was active at which sample: the spike trains of a network, one bit a sample.

    Immutable. Samples are time bins: sample ``k`` is the bin from ``k * sampling_period`` to
    ``(k + 1) * sampling_period``.

    Parameters
    ----------
    words : array of uint64, shape (n_units, n_words)
        Bit ``t % 64`` of word ``t // 64`` is sample ``t``; bits beyond `n_samples` are zero.
        Use `from_dense` to make a raster from a boolean array. A writeable array is copied; one that
        is read-only and owns its data is taken over.
    n_samples : int
        Number of samples, at least 1; ``n_words = ceil(n_samples / 64)``.
    units : pandas.DataFrame, optional
        A row a unit, with columns ``layer`` (str) and ``unit_index`` (int, place in the layer's
        flattened output), for convolutions ``channel``, ``row``, ``column`` (−1 where a unit has no
        such coordinate), and any further columns of bool, int, float or str.
        Default: one layer ``"units"``.
    samples : pandas.DataFrame, optional
        A row a sample, with the column ``sample_index`` (int, place in the data set) and where known
        ``label`` and ``dataset_split``. Default: ``sample_index`` 0, 1, …
    sampling_period : float
        Seconds a sample stands for, positive.
    annotations : mapping, optional
        Flat description of the recording: str keys; str, bool, int, finite float, None or flat lists
        of these.

    Raises
    ------
    TypeError, ValueError
        Where an argument does not fit this description; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from ann2neo import SpikeRaster
    >>> active = np.array([[True, False], [True, True], [False, False]])
    >>> raster = SpikeRaster.from_dense(active)
    >>> raster.n_units, raster.n_samples
    (2, 3)
    >>> raster.spike_counts
    array([2, 1])
    """

    __slots__ = ("_annotations", "_n_samples", "_samples", "_sampling_period", "_units", "_words")
    __hash__ = None  # type: ignore[assignment]

    def __init__(
        self,
        words: np.ndarray,
        n_samples: int,
        units: pd.DataFrame | None = None,
        samples: pd.DataFrame | None = None,
        *,
        sampling_period: float = 0.001,
        annotations: Mapping[str, Any] | None = None,
    ) -> None:
        n_samples = checked_count(n_samples, "n_samples")
        words = np.asarray(words)
        _check_words(words, n_samples)
        if not _is_frozen(words):
            words = frozen(np.array(words, order="C"))
        if units is None:
            units = default_units(len(words))
        if samples is None:
            samples = default_samples(n_samples)
        # A view: unlike the array itself, it cannot be made writeable again.
        self._words = words.view()
        self._n_samples = n_samples
        self._units = raster_tables.normalized(
            units, name="units", n_rows=len(words), required=raster_tables.UNITS
        )
        self._samples = raster_tables.normalized(
            samples, name="samples", n_rows=n_samples, required=raster_tables.SAMPLES
        )
        self._sampling_period = checked_period(sampling_period)
        self._annotations = raster_tables.checked_annotations(annotations)

    @property
    def words(self) -> np.ndarray:
        """Packed bits, uint64, shape (n_units, n_words), read-only."""
        return self._words

    @property
    def n_samples(self) -> int:
        """Number of samples (time bins)."""
        return self._n_samples

    @property
    def n_units(self) -> int:
        """Number of units (nodes)."""
        return len(self._words)

    @property
    def units(self) -> pd.DataFrame:
        """A row a unit. A copy: changing it does not change the raster."""
        return raster_tables.guarded(self._units)

    @property
    def samples(self) -> pd.DataFrame:
        """A row a sample. A copy: changing it does not change the raster."""
        return raster_tables.guarded(self._samples)

    @property
    def sampling_period(self) -> float:
        """Seconds a sample stands for."""
        return self._sampling_period

    @property
    def annotations(self) -> Mapping[str, Any]:
        """Description of the recording, a read-only copy."""
        return raster_tables.guarded_annotations(self._annotations)

    @property
    def layers(self) -> list[str]:
        """Names of the layers, in the order of their first unit."""
        return list(dict.fromkeys(self._units["layer"]))

    @property
    def spike_counts(self) -> np.ndarray:
        """Number of spikes of each unit, int64, shape (n_units,)."""
        return np.bitwise_count(self._words).sum(axis=1, dtype=np.int64)

    @classmethod
    def from_dense(
        cls,
        active: Any,
        units: pd.DataFrame | None = None,
        samples: pd.DataFrame | None = None,
        *,
        sampling_period: float = 0.001,
        annotations: Mapping[str, Any] | None = None,
    ) -> SpikeRaster:
        """Pack a boolean array.

        Parameters
        ----------
        active : array of bool, or of 0 and 1, shape (n_samples, n_units)
            The shape activations have: a row a sample.
        units, samples, sampling_period, annotations
            As for `SpikeRaster`.

        Raises
        ------
        TypeError
            If `active` is neither boolean nor numeric.
        ValueError
            If it is not two-dimensional, is empty, or holds a value other than 0 and 1.
        """
        bits = as_bits(active)
        words = np.zeros((bits.shape[1], n_words(bits.shape[0])), np.uint64)
        kernels.pack_above(bits, np.zeros(bits.shape[1], np.uint8), words, 0)
        return cls(
            frozen(words),
            bits.shape[0],
            units,
            samples,
            sampling_period=sampling_period,
            annotations=annotations,
        )

    def to_dense(self) -> np.ndarray:
        """The raster as a boolean array of shape (n_samples, n_units)."""
        dense = np.empty((self.n_samples, self.n_units), np.uint8)
        kernels.unpack(self._words, dense)
        return dense.view(bool)

    def spike_indices(self, unit: int) -> np.ndarray:
        """Samples at which one unit is active, int64, ascending.

        Raises
        ------
        IndexError
            If `unit` is not in ``range(-n_units, n_units)``.
        """
        index = operator.index(unit)
        if not -self.n_units <= index < self.n_units:
            raise IndexError(f"unit must lie in [{-self.n_units}, {self.n_units}), got {index}")
        row = self._words[index]
        indices = np.empty(int(np.bitwise_count(row).sum()), np.int64)
        kernels.spike_indices(row, indices)
        return indices

    def select(
        self,
        *,
        layer: str | Sequence[str] | None = None,
        units: Any = None,
        samples: Any = None,
    ) -> SpikeRaster:
        """Part of the raster, or its units or samples in another order.

        Parameters
        ----------
        layer : str or sequence of str, optional
            Keep the units of these layers.
        units : array of int or of bool, optional
            Keep these units (of those that `layer` leaves), in this order.
        samples : array of int or of bool, optional
            Keep these samples, in this order; a permutation reorders the recording.

        Raises
        ------
        KeyError
            If a layer is not in the raster.
        ValueError, IndexError
            If a selection is empty, a mask has the wrong length or an index is out of range.

        Examples
        --------
        >>> import numpy as np
        >>> from ann2neo import SpikeRaster
        >>> raster = SpikeRaster.from_dense(np.eye(3, dtype=bool))
        >>> raster.select(samples=[2, 0]).to_dense().astype(int)
        array([[0, 0, 1],
               [1, 0, 0]])
        """
        chosen = self._units_of_layers(layer)
        if units is not None:
            chosen = chosen[as_indices(units, chosen.size, "units")]
        words = self._words if chosen.size == self.n_units and units is None else self._words[chosen]
        n_samples, sample_table = self.n_samples, self._samples
        if samples is not None:
            order = as_indices(samples, self.n_samples, "samples")
            n_samples, sample_table = order.size, self._samples.iloc[order]
            gathered = np.empty((len(words), n_words(n_samples)), np.uint64)
            kernels.gather(words, order, gathered)
            words = gathered
        return SpikeRaster(
            frozen(words),
            n_samples,
            self._units.iloc[chosen],
            sample_table,
            sampling_period=self._sampling_period,
            annotations=self._annotations,
        )

    def _units_of_layers(self, layer: str | Sequence[str] | None) -> np.ndarray:
        if layer is None:
            return np.arange(self.n_units)
        try:
            names = [layer] if isinstance(layer, str) else list(layer)
        except TypeError:
            names = []
        unknown = [name for name in names if name not in self.layers]
        if unknown or not names:
            raise KeyError(f"layer must be one of {self.layers}, got {layer!r}")
        return np.flatnonzero(self._units["layer"].isin(names).to_numpy())

    def with_annotations(self, **annotations: Any) -> SpikeRaster:
        """The same raster with annotations added or replaced."""
        return SpikeRaster(
            self._words,
            self._n_samples,
            self._units,
            self._samples,
            sampling_period=self._sampling_period,
            annotations={**self._annotations, **annotations},
        )

    def save(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write the raster to a Zarr store; see `ann2neo.spikes.store.save`."""
        from ann2neo.spikes import store

        return store.save(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path, *, start: int = 0, stop: int | None = None) -> SpikeRaster:
        """Read a raster, or its samples from `start` to `stop`; see `ann2neo.spikes.store.load`."""
        from ann2neo.spikes import store

        return store.load(path, start=start, stop=stop)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpikeRaster):
            return NotImplemented
        return (
            self._n_samples == other._n_samples
            and self._sampling_period == other._sampling_period
            and dict(self._annotations) == dict(other._annotations)
            and np.array_equal(self._words, other._words)
            and raster_tables.same(self._units, other._units)
            and raster_tables.same(self._samples, other._samples)
        )

    def __repr__(self) -> str:
        counts = self.spike_counts
        rates = counts / self.n_samples
        sizes = self._units["layer"].value_counts(sort=False)
        lines = [
            f"SpikeRaster: {self.n_units:,} units × {self.n_samples:,} samples of "
            f"{self.sampling_period * 1000:g} ms ({self._words.nbytes / 1000:,.0f} kB)",
            "  layers: " + _shortened([f"{name} ({size:,})" for name, size in sizes.items()]),
            "  samples: " + ", ".join(self._samples.columns),
            f"  firing rate: {rates.mean():.3g} spikes a sample on average, "
            f"{rates.min():.3g} to {rates.max():.3g}; {np.sum(counts == 0):,} silent, "
            f"{np.sum(counts == self.n_samples):,} always on",
        ]
        said = [f"{k}={v!r:.40}" for k, v in self._annotations.items() if k != "weights_hash"]
        if said:
            lines.append("  " + _shortened(said))
        return "\n".join(lines)

    def __reduce__(self) -> Any:
        state = (self._words, self._n_samples, self._units, self._samples)
        return _rebuilt, (*state, self._sampling_period, dict(self._annotations))


def n_words(n_samples: int) -> int:
    """Words that hold `n_samples` bits."""
    return -(-n_samples // WORD)


def default_units(n_units: int, layer: str = "units") -> pd.DataFrame:
    """A unit table of one layer without coordinates."""
    return pd.DataFrame({"layer": [layer] * n_units, "unit_index": np.arange(n_units)})


def default_samples(n_samples: int) -> pd.DataFrame:
    """A sample table in data-set order."""
    return pd.DataFrame({"sample_index": np.arange(n_samples)})


def _check_words(words: np.ndarray, n_samples: int) -> None:
    expected = n_words(n_samples)
    if words.dtype != np.uint64 or words.ndim != 2 or len(words) < 1 or words.shape[1] != expected:
        raise ValueError(
            f"words must be uint64 of shape (n_units ≥ 1, {expected}) for {n_samples} samples, "
            f"got {words.dtype} of shape {words.shape}"
        )
    tail = n_samples % WORD
    if tail and np.any(words[:, -1] >> np.uint64(tail)):
        raise ValueError(f"words has bits set beyond n_samples = {n_samples}")


def frozen(words: np.ndarray) -> np.ndarray:
    """Hand a fresh array over: the constructor takes read-only words without copying them."""
    words.flags.writeable = False
    return words


def _is_frozen(words: np.ndarray) -> bool:
    """Whether nobody can write to `words` without making read-only data writeable first."""
    owner = words if words.base is None else words.base
    return (
        words.flags.c_contiguous
        and isinstance(owner, np.ndarray)
        and owner.flags.owndata
        and not owner.flags.writeable
        and not words.flags.writeable
    )


def _shortened(items: list[str], limit: int = 6) -> str:
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown}, … ({len(items) - limit} more)"


def _rebuilt(
    words: np.ndarray,
    n_samples: int,
    units: pd.DataFrame,
    samples: pd.DataFrame,
    sampling_period: float,
    annotations: dict[str, Any],
) -> SpikeRaster:
    return SpikeRaster(
        frozen(words),
        n_samples,
        units,
        samples,
        sampling_period=sampling_period,
        annotations=annotations,
    )
