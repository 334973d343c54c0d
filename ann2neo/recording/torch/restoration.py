"""A torch network in inference mode, for one thread at a time, and as it was found afterwards."""

from __future__ import annotations

import functools
import random
import threading
import types
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from ann2neo.recording.containers import (
    differs,
    hold_same,
    list_data,
    list_own_kinds,
    list_slots,
    put_back,
    put_back_data,
    read_data,
)
from ann2neo.recording.torch.modules import unwrap

_OWN = frozenset(vars(torch.nn.Module())) - {"_buffers", "training"}
_HOOKS = _OWN - {"_parameters", "_modules"}
_DEPTH = 8
_MAX_OBJECTS = 50_000
_MAX_COPIED = 2**26
"""Elements up to which a tensor outside the buffers is copied beforehand."""


class Snapshot:
    """What the modules of a network hold, and how to put it back.

    That is their attributes (among them the mode of each), whatever lists, dicts, sets, arrays,
    generators and plain objects are reached from there, and buffers and other tensors with their values.
    Of parameters, which are large and seldom change without gradients, those are copied of which
    `guard` is told that they are about to change.
    """

    def __init__(self, network: Any) -> None:
        self._modules = [m for m in network.modules() if not isinstance(m, torch.jit.ScriptModule)]
        self._scripted = [
            (m, m.training) for m in network.modules() if isinstance(m, torch.jit.ScriptModule)
        ]
        self._attributes = [(vars(module), dict(vars(module))) for module in self._modules]
        self._containers: list[tuple[Any, Any]] = []
        self._tensors: dict[int, tuple[Any, int, int, Any]] = {}
        self._arrays: list[tuple[np.ndarray, np.ndarray]] = []
        self._generators: list[tuple[Any, Any]] = []
        self._slots: list[tuple[Any, dict[str, Any]]] = []
        self._parameters = {id(p): p for p in network.parameters()}
        self._gradients = [(p, p.requires_grad, p.grad) for p in self._parameters.values()]
        self._hooks: list[tuple[Any, Any]] = []
        self._seen: set[int] = {id(module) for module in self._modules}
        # Tensors that share memory with one of ours, as its ``data`` does, which count no changes of it.
        self._by_storage: dict[int, Any] | None = None
        self._aliased: set[int] = set()
        for module in self._modules:
            for name, value in vars(module).items():
                if name not in _OWN:
                    self._keep(value, _DEPTH, is_buffer=name == "_buffers")
                elif isinstance(value, dict):
                    kept = self._hooks if name in _HOOKS else self._containers
                    kept.append((value, dict(value)))
        for kind in dict.fromkeys(kind for m in self._modules for kind in list_own_kinds(m)):
            self._slots.append((kind, list_data(kind)))
            for value in list_data(kind).values():
                self._keep(value, _DEPTH)

    def list_tensors(self) -> list[Any]:
        """Buffers and tensors in attributes."""
        return [tensor for tensor, *_ in self._tensors.values()]

    def guard(self, tensor: Any) -> None:
        """A tensor is about to change: keep what it holds, if it is the network's and not kept yet."""
        for known in (tensor, getattr(tensor, "_base", None), self._find_alias(tensor)):
            if known is None:
                continue
            kept = self._tensors.get(id(known))
            is_ours = id(known) in self._parameters or kept is not None
            if is_ours and (kept is None or kept[3] is None):
                self._keep_tensor(known, copy=True)

    def settle(self) -> None:
        """Inference mode, uncompiled and in one piece."""
        for module in self._modules:
            _settle(module)
        for module, _ in self._scripted:
            module.training = False

    def has_moved(self) -> bool:
        """Whether anything is another than it was, but for modes and generators."""
        tensors = (
            (not tensor.is_inference() and tensor._version != version) or _find_memory(tensor) != memory
            for tensor, version, memory, _ in self._tensors.values()
        )
        return (
            any(differs(own, before, _SETTLED) for own, before in self._attributes)
            or any(differs(container, before) for container, before in self._containers)
            or any(not hold_same(array, value) for array, value in self._arrays)
            or any(differs(read_data(thing), before) for thing, before in self._slots)
            or any(tensors)
            or any(_is_other(*self._tensors[place][::3]) for place in self._aliased)
        )

    def put_back(self, *, hooks: bool = False) -> None:
        """Everything as it was, with `hooks` these, too."""
        for own, before in self._hooks if hooks else []:
            put_back(own, before)
        for own, before in self._attributes:
            put_back(own, before)
        for module, training in self._scripted:
            module.training = training
        for container, before in self._containers:
            put_back(container, before)
        for array, value in self._arrays:
            if not hold_same(array, value):
                array[...] = value
        for generator, state in self._generators:
            _set_state(generator, state)
        for thing, before in self._slots:
            put_back_data(thing, before)
        self._put_back_tensors()

    def _put_back_tensors(self) -> None:
        for tensor, version, memory, value in self._tensors.values():
            _put_back_tensor(tensor, -1 if id(tensor) in self._aliased else version, memory, value)
        for parameter, asked, gradient in self._gradients:
            if parameter.requires_grad != asked:
                parameter.requires_grad_(asked)
            if parameter.grad is not gradient:
                parameter.grad = gradient

    def _find_alias(self, tensor: Any) -> Any:
        """The parameter or tensor of ours in whose memory another tensor lies."""
        if not isinstance(tensor, torch.Tensor) or not (place := _find_storage(tensor)):
            return None
        if self._by_storage is None:
            ours = [*self._parameters.values(), *self.list_tensors()]
            self._by_storage = {_find_storage(known): known for known in ours}
        known = self._by_storage.get(place)
        if known is None or known is tensor or known is getattr(tensor, "_base", None):
            return None
        self._aliased.add(id(known))
        return known

    def _keep(self, value: Any, depth: int, *, is_buffer: bool = False) -> None:
        if isinstance(value, _ATOMS) or id(value) in self._seen or not depth:
            return
        if isinstance(value, torch.Tensor):
            if id(value) not in self._parameters and isinstance(value, torch.nn.Parameter):
                self._parameters[id(value)] = value  # of a module that the network does not know of
            elif id(value) not in self._parameters:
                small = is_buffer or value.numel() <= _MAX_COPIED
                self._keep_tensor(value, copy=small)
            return
        if len(self._seen) > _MAX_OBJECTS or isinstance(value, _FUNCTIONS):
            return
        self._seen.add(id(value))
        if isinstance(value, np.ndarray):
            if value.dtype != object and value.size <= _MAX_COPIED and value.flags.writeable:
                self._arrays.append((value, value.copy()))
            return
        state = _get_state(value)
        if state is not None:
            self._generators.append((value, state))
            return
        for part in self._open(value):
            self._keep(part, depth - 1, is_buffer=is_buffer)

    def _open(self, value: Any) -> list[Any]:
        """What a container holds, which is kept."""
        if isinstance(value, dict):
            self._containers.append((value, dict(value)))
            parts = list(value.values())
        elif isinstance(value, (list, set, deque)):
            self._containers.append(
                (value, type(value)(value) if type(value) in _PLAIN else list(value))
            )
            parts = list(value)
        elif isinstance(value, (tuple, frozenset)):
            parts = list(value)
        else:
            parts = []
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict) and type(value).__module__ not in _FOREIGN:
            self._containers.append((own, dict(own)))
            parts += own.values()
        slots = list_slots(value)
        if slots and type(value).__module__.partition(".")[0] not in _FOREIGN_PACKAGES:
            self._slots.append((value, slots))
            parts += slots.values()
        return parts

    def _keep_tensor(self, tensor: Any, *, copy: bool) -> None:
        # What was made in torch's inference mode cannot be changed outside of it.
        fixed = tensor.is_inference()
        known = self._tensors.get(id(tensor))
        version = known[1] if known is not None else 0 if fixed else tensor._version
        value = tensor.detach().clone() if copy and not fixed else None
        self._tensors[id(tensor)] = (tensor, version, _find_memory(tensor), value)


_ATOMS = (str, bytes, int, float, complex, bool, type(None), type, torch.dtype, torch.device, torch.Size)
_FUNCTIONS = (
    *(types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType),
    *(functools.partial, torch.jit.ScriptModule, torch.jit.ScriptFunction),
)
_PLAIN = (list, set, deque)
_SETTLED = frozenset(["training", "forward", "_compiled_call_impl"])
"""Attributes of modules that `Snapshot.settle` changes."""
_FOREIGN = frozenset(["logging", "threading", "_thread", "inspect", "functools", "weakref"])
_FOREIGN_PACKAGES = frozenset(["builtins", "torch", "numpy", "logging", "threading", "collections"])


def _settle(module: Any) -> None:
    own, inner = vars(module), unwrap(module)
    if own.get("_compiled_call_impl") is not None:
        own["_compiled_call_impl"] = None
    if inner is not module:
        own["forward"] = inner.__call__
    elif module.training:
        # Not by `eval`, which networks override: to merge weights, for example.
        own["training"] = False


def _put_back_tensor(tensor: Any, version: int, memory: int, value: Any) -> None:
    if value is None:
        return
    with torch.no_grad():
        if _find_memory(tensor) != memory or tensor.shape != value.shape:
            tensor.data = value.clone()
        elif tensor._version != version:
            if tensor.layout == torch.strided:
                tensor.copy_(value)
            else:
                tensor.data = value.clone()


def _find_memory(tensor: Any) -> int:
    try:
        return int(tensor.data_ptr())
    except RuntimeError:  # sparse tensors have none of their own
        return 0


def _is_other(tensor: Any, value: Any) -> bool:
    return value is not None and not torch.equal(tensor, value)


def _find_storage(tensor: Any) -> int:
    try:
        return int(tensor.untyped_storage().data_ptr())
    except (RuntimeError, NotImplementedError):  # sparse tensors have none of their own
        return 0


def _get_state(value: Any) -> Any:
    if isinstance(value, torch.Generator):
        return value.get_state()
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    if isinstance(value, (np.random.RandomState, random.Random)):
        return value.get_state() if isinstance(value, np.random.RandomState) else value.getstate()
    return None


def _set_state(value: Any, state: Any) -> None:
    if isinstance(value, np.random.Generator):
        value.bit_generator.state = state
    elif isinstance(value, random.Random):
        value.setstate(state)
    else:
        value.set_state(state)


@contextmanager
def leave_as_found(network: Any) -> Iterator[Snapshot]:
    """Inference mode, for this thread alone; what the network holds is put back on leaving."""
    with _hold(network):
        found = Snapshot(network)
        try:
            found.settle()
            yield found
        finally:
            found.put_back(hooks=True)


_FREE = threading.Condition()
_HOLDERS: dict[int, list[int]] = {}
"""id of a module → the thread that records it, as often as it does."""


@contextmanager
def _hold(network: Any) -> Iterator[None]:
    """The modules of a network, for one thread: others wait until it has done."""
    own, modules = threading.get_ident(), [id(module) for module in network.modules()]
    with _FREE:
        _FREE.wait_for(lambda: all(own in _HOLDERS.get(module, [own]) for module in modules))
        for module in modules:
            _HOLDERS.setdefault(module, []).append(own)
    try:
        yield
    finally:
        with _FREE:
            for module in modules:
                _HOLDERS[module].pop()
                if not _HOLDERS[module]:
                    del _HOLDERS[module]
            _FREE.notify_all()
