"""Chunks of an opened recording that stay in memory once they are unpacked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable

from ann2neo.spikes.typing import Words
from ann2neo.spikes.words import freeze

MOST_BYTES = 128 * 2**20
"""Of all chunks kept of one opened recording."""


class ChunkCache:
    """Keeps what was read first, up to a number of bytes, and lets nothing go.

    Statistics go through a recording from its first sample to its last: a cache that drops the
    oldest chunk for the newest would have dropped each before it is wanted again. Threads may share it.

    Parameters
    ----------
    most_bytes : int
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._left = most_bytes
        self._kept: dict[Hashable, Words] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Words | None:
        """What is kept, read-only; None if it is not."""
        return self._kept.get(key)

    def read(self, key: Hashable, read: Callable[[], Words]) -> Words:
        """What is kept, or what `read` returns, which is kept if there is room."""
        kept = self.get(key)
        if kept is not None:
            return kept
        words = freeze(read())
        with self._lock:
            if key not in self._kept and words.nbytes <= self._left:
                self._kept[key] = words
                self._left -= words.nbytes
        return words

    def clear(self) -> None:
        """Let all go; nothing is kept from now on."""
        with self._lock:
            self._kept.clear()
            self._left = 0
