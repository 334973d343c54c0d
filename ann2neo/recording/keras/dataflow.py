"""Which calls of a run feed which: what lies between a layer and what the network returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ann2neo.recording.keras.calls import Call, has_inside


class Dataflow:
    """The calls of one run, joined where one was given the very tensor that another made.

    What is computed between layers by functions of the backend breaks the thread; then it is taken to go
    on in the next call that was given a tensor of unknown origin.
    """

    def __init__(
        self,
        calls: Sequence[Call],
        activations: Sequence[str],
        weighted: Sequence[bool],
        returned: Sequence[Any],
        *,
        ends_in_weights: bool = False,
    ) -> None:
        self._calls = calls
        self._activations = activations
        self._weighted = weighted
        # What the network returned may be made by weights that are seen nowhere.
        self._ends_in_weights = ends_in_weights
        self._returned = {id(tensor) for tensor in returned}
        self._maker: dict[int, int] = {}
        for index, call in enumerate(calls):
            for tensor in call.made:
                # A layer that hands on what it was given, or what one inside made, made nothing.
                self._maker.setdefault(id(tensor), index)
        self._readers: dict[int, list[int]] = {}
        self._readers_of: dict[int, list[int]] = {}
        self._unknown: list[int] = []
        for index, call in enumerate(calls):
            if not has_inside(call.layer) or weighted[index]:
                self._note_reader(index, call)
        # Backwards and forwards through the calls, not by recursion: networks are deep.
        self._hidden = [False] * len(calls)
        for index in reversed(range(len(calls))):
            self._hidden[index] = self._leads_to_weights(index)
        self._weights: list[tuple[int, ...]] = []
        for index in range(len(calls)):
            self._weights.append(self._find_weights(index))

    def _note_reader(self, index: int, call: Call) -> None:
        for tensor in call.given:
            self._readers_of.setdefault(id(tensor), []).append(index)
        sources = [self._maker.get(id(tensor)) for tensor in call.given]
        for source in sources:
            if source is not None and source != index:
                self._readers.setdefault(source, []).append(index)
        if None in sources:
            self._unknown.append(index)

    def is_hidden(self, index: int) -> bool:
        """Whether weights lie between what a call made and what the network returned."""
        return any(self._hidden[self._maker[id(tensor)]] for tensor in self._calls[index].made)

    def is_input_hidden(self, index: int) -> bool:
        """The same for what a call was given."""
        return self._weighted[index] or self._hidden[index]

    def is_tensor_hidden(self, tensor: Any) -> bool:
        """The same for one of several tensors that a call made."""
        index = self._maker[id(tensor)]
        readers = [r for r in self._readers_of.get(id(tensor), []) if r > index]
        if readers or id(tensor) in self._returned:
            return any(self._weighted[r] or self._hidden[r] for r in readers)
        return self._hidden[index] and not any(
            self._readers_of.get(id(other)) for other in self._calls[index].made
        )

    def find_maker(self, tensor: Any) -> str:
        """The activation function that made a tensor; "linear" for none, or one that is not known."""
        index = self._maker.get(id(tensor))
        return "linear" if index is None else self._activations[index]

    def find_weights(self, index: int) -> list[Call]:
        """The calls whose weights feed what a call made, up to the activation function before it."""
        return [self._calls[found] for found in self._weights[index]]

    def _leads_to_weights(self, index: int) -> bool:
        readers = [reader for reader in self._readers.get(index, []) if reader > index]
        if any(self._weighted[reader] or self._hidden[reader] for reader in readers):
            return True
        made = self._calls[index].made
        if readers or any(id(tensor) in self._returned for tensor in made):
            return False
        onward = [later for later in self._unknown if later > index]
        return self._ends_in_weights or any(
            self._weighted[later] or self._hidden[later] for later in onward
        )

    def _find_weights(self, index: int) -> tuple[int, ...]:
        if self._weighted[index]:
            return (index,)
        sources = {self._maker.get(id(tensor), index) for tensor in self._calls[index].given}
        found: dict[int, None] = {}
        for source in sorted(source for source in sources if source < index):
            if self._activations[source] == "linear" or self._weighted[source]:
                found.update(dict.fromkeys(self._weights[source]))
        return tuple(found)
