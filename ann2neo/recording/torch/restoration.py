"""A torch network in inference mode, and as it was found afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ann2neo.recording.torch.calls import unwrapped
from ann2neo.recording.torch.weights import held


@contextmanager
def left_as_found(network: Any) -> Iterator[None]:
    """Inference mode, uncompiled and in one piece; what modules hold is put back on leaving.

    That is their attributes (among them the mode of each), and buffers and their values. Parameters do
    not change without gradients.
    """
    modules = [m for m in network.modules() if not isinstance(m, torch.jit.ScriptModule)]
    scripted = [(m, m.training) for m in network.modules() if isinstance(m, torch.jit.ScriptModule)]
    attributes = [(vars(module), dict(vars(module))) for module in modules]
    buffers = [(module._buffers, _copied(module._buffers)) for module in modules if module._buffers]
    try:
        for module in modules:
            _settle(module)
        for module, _ in scripted:
            module.training = False
        yield
    finally:
        for own, before in attributes:
            _put_back(own, before)
        for module, training in scripted:
            module.training = training
        for held, copies in buffers:
            _put_back(held, {name: buffer for name, (buffer, _, _) in copies.items()})
            for buffer, version, value in copies.values():
                if value is not None and version != buffer._version:
                    with torch.no_grad():
                        buffer.copy_(value)


def _settle(module: Any) -> None:
    own, inner = vars(module), unwrapped(module)
    if own.get("_compiled_call_impl") is not None:
        own["_compiled_call_impl"] = None
    if inner is not module:
        own["forward"] = inner.__call__
    elif module.training:
        # Not by `eval`, which networks override: to merge weights, for example.
        own["training"] = False


def _copied(buffers: dict[str, Any]) -> dict[str, tuple[Any, int, Any]]:
    copies = {}
    for name, buffer in buffers.items():
        # What was made in torch's inference mode cannot be changed outside of it.
        fixed = buffer is None or buffer.is_inference()
        copies[name] = (buffer, 0, None) if fixed else (buffer, buffer._version, buffer.detach().clone())
    return copies


def _put_back(now: dict[str, Any], before: dict[str, Any]) -> None:
    if len(now) == len(before) and all(now.get(key) is value for key, value in before.items()):
        return
    now.clear()
    now.update(before)


class Chance:
    """torch's generators as a network in recording moves them, apart from how all others do.

    Networks may draw in inference mode too. Their draws go on from batch to batch, and neither they nor
    the samples read in between disturb one another.
    """

    def __init__(self, network: Any) -> None:
        self._gpus = {tensor.device for tensor in held(network) if tensor.device.type == "cuda"}
        self._states = self._now()

    @contextmanager
    def own(self) -> Iterator[None]:
        """The network's generators, while inside."""
        others = self._now()
        self._set(self._states)
        try:
            yield
        finally:
            self._states = self._now()
            self._set(others)

    def _now(self) -> dict[Any, Any]:
        return {
            None: torch.get_rng_state(),
            **{gpu: torch.cuda.get_rng_state(gpu) for gpu in self._gpus},
        }

    def _set(self, states: dict[Any, Any]) -> None:
        for gpu, state in states.items():
            if gpu is None:
                torch.set_rng_state(state)
            else:
                torch.cuda.set_rng_state(state, gpu)
