"""Several statistics of a recording that is gone through once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ann2neo.spikes.raster import SpikeRaster
from ann2neo.statistics.accumulators.accumulator import Accumulator


class Several(Accumulator):
    """Accumulators that see the same samples: what lies on disk is read and unpacked once for all.

    Parameters
    ----------
    makes : sequence of callable
        Each takes ``start`` and returns a new accumulator.
    start : int
        Place in the recording of the first sample that will be seen.
    """

    def __init__(self, makes: Sequence[Callable[..., Accumulator]], *, start: int = 0) -> None:
        super().__init__(start=start)
        self.members = tuple(make(start=start) for make in makes)
        self._by_unit = all(member._by_unit for member in self.members)

    def result(self) -> tuple[Any, ...]:
        """The members themselves."""
        return self.members

    def _update(self, chunk: SpikeRaster) -> None:
        for member in self.members:
            member.update(chunk)

    def _merge(self, later: Several) -> None:
        pairs = zip(self.members, later.members, strict=True)
        self.members = tuple(here.merge(there) for here, there in pairs)

    def _copy(self) -> Several:
        # Members are copied when they are merged.
        copied = Several((), start=self.start)
        copied.__dict__.update(vars(self))
        return copied
