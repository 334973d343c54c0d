"""What the modules and functions of torch are: activation functions, look-ups, normalizations."""

from __future__ import annotations

from typing import Any

import torch

from ann2neo.recording.flow.operations import (
    COMPARING,
    CONTRACTIONS,
    FUNCTIONS,
    NONLINEAR,
    NORMALIZATIONS,
    REDUCTIONS,
)
from ann2neo.recording.flow.steps import Step
from ann2neo.recording.torch.calls import Call
from ann2neo.recording.torch.modules import is_activation, is_plain

# Names that sites know the range of; functions with parameters that move it are left out.
_RANGES = {
    "hardsigmoid": "hard_sigmoid",
    "exp": "exponential",
    **{
        name: name
        for name in ("relu", "relu6", "selu", "sigmoid", "softmax", "softplus", "softsign", "tanh")
    },
}
_NORMS = (
    torch.nn.modules.batchnorm._NormBase,
    *(torch.nn.LayerNorm, torch.nn.GroupNorm, torch.nn.LocalResponseNorm),
    *((torch.nn.RMSNorm,) if hasattr(torch.nn, "RMSNorm") else ()),
)
_LOOKUPS = frozenset(["embedding", "embedding_renorm"])


def name_activation(call: Call, *, spikes: bool, shaped: bool = False) -> str:
    """Name of the function that makes what a call returns; "linear" for none.

    `spikes`: whether the call is known for the one that makes spikes of its own; `shaped`: whether it is
    of a function that is none by name, but acts as an activation function.
    """
    if call.module is None:
        return _name_function(call, shaped=shaped)
    if is_activation(call.module):
        return _name_activation_module(call.module)
    if spikes:
        return "spikes"
    if call.n_inner or isinstance(call.module, torch.nn.RNNBase):
        return "linear"
    direct = set(call.functions)
    if not is_plain(call.module) or call.functions == ():
        return "linear"
    if direct & (REDUCTIONS | NORMALIZATIONS | CONTRACTIONS) or any("pool" in n for n in direct):
        return "own function" if direct & FUNCTIONS else "linear"
    if type(call.module).__module__.startswith("torch."):
        return "linear"
    return "own function" if direct & NONLINEAR else "linear"


def _name_function(call: Call, *, shaped: bool) -> str:
    if call.is_rectified:
        return "relu"
    if shaped and call.name in COMPARING:
        return "spikes"
    named = shaped or call.name in FUNCTIONS
    return _RANGES.get(call.name, f"torch {call.name.strip('_')}") if named else "linear"


def is_lookup(module: Any, weighted: list[Step]) -> bool:
    """Whether a module's weights are looked up and not multiplied with anything."""
    if isinstance(module, (torch.nn.Embedding, torch.nn.EmbeddingBag)):
        return True
    return bool(weighted) and all(step.name in _LOOKUPS for step in weighted)


def is_normalization(module: Any, direct: list[Step]) -> bool:
    """Whether a module normalizes: by its class, or by what it does if its name says so."""
    if isinstance(module, _NORMS):
        return True
    if any(step.is_contraction and step.name != "opaque layer" for step in direct):
        return False
    names = {step.name for step in direct}
    if names & NORMALIZATIONS:
        return True
    return "Norm" in type(module).__name__ and bool(names & REDUCTIONS or "opaque layer" in names)


def _name_activation_module(module: Any) -> str:
    """The name of torch's class, also of classes derived from it."""
    for kind in type(module).__mro__:
        if kind.__module__ == "torch.nn.modules.activation":
            name = kind.__name__.lower()
            return _RANGES.get(name, f"torch {name}")
    name = type(module).__name__.lower().removesuffix("activation")
    return f"torch {name}"
