"""Thresholds for networks without zeros: quantiles of each unit's activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ann2neo.recording.adapters import find_adapter
from ann2neo.recording.narrowing import Bins, Sample, Values, find_rank
from ann2neo.recording.observation import ConvUnits, Observation, Site, begin
from ann2neo.recording.samples.batches import Batch, Batches, batches
from ann2neo.recording.samples.showing import check_mask, find_takes, join_masks
from ann2neo.spikes.argument_checks import check_choice, check_count, check_level

MEMORY = 2**28
"""Bytes that are held of the activations, beside those of one batch."""


def unit_quantiles(
    network: Any,
    samples: Any = None,
    q: float = 0.9,
    *,
    layers: Any = "last_hidden",
    batch_size: int = 256,
    conv_units: ConvUnits = "all",
    mask: Any = None,
) -> dict[str, npt.NDArray[np.float64]]:
    """The activation of each unit that a fraction `q` of samples does not exceed.

    Given to `ann2neo.record` as ``threshold``, with the same samples and layers, it makes each unit
    active at a fraction of at most ``1 - q`` of them, whatever its activation function.

    Parameters
    ----------
    network, samples, layers, batch_size, conv_units, mask
        As for `ann2neo.record`. Where the activations do not fit in 256 MB, the samples are read twice,
        or a few times more, and must be what can be read again: no generator.
    q : float
        Strictly between 0 and 1.

    Returns
    -------
    dict of layer to array, shape (n_units,)
        For each unit the smallest of its activations v at which the fraction of samples with an
        activation of at most v is at least `q`, as `numpy.quantile` with ``method="inverted_cdf"``: an
        activation that occurs, without interpolation, so that a unit that is 0 at half of the samples
        has the median 0. Exact, however many samples there are.

    Raises
    ------
    TypeError, ValueError
        If `q` does not lie in (0, 1), activations are not finite or differ when they are computed again,
        or samples that do not fit in one pass can be read once only; and as `ann2neo.record`.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> activations = np.array([[0.1, -2.0], [0.4, -1.0], [0.2, -3.0], [0.3, -4.0]])
    >>> levels = a2n.unit_quantiles(activations, q=0.5)
    >>> levels["activations"]
    array([ 0.2, -3. ])
    >>> a2n.record(activations, threshold=levels).to_dense().mean(axis=0)
    array([0.5, 0.5])
    """
    level = check_level(q, "q")
    check_choice(conv_units, "conv_units", ("all", "channels"))
    mask = check_mask(mask, conv_units)
    adapter, samples = find_adapter(network, samples)
    takes = find_takes(adapter, network)
    size = check_count(batch_size, "batch_size")
    source = batches(samples, labels=False, batch_size=size, rng=None, takes=takes)

    def read() -> Iterator[Batch]:
        return join_masks(iter(source), mask, takes)

    stream = read()
    head = next(stream, None)
    if head is None:
        raise ValueError("samples must hold at least one sample, got none")
    with adapter.observe(network, head.inputs, layers) as observation:
        begin(observation, head.inputs)
        passes = _Passes(observation, read, source, by_channel=conv_units == "channels")
        found = passes.find_quantiles(_chain(head, stream), level)
    return {site.name: values for site, values in zip(observation.sites, found, strict=True)}


def _chain(head: Batch, rest: Iterator[Batch]) -> Iterator[Batch]:
    yield head
    yield from rest


class _Passes:
    """Activations of all chosen layers, batch by batch and as often as they are asked for."""

    def __init__(
        self,
        observation: Observation,
        read: Callable[[], Iterator[Batch]],
        source: Batches,
        *,
        by_channel: bool,
    ) -> None:
        self._observation = observation
        self._read, self._source = read, source
        self._by_channel = by_channel

    def find_quantiles(self, stream: Iterator[Batch], q: float) -> list[Values]:
        """The quantiles of each layer; `stream` are the batches of the first pass."""
        sites = self._observation.sites
        tables = [site.channels() if self._by_channel else site.units() for site in sites]
        n_units = sum(map(len, tables))
        shares = [max(1, MEMORY * len(table) // max(1, n_units)) for table in tables]
        sketches = [Sample(share) for share in shares]
        for rows in map(self._look, stream):
            for sketch, part in zip(sketches, rows, strict=True):
                sketch.add(part)
        if not sketches[0].n_rows:
            raise ValueError("mask must leave at least one position, got none")
        if all(sketch.is_whole for sketch in sketches):
            return [sketch.take_quantile(q) for sketch in sketches]
        if not self._source.is_repeatable:
            raise ValueError(
                f"samples must be what can be read twice: {sketches[0].n_rows} rows of {n_units} units "
                "do not fit in memory; pass arrays or a data set, not a generator"
            )
        return self._narrow(sketches, shares, q)

    def _narrow(self, sketches: list[Sample], shares: list[int], q: float) -> list[Values]:
        ranks = [find_rank(sketch.n_rows, q) for sketch in sketches]
        ends = [sketch.bracket(q) for sketch in sketches]
        is_sure = False
        while not is_sure or any((low != high).any() for low, high in ends):
            counted = self._count(sketches, ends, shares)
            ends = []
            for bins, sketch, rank in zip(counted, sketches, ranks, strict=True):
                low, high, outside = bins.find_ends(rank)
                if outside.any() and is_sure:
                    raise ValueError(_DIFFERENT)
                # The rows that were kept were others than those left out.
                low[outside], high[outside] = (end[outside] for end in sketch.extremes)
                ends.append((low, high))
            is_sure = True
        return [low for low, _ in ends]

    def _count(
        self, sketches: list[Sample], ends: list[tuple[Values, Values]], shares: list[int]
    ) -> list[Bins]:
        counted = [Bins(low, high, share) for (low, high), share in zip(ends, shares, strict=True)]
        for rows in map(self._look, self._read()):
            for bins, part in zip(counted, rows, strict=True):
                bins.add(part)
        if any(b.n_rows != s.n_rows for b, s in zip(counted, sketches, strict=True)):
            raise ValueError(_DIFFERENT)
        return counted

    def _look(self, batch: Batch) -> list[Values]:
        """Activations of each layer for a batch, (n_rows, n_units)."""
        found = []
        for site, values in zip(self._observation.sites, self._observation(batch.inputs), strict=True):
            values = np.asarray(values)
            if len(values) != batch.n_samples:
                raise ValueError(
                    f"layer {site.name!r} gave {len(values)} rows for {batch.n_samples} samples: its "
                    "first axis is not the samples"
                )
            rows = site.by_channel(values) if self._by_channel else site.by_unit(values)
            if not np.isfinite(rows).all():
                raise ValueError(
                    f"activations must be finite to have quantiles, those of layer {site.name!r} are not"
                )
            found.append(_leave_out(np.array(rows, np.float64), batch, site))
        return found


_DIFFERENT = (
    "samples must give the same activations each time they are read, and gave others: record with a "
    "threshold that does not depend on them, or pass arrays and a network that draws no random numbers"
)


def _leave_out(rows: Values, batch: Batch, site: Site) -> Values:
    if batch.mask is None:
        return rows
    if batch.mask.size != len(rows):
        raise ValueError(
            f"mask must have an entry per sample and position, of which layer {site.name!r} has "
            f"{len(rows)} in a batch of {batch.n_samples}; got {batch.mask.size}"
        )
    kept: Values = rows[batch.mask.ravel()]
    return kept
