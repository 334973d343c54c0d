"""The layers of a torch network: what they are called, which have nodes, where their channels lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from ann2neo.recording.observation import Site
from ann2neo.recording.places import Place
from ann2neo.recording.torch.calls import Call, State, is_activation, is_plain

# Names that sites know the range of; functions with parameters that move it are left out.
_RANGES = {
    "hardsigmoid": "hard_sigmoid",
    **{
        name: name
        for name in ("relu", "relu6", "selu", "sigmoid", "softmax", "softplus", "softsign", "tanh")
    },
}


def outputs_of(calls: Sequence[Call], n_samples: int) -> list[Place]:
    """What was returned, in the order of the calls, labelled so that each is told apart."""
    n_calls = Counter(key_of(call) for call in calls)
    seen: Counter[Any] = Counter()
    # What an activation function takes or makes stands in the raster under the function's name.
    active = [call for call in calls if activation_name(call) != "linear"]
    covered = {call.took for call in active}
    covered |= {state for call in active if call.module is None for state in call.made}
    found = []
    for call in calls:
        number = seen[key_of(call)]
        seen[key_of(call)] += 1
        label = f"{call.path}:{number}" if n_calls[key_of(call)] > 1 else call.path
        for position, tensor in enumerate(call.tensors):
            found.append(
                Place(
                    layer=call.module,
                    name=call.path.rpartition(".")[2],
                    path=call.path,
                    call=number,
                    n_calls=n_calls[key_of(call)],
                    position=position,
                    label=f"{label}[{position}]" if len(call.tensors) > 1 else label,
                    tensor=tensor,
                    activation=activation_name(call),
                    is_node=_is_node(call, position, covered) and len(tensor) == n_samples,
                    channel_axis=call.channel_axes[position],
                )
            )
    return found


def key_of(call: Call) -> tuple[int, str]:
    """What tells the calls of one module or function from those of another."""
    return 0 if call.module is None else id(call.module), call.path


def activation_name(call: Call) -> str:
    """Name of the function that makes what a call returns; "linear" for none."""
    if call.module is None:
        name = call.path.rpartition(".")[2]
    elif is_activation(call.module):
        name = type(call.module).__name__.lower()
    else:
        return "own function" if is_plain(call.module) and call.functions else "linear"
    return _RANGES.get(name, f"torch {name}")


def _is_node(call: Call, position: int, covered: set[State]) -> bool:
    if activation_name(call) != "linear":
        return True
    kind = type(call.module).__name__
    if call.outer or "Norm" in kind or "Embedding" in kind:
        return False
    if isinstance(call.module, torch.nn.RNNBase) and position > 0:
        return False  # states, whose first axis is that of the layers
    weighted = any(weight is not None for weight in call.module._parameters.values())
    return weighted and call.made[position] not in covered


def site(output: Place) -> Site:
    """An output as the place to record from."""
    shape = tuple(int(size) for size in output.tensor.shape[1:])
    activation = output.activation if output.position == 0 else None
    axis = None if output.channel_axis is None else output.channel_axis - 1
    return Site(output.label, shape, axis if len(shape) > 1 else -1, activation)
