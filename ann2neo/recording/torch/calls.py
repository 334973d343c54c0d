"""Seeing what the modules of a network, and the activation functions between them, return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from ann2neo.recording.torch.channels import Channels, tensors_in

FUNCTIONS = frozenset(
    [
        "celu",
        "elu",
        "gelu",
        "glu",
        "hardshrink",
        "hardsigmoid",
        "hardswish",
        "hardtanh",
        "leaky_relu",
        "logsigmoid",
        "mish",
        "prelu",
        "relu",
        "relu6",
        "rrelu",
        "selu",
        "sigmoid",
        "silu",
        "softplus",
        "softshrink",
        "softsign",
        "tanh",
        "tanhshrink",
        "threshold",
    ]
)
"""Activation functions, by the names they have in torch; those that work in place end in "_" there."""


State = tuple[int, int]
"""id and number of changes of a tensor."""


@dataclass(frozen=True)
class Call:
    """One call of a module, or of an activation function (`module` is None then).

    `tensors` are what it returned. `given` is the tensor it was called with; it is held, since an id is
    good for as long as its object. `took` and `made` tell the state of these at that moment, which
    changes where they are overwritten; `channel_axes` tell where the channels of `tensors` lay then, in
    a run that follows them. `outer` says whether other modules were called inside; `functions` are the
    activation functions called directly inside.
    """

    module: Any
    path: str
    given: Any
    took: State
    tensors: list[Any]
    made: list[State]
    channel_axes: list[int | None]
    outer: bool = False
    functions: tuple[str, ...] = ()


class Calls(TorchFunctionMode):
    """While entered, hands every call to `take`, at the moment at which it returns.

    That moment matters: what runs afterwards may overwrite the tensor. Functions are seen by torch's own
    interception of them rather than in a traced graph, so that networks that cannot be traced are seen
    like others. A function that an activation module calls, or a module without weights and modules, is
    that module's own.
    """

    def __init__(self, paths: Mapping[int, str]) -> None:
        super().__init__()
        self.take: Callable[[Call], None]
        self.channels: Channels | None = None
        self._paths = paths
        self._inside: list[_Running] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").rstrip("_")
        given = args[0] if args else kwargs.get("input")
        took = state(given) if name in FUNCTIONS else None
        if self.channels is None:
            returned = func(*args, **kwargs)
        else:
            returned = self.channels.follow(func, args, kwargs)
        if took is not None:
            self._note_function(name, given, took, tensors_in(returned))
        return returned

    def before(self, module: Any, args: Any) -> None:
        """Hook: a module is about to run."""
        if self._inside:
            self._inside[-1].outer = True
        given = args[0] if args else None
        self._inside.append(_Running(module, given, state(given)))

    def after(self, module: Any, _: Any, returned: Any) -> None:
        """Hook: a module has run."""
        running = self._inside.pop()
        if id(module) not in self._paths:
            return
        found = tensors_in(returned)
        if self.channels is not None:
            self.channels.leave(module, running.given, found)
        self.take(
            Call(
                module,
                self._paths[id(module)],
                running.given,
                running.took,
                found,
                [state(tensor) for tensor in found],
                self._channel_axes(found),
                running.outer,
                tuple(running.functions),
            )
        )

    def restart(self) -> None:
        """Forget the modules that were running when a run was broken off."""
        self._inside.clear()

    def _note_function(self, name: str, given: Any, took: State, found: list[Any]) -> None:
        running = self._inside[-1] if self._inside else None
        if running is not None:
            running.functions.append(name)
            own = is_plain(running.module) or is_activation(running.module)
            if own and id(running.module) in self._paths:
                return
        outer = "" if running is None else self._paths.get(id(running.module), "")
        path = f"{outer}.{name}" if outer else name
        made = [state(tensor) for tensor in found]
        self.take(Call(None, path, given, took, found, made, self._channel_axes(found)))

    def _channel_axes(self, tensors: list[Any]) -> list[int | None]:
        return [None if self.channels is None else self.channels.axis(tensor) for tensor in tensors]


@dataclass
class _Running:
    module: Any
    given: Any
    took: State
    outer: bool = False
    functions: list[str] = field(default_factory=list)


def state(value: Any) -> State:
    """Which tensor, and how often changed; what torch makes in its inference mode is not counted."""
    counted = isinstance(value, torch.Tensor) and not value.is_inference()
    return id(value), value._version if counted else 0


def is_plain(module: Any) -> bool:
    """Whether a module has neither weights nor modules inside."""
    return not module._modules and not any(weight is not None for weight in module._parameters.values())


def is_activation(module: Any) -> bool:
    """Whether a module is an activation function: libraries keep theirs in files of that name."""
    kind = type(module)
    file = kind.__module__.rpartition(".")[2]
    return file in ("activation", "activations") and kind.__name__ != "MultiheadAttention"


@contextmanager
def called(network: Any, paths: Mapping[int, str]) -> Iterator[Calls]:
    """Calls of the modules of `network`, while inside and while the `Calls` are entered."""
    calls, handles = Calls(paths), []
    try:
        for module in network.modules():
            if isinstance(module, torch.jit.ScriptModule):
                continue
            handles.append(module.register_forward_pre_hook(calls.before, prepend=True))
            # Called when the module raises too, which an outer one may catch.
            handles.append(module.register_forward_hook(calls.after, always_call=True))
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def unwrapped(module: Any) -> Any:
    """The module inside those that torch.compile and DataParallel wrap around it."""
    while True:
        wrappers = (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)
        if isinstance(module, wrappers):
            module = module.module
        elif "_orig_mod" in getattr(module, "_modules", {}):
            module = module._modules["_orig_mod"]
        else:
            return module


def module_paths(network: Any) -> dict[int, str]:
    """id → dotted path of every module inside an unwrapped network, wrappers within left out."""
    found: dict[int, str] = {}

    def walk(module: Any, prefix: str) -> None:
        for name, child in module.named_children():
            inner = unwrapped(child)
            if id(inner) in found or isinstance(inner, torch.jit.ScriptModule):
                continue
            found[id(inner)] = prefix + name
            walk(inner, f"{prefix}{name}.")

    walk(network, "")
    return found
