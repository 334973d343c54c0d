"""Seeing what the modules of a network, and the functions between them, return."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ann2neo.recording.flow.operations import (
    CHOOSING,
    COMPARING,
    COMPARISONS,
    CONTRACTIONS,
    FUNCTIONS,
    MULTIPLYING,
    RECTIFYING,
    SHAPING,
    SUMMING,
    name_function,
    works_in_place,
)
from ann2neo.recording.torch.channels import Channels
from ann2neo.recording.torch.dataflow import Dataflow, find_target
from ann2neo.recording.torch.inputs import tensors_in
from ann2neo.recording.torch.modules import holds_weights, is_activation, is_plain

_QUERIES = frozenset(
    [
        *("size", "dim", "numel", "ndimension", "stride", "is_contiguous", "is_floating_point", "item"),
        *("is_complex", "element_size", "data_ptr", "storage_offset", "_set_grad_enabled", "__len__"),
    ]
)
"""Functions that return no tensor."""

_NOTED = FUNCTIONS | CONTRACTIONS | SHAPING | COMPARING | CHOOSING | MULTIPLYING | SUMMING
Key = tuple[int, str]
"""What tells the calls of one module or function from those of another."""


@dataclass(frozen=True)
class Seen:
    """A tensor as it was at one moment of a trial run, but for its values.

    `value` is its number in the dataflow, None if it does not depend on the samples; `is_binary` says
    whether all values are 0 or 1.
    """

    shape: tuple[int, ...]
    dtype: Any
    layout: str
    value: int | None
    channel_axis: int | None
    is_binary: bool


@dataclass(frozen=True)
class Call:
    """One call of a module, or of a function (`module` is None then), in a trial run.

    `number` counts the calls of modules in the order in which they began, `first` is the first value
    made after that; `n_inner` says how many modules were called inside, `functions` which functions
    directly. `is_rectified`: a function that may be written for a ReLU was.
    """

    module: Any
    path: str
    given: list[Seen]
    made: list[Seen]
    number: int = -1
    first: int = 0
    n_inner: int = 0
    functions: tuple[str, ...] = ()
    is_rectified: bool = False

    @property
    def key(self) -> Key:
        """What it shares with other calls of the same."""
        return (0 if self.module is None else id(self.module)), self.path

    @property
    def name(self) -> str:
        """Name of the module or function."""
        return self.path.rpartition(".")[2]


@dataclass
class Trial:
    """What a trial run finds out beside the calls: `guard` is told of each tensor before it changes,
    `binary` are the values known to be 0 or 1."""

    channels: Channels
    guard: Callable[[Any], None]
    dataflow: Dataflow = field(default_factory=Dataflow)
    calls: list[Call] = field(default_factory=list)
    binary: set[int | None] = field(default_factory=set)


class Calls(TorchFunctionMode):  # type: ignore[misc, unused-ignore]
    """While entered, tells `take` what every module and noted function returns, when it does.

    That moment matters: what runs afterwards may overwrite the tensor. Functions are seen by torch's own
    interception of them rather than in a traced graph, so that networks that cannot be traced are seen
    like others. A function that an activation module calls, or a module without weights and modules, is
    that module's own.
    """

    def __init__(self, paths: Mapping[int, str]) -> None:
        super().__init__()
        self.take: Callable[[Key, list[Any]], None] = _drop
        self.take_given: Callable[[Key, list[Any]], None] = _drop
        self.names: frozenset[str] = _NOTED
        self.trial: Trial | None = None
        self._paths = paths
        self._inside: list[_Running] = []
        self._thread = threading.get_ident()
        self._n_calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.trial is not None:
            return self._try_function(self.trial, func, args, kwargs)
        returned = func(*args, **kwargs)
        name = name_function(func)
        if name in self.names:
            path = self._name_call(name)
            if path is not None:
                self.take((0, path), _list_made(returned, args, kwargs))
        return returned

    def before(self, module: Any, args: Any, kwargs: Any) -> None:
        """Hook: a module is about to run."""
        if threading.get_ident() != self._thread:
            return
        for outer in self._inside:
            outer.n_inner += 1
        running = _Running(module, self._n_calls)
        self._n_calls += 1
        path = self._paths.get(id(module))
        if path is not None:
            given = tensors_in([args, kwargs])
            self.take_given((id(module), path), given)
            if self.trial is not None:
                running.given = [self._describe(tensor) for tensor in given]
                running.first = len(self.trial.dataflow.steps)
        self._inside.append(running)

    def after(self, module: Any, args: Any, kwargs: Any, returned: Any) -> None:
        """Hook: a module has run."""
        if threading.get_ident() != self._thread or not self._inside:
            return
        running = self._inside.pop()
        path = self._paths.get(id(module))
        if path is None:
            return
        found = tensors_in(returned)
        if self.trial is not None:
            self._note_module(self.trial, running, path, tensors_in([args, kwargs]), found)
        self.take((id(module), path), found)

    def drop(self) -> None:
        """Tell nobody any more."""
        self.take = self.take_given = _drop

    def restart(self) -> None:
        """Forget the modules that were running when a run was broken off."""
        self._inside.clear()
        self._n_calls = 0
        self._thread = threading.get_ident()

    def _try_function(self, trial: Trial, func: Any, args: Any, kwargs: Any) -> Any:
        name = name_function(func)
        if name in _QUERIES:
            return func(*args, **kwargs)
        if name == "__get__" and not isinstance(func(*args, **kwargs), torch.Tensor):
            return func(*args, **kwargs)
        running = self._inside[-1] if self._inside else None
        inside = "" if running is None else self._paths.get(id(running.module), "")
        if works_in_place(func, kwargs):
            trial.guard(find_target(args, kwargs))
        module = -1 if running is None else running.number
        seen = tensors_in([args, kwargs]) if name in RECTIFYING else []
        before = [tensor.clone() for tensor in seen] if works_in_place(func, kwargs) else seen
        first = tensors_in([args, kwargs])[:1] if name in _NOTED else []
        given = [self._describe(tensor) for tensor in first]
        returned = trial.channels.follow(
            lambda *a, **k: trial.dataflow.follow(func, a, k, module, inside), args, kwargs, name
        )
        if name in _NOTED:
            path = self._name_call(name)
            if path is not None:
                made = _list_made(returned, args, kwargs)
                rectified = name in RECTIFYING and any(_is_rectified(t, made) for t in before)
                described = [self._describe(tensor) for tensor in made]
                trial.calls.append(Call(None, path, given, described, module, is_rectified=rectified))
                self.take((0, path), made)
        if running is not None:
            running.functions.append(name)
        return returned

    def _name_call(self, name: str) -> str | None:
        """Path of a function; None if it is the own one of the module that runs."""
        if not self._inside:
            return name
        module = self._inside[-1].module
        path = self._paths.get(id(module))
        if path is None:
            return name
        return None if is_plain(module) or is_activation(module) else f"{path}.{name}"

    def _note_module(
        self, trial: Trial, running: _Running, path: str, given: list[Any], found: list[Any]
    ) -> None:
        trial.channels.leave(running.module, given[0] if given else None, found)
        parents = tuple(seen.value for seen in running.given if seen.value is not None)
        hidden = running.n_inner == 0 and holds_weights(running.module)
        for tensor in found:
            value = trial.dataflow.note_opaque(
                tensor, parents, running.number, (path,) if hidden else ()
            )
            if value is not None and trial.dataflow.steps[value].name.startswith("opaque"):
                running.functions.append("opaque")
        compares = not COMPARISONS.isdisjoint(running.functions)
        trial.calls.append(
            Call(
                module=running.module,
                path=path,
                given=running.given,
                made=[self._describe(tensor, compares=compares) for tensor in found],
                number=running.number,
                first=running.first,
                n_inner=running.n_inner,
                functions=tuple(running.functions),
            )
        )

    def _describe(self, tensor: Any, *, compares: bool = False) -> Seen:
        """With `compares`, what made the tensor may make spikes: its values tell."""
        trial = self.trial
        value = None if trial is None else trial.dataflow.find(tensor)
        layout = "nested" if tensor.is_nested else str(tensor.layout).removeprefix("torch.")
        strided = layout == "strided" and not tensor.is_quantized and not tensor.is_complex()
        known = trial is not None and value in trial.binary
        is_binary = known or (compares and strided and tensor.dim() > 1 and _is_binary(tensor))
        if trial is not None and is_binary:
            trial.binary.add(value)
        return Seen(
            shape=() if tensor.is_nested else tuple(tensor.shape),
            dtype=tensor.dtype,
            layout=layout,
            value=value,
            channel_axis=None if trial is None else trial.channels.axis(tensor),
            is_binary=is_binary,
        )


def _list_made(returned: Any, args: Any, kwargs: Any) -> list[Any]:
    """What a function returned; of one that returns nothing what it worked on in place."""
    target = find_target(args, kwargs) if returned is None else None
    return tensors_in(returned if target is None else target)


def _drop(key: Key, tensors: list[Any]) -> None:
    """Tensors that nobody wants."""


@dataclass
class _Running:
    module: Any
    number: int
    given: list[Seen] = field(default_factory=list)
    first: int = 0
    n_inner: int = 0
    functions: list[str] = field(default_factory=list)


def _is_binary(tensor: Any) -> bool:
    try:
        return bool(((tensor == 0) | (tensor == 1)).all())
    except RuntimeError:  # what torch.vmap shows to a function has no values
        return False


def _is_rectified(given: Any, made: list[Any]) -> bool:
    """Whether the only tensor made is a ReLU of a given one that has values on both sides."""
    if len(made) != 1 or not given.is_floating_point() or given.shape != made[0].shape:
        return False
    if given.layout != torch.strided or given.is_quantized:
        return False
    try:
        sides = bool((given < 0).any()) and bool((given > 0).any())
        return sides and torch.equal(made[0], given.clamp(min=0))
    except RuntimeError:  # as above
        return False


@contextmanager
def observe_calls(network: Any, paths: Mapping[int, str]) -> Iterator[Calls]:
    """Calls of the modules of `network`, while inside and while the `Calls` are entered."""
    calls, handles = Calls(paths), []
    try:
        for module in network.modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue
            handles.append(
                module.register_forward_pre_hook(calls.before, prepend=True, with_kwargs=True)
            )
            # Called when the module raises too, which an outer one may catch.
            handles.append(module.register_forward_hook(calls.after, always_call=True, with_kwargs=True))
        yield calls
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def observe_modules(
    outputs: Iterable[tuple[Any, str]], inputs: Iterable[tuple[Any, str]], calls: Calls
) -> Iterator[None]:
    """The same for some modules alone, where no functions are observed: it costs next to nothing."""
    handles = []
    try:
        for module, path in outputs:
            handles.append(module.register_forward_hook(_tell_outputs(calls, (id(module), path))))
        for module, path in inputs:
            hook = _tell_inputs(calls, (id(module), path))
            handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _tell_outputs(calls: Calls, key: Key) -> Callable[..., None]:
    thread = threading.get_ident()

    def tell(module: Any, args: Any, returned: Any) -> None:
        if threading.get_ident() == thread:
            calls.take(key, tensors_in(returned))

    return tell


def _tell_inputs(calls: Calls, key: Key) -> Callable[..., None]:
    thread = threading.get_ident()

    def tell(module: Any, args: Any, kwargs: Any) -> None:
        if threading.get_ident() == thread:
            calls.take_given(key, tensors_in([args, kwargs]))

    return tell
