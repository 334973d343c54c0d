"""Trial runs on a few samples: what a network calls, and whose rows those of its layers are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ann2neo.recording.places import Place
from ann2neo.recording.samples.inputs import count_samples, list_arrays, take_rows
from ann2neo.recording.torch.calls import Calls, Trial
from ann2neo.recording.torch.channels import Channels
from ann2neo.recording.torch.inputs import describe_inputs, find_distinct, place_inputs, tensors_in
from ann2neo.recording.torch.keeper import Keeper, TraceKeeper, run
from ann2neo.recording.torch.layers.places import Tap, find_places
from ann2neo.recording.torch.modules import unwrap
from ann2neo.recording.torch.noise import Chance
from ann2neo.recording.torch.restoration import Snapshot
from ann2neo.recording.torch.rows import Shown, agree, find_form_fault
from ann2neo.recording.torch.weights import name_network

_N_TRIED = 5
_UNSTEADY = (
    "it gives other values each time the same sample is shown, so that the network keeps something from "
    "run to run that is none of its attributes"
)


_SCRIPTED = (
    "it is compiled by TorchScript, out of sight: put the module there that it was scripted or traced "
    "from"
)


class Trials:
    """Runs a network on a few samples of a batch, and says what it found out by the way.

    `rows` are these samples. `draws`: the network draws random numbers. `moves`: it changes what it
    keeps from run to run. `overwritten` are the
    taps of tensors that change after they were returned, `unsteady` those whose values are others with
    other random numbers.
    """

    def __init__(
        self, network: Any, calls: Calls, found: Snapshot, paths: Mapping[int, str], inputs: Any
    ) -> None:
        self._network, self._calls, self._found, self._paths = network, calls, found, paths
        self.n_batch = count_samples(inputs)
        self._inputs = inputs
        self.described = describe_inputs(inputs)
        self._start = Chance(network)
        self._is_whole = False
        self.rows = find_distinct(inputs, min(_N_TRIED, self.n_batch))
        self.draws = self.moves = False
        self.overwritten: set[Tap] = set()
        self.unsteady: set[Tap] = set()
        self._later: Chance | None = None
        self._traced: TraceKeeper | None = None

    def find_places(self) -> list[tuple[Place, Tap]]:
        """All places, in the order in which the network comes to them."""
        try:
            trial, returned = self._trace()
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception:
            if len(self.rows) == self.n_batch:
                raise
            # Made for batches of this size alone.
            self._is_whole, self.rows = True, np.arange(self.n_batch)
            trial, returned = self._trace()
        found = find_places(trial, tensors_in(returned), len(self.rows))
        if not found:
            raise ValueError(
                f"no layer of network {name_network(self._network)!r} could be observed: it calls no "
                "modules and no activation functions of torch. Put what is to be recorded into a module "
                "of its own and name it, or record the activations themselves: record(activations)"
            )
        return found + self._list_scripted()

    def _list_scripted(self) -> list[tuple[Place, Tap]]:
        """Modules compiled by TorchScript, which take no hooks."""
        outer: list[str] = []
        for path, module in self._network.named_modules():
            inside = any(path.startswith(f"{before}.") for before in outer)
            if isinstance(module, torch.jit.ScriptModule) and not inside:
                outer.append(path)
        modules = dict(self._network.named_modules())
        return [_make_unseen(modules[path], path, _SCRIPTED) for path in outer]

    def prove(self, taps: Sequence[Tap]) -> list[list[Shown]]:
        """What each of the taps gives for the samples of the trial together, exchanged, and alone."""
        places = np.arange(len(self.rows))
        # A sample in another's place tells where it is, if all others stay: draws go by place.
        replaced = np.concatenate([places[1:2], places[1:]])
        # All in other places but one, which keeps its place among others: there nothing is rounded anew.
        exchanged = np.roll(places, 1)
        exchanged[1:2] = 1
        if self.n_batch == 1:
            # There is nothing to exchange; that it comes thrice shows the axis it is on.
            # Alone twice, whether anything was kept from the first time.
            runs = [np.zeros(3, int), places, places]
        elif self.draws:
            # Draws may leave the first where it is.
            runs = [places, replaced, np.where(places == 1, 0, places)][: len(places)]
        else:
            runs = [places, exchanged, replaced if self._is_whole else places[:1]]
            if self.n_batch == len(places):
                # Nothing can be seen of the whole batch later on: once more, one among copies of itself.
                runs.insert(2, np.zeros_like(places))
        # The traced run is the first, unless the network is to start from where it was found each time.
        traced, self._traced = self._traced, None
        base = None if traced is None or self.draws or self.n_batch == 1 else traced.read(taps)
        shown = self._show(runs, taps, restore=self.draws or self.moves, base=base)
        if self.n_batch == 1:
            for tap, found in zip(taps, shown, strict=True):
                if not self.draws and not _is_repeated(found):
                    raise ValueError(f"layer {tap.key[1]!r} cannot be recorded: {_UNSTEADY}")
        if self.draws:
            self._find_unsteady(runs[0], taps, shown)
        return shown

    def _find_unsteady(
        self, rows: np.ndarray, taps: Sequence[Tap], shown: Sequence[Sequence[Shown]]
    ) -> None:
        """What changes when the same samples are shown with other random numbers."""
        again = self._try(rows, taps, self._later)
        self._reset()
        for tap, found, tensor in zip(taps, shown, again or [None] * len(taps), strict=True):
            before = found[0].tensor if found else None
            if before is None or tensor is None or find_form_fault(tensor):
                continue
            if not agree(before, tensor, strict=True):
                self.unsteady.add(tap)

    def _show(
        self,
        runs: Sequence[np.ndarray],
        taps: Sequence[Tap],
        *,
        restore: bool,
        base: list[Any] | None = None,
    ) -> list[list[Shown]]:
        shown: list[list[Shown]] = [[] for _ in taps]
        if base is None:
            self._reset()
        for number, rows in enumerate(runs):
            if number and restore:
                self._reset()
            tensors = base if number == 0 and base is not None else self._try(rows, taps)
            if tensors is None and 0 < len(rows) < 2 < len(self.rows):
                # Networks may take no single sample.
                rows = np.arange(2)
                tensors = self._try(rows, taps)
            if tensors is not None:
                for found, tensor in zip(shown, tensors, strict=True):
                    ignored = len(rows) if self.n_batch == 1 else number * self.draws
                    found.append(Shown(tuple(int(row) for row in rows), tensor, ignored))
        self._reset()
        return shown

    def _try(
        self, rows: np.ndarray, taps: Sequence[Tap], chance: Chance | None = None
    ) -> list[Any] | None:
        try:
            few = take_rows(self._inputs, self.rows[rows])
            return self._record(few, taps, (chance or self._start).copy())
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception:
            self._reset()
            return None

    def _record(self, few: Any, taps: Sequence[Tap], chance: Chance) -> list[Any]:
        keeper = Keeper(taps, set(taps))
        given = place_inputs(few, self._network)
        self._calls.take, self._calls.take_given = keeper.take, keeper.take_given
        try:
            with chance.own():
                run(self._network, self._calls, given)
        finally:
            self._calls.drop()
        self.overwritten |= keeper.find_overwritten()
        return keeper.read()

    def _trace(self) -> tuple[Trial, Any]:
        """A run that follows what is made from what, and where the channels lie."""
        given = place_inputs(take_rows(self._inputs, self.rows), self._network)
        samples = list_arrays(given)
        trial = Trial(Channels(samples), self._found.guard)
        owners = {
            id(weight): self._paths.get(id(unwrap(module)), "")
            for module in self._network.modules()
            for weight in module._parameters.values()
            if weight is not None
        }
        stored = [
            (tensor, self._paths.get(id(unwrap(module)), ""))
            for module in self._network.modules()
            for tensor in [*module._buffers.values(), *vars(module).values()]
            if isinstance(tensor, torch.Tensor) and (tensor.dim() > 1 or tensor.is_quantized)
        ]
        trial.dataflow.begin(samples, owners, self._found.list_tensors(), stored)
        chance = self._start.copy()
        kept = TraceKeeper()
        self._calls.trial, self._calls.take, self._calls.take_given = trial, kept.take, kept.take_given
        try:
            with chance.own():
                returned = run(self._network, self._calls, given)
        except BaseException:
            self._reset()
            raise
        finally:
            self._calls.trial = None
            self._calls.drop()
        self._traced, self._later = kept, chance
        self.draws = not chance.equals(self._start)
        self.moves = self._found.has_moved()
        return trial, returned

    def _reset(self) -> None:
        self._found.put_back()
        self._found.settle()


def _is_repeated(shown: Sequence[Shown]) -> bool:
    """Whether the last two runs, of the same samples, gave the same."""
    *_, before, after = shown if len(shown) > 1 else [*shown, *shown]
    if before.tensor is None or after.tensor is None or before.rows != after.rows:
        return True
    if find_form_fault(after.tensor):
        return True
    return agree(before.tensor, after.tensor)


def _make_unseen(module: Any, path: str, fault: str) -> tuple[Place, Tap]:
    """A place that nothing can be recorded from, so that it is not passed over in silence."""
    place = Place(
        layer=module,
        name=path.rpartition(".")[2],
        path=path,
        call=0,
        n_calls=1,
        position=0,
        label=path,
        tensor=None,
        activation="linear",
        is_node=True,
        kind=type(module).__name__,
        is_hidden=False,
        fault=fault,
    )
    key = (id(module), path)
    return place, Tap(key, module, 0, 1, 0, "output", None, has_samples=False, value=None)
