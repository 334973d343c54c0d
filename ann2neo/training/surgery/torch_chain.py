"""Units removed from torch modules: really from sequential ones, by masks from any."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ann2neo.extras import require
from ann2neo.training.surgery.units import Units, check_layers, find_kept, read_units

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.nn.utils import prune
else:
    # `mask_units` is public here: without torch it says which extra is missing.
    torch = require("torch", extra="torch")
    nn, prune = torch.nn, require("torch.nn.utils.prune", extra="torch")

_MAKERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
# What passes each channel on by itself, whatever it does to positions.
_PASSING = (
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.ELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.Identity,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.MaxPool1d,
    nn.MaxPool2d,
    nn.AvgPool1d,
    nn.AvgPool2d,
    nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
)


def remove(network: Any, units: Units) -> Any:
    """See `remove_units`."""
    smaller = copy.deepcopy(network)
    chain = _list_chain(smaller)
    feeding = _find_makers(chain)
    check_layers(units, list(feeding))
    removed: dict[str, npt.NDArray[np.int64]] = {}
    for label, indices in units.items():
        both = [removed.get(feeding[label], indices[:0]), indices]
        removed[feeding[label]] = np.unique(np.concatenate(both))
    kept: npt.NDArray[np.int64] | None = None
    size = 0
    for path, module in chain:
        if isinstance(module, _MAKERS):
            if kept is not None:
                _take_inputs(path, module, kept, size)
            kept, size = _take_outputs(path, module, removed)
        elif kept is not None and isinstance(module, _NORMS):
            _take_norm(module, kept)
        elif kept is not None and not isinstance(module, (*_PASSING, nn.Flatten)):
            raise ValueError(
                f"layer {path!r}, a {type(module).__name__}, reads units that are to be removed, and "
                "how is not known"
            )
    return smaller


def mask_units(network: Any, units: Any) -> Any:
    """Set the weights that make some units to 0, by masks of ``torch.nn.utils.prune``.

    Parameters
    ----------
    network : torch.nn.Module
        Any; it is changed. ``prune.remove(module, "weight")`` makes it permanent, and as long as the
        masks are there training leaves the units at 0.
    units : RemovableUnits or mapping of str to array of int
        Path of a linear layer or convolution → its units or channels.

    Returns
    -------
    torch.nn.Module
        The network.

    Raises
    ------
    TypeError, ValueError
        If `network` is no torch module, a path is not that of a linear layer or convolution, or an index
        is out of range.

    Notes
    -----
    Weights and bias are 0, so that the unit gives 0 before an activation function; batch normalization
    behind it may make that something else.

    Examples
    --------
    >>> import torch
    >>> from ann2neo import training
    >>> network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> masked = training.mask_units(network, {"0": [1]})
    >>> masked[0](torch.ones(1, 3))[0, 1].item()
    0.0
    """
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be a torch.nn.Module, got {type(network).__name__}")
    modules = dict(network.named_modules())
    wanted = read_units(units)
    makers = [path for path, module in modules.items() if isinstance(module, _MAKERS)]
    check_layers(wanted, makers)
    for path, indices in wanted.items():
        module: Any = modules[path]
        find_kept(indices, len(module.weight), path)
        for name in ("weight", "bias"):
            values = getattr(module, name, None)
            if values is not None:
                mask = torch.ones_like(values)
                mask[torch.from_numpy(indices)] = 0
                prune.custom_from_mask(module, name, mask)
    return network


def _list_chain(network: Any, prefix: str = "") -> list[tuple[str, nn.Module]]:
    if type(network) is not nn.Sequential:
        raise ValueError(
            f"network must be a torch.nn.Sequential, for it to be known which layer feeds which, got a "
            f"{type(network).__name__}"
            + (f" as {prefix[:-1]!r}" if prefix else "")
            + "; mask_units takes any module"
        )
    found: list[tuple[str, nn.Module]] = []
    for name, module in network.named_children():
        path = prefix + name
        nested = type(module) is nn.Sequential
        found += _list_chain(module, f"{path}.") if nested else [(path, module)]
    if len({id(module) for _, module in found if list(module.parameters())}) < sum(
        bool(list(module.parameters())) for _, module in found
    ):
        raise ValueError("network must not use a layer with weights twice")
    return found


def _find_makers(chain: list[tuple[str, nn.Module]]) -> dict[str, str]:
    """Path of a recorded layer → path of the layer whose weights make its units."""
    makers: dict[str, str] = {}
    last: str | None = None
    for path, module in chain:
        if isinstance(module, _MAKERS):
            last = path
        elif not isinstance(module, (*_PASSING, *_NORMS)):
            last = None
        if last is not None:
            makers[path] = last
    output = next((path for path, module in reversed(chain) if isinstance(module, _MAKERS)), None)
    return {path: maker for path, maker in makers.items() if maker != output}


def _take_inputs(path: str, module: Any, kept: npt.NDArray[np.int64], size: int) -> None:
    n_inputs = module.weight.shape[1]
    if getattr(module, "groups", 1) != 1:
        raise ValueError(f"layer {path!r} has groups: which channels it reads is not known")
    if n_inputs % size:
        raise ValueError(
            f"layer {path!r} reads {n_inputs} values, no multiple of the {size} channels before it"
        )
    # Flattened channels lie one behind another, each with all its positions.
    each = n_inputs // size
    places = (kept[:, np.newaxis] * each + np.arange(each)).ravel()
    module.weight = nn.Parameter(module.weight.detach()[:, torch.from_numpy(places)].clone())
    _set_size(module, "in_features", "in_channels", places.size)


def _take_outputs(path: str, module: Any, removed: Units) -> tuple[npt.NDArray[np.int64] | None, int]:
    size = len(module.weight)
    if path not in removed:
        return None, size
    if getattr(module, "groups", 1) != 1:
        raise ValueError(f"layer {path!r} has groups: its channels cannot be removed one by one")
    stay = find_kept(removed[path], size, path)
    rows = torch.from_numpy(stay)
    module.weight = nn.Parameter(module.weight.detach()[rows].clone())
    if module.bias is not None:
        module.bias = nn.Parameter(module.bias.detach()[rows].clone())
    _set_size(module, "out_features", "out_channels", stay.size)
    return stay, size


def _take_norm(module: Any, kept: npt.NDArray[np.int64]) -> None:
    rows = torch.from_numpy(kept)
    for name in ("weight", "bias"):
        values = getattr(module, name)
        if values is not None:
            setattr(module, name, nn.Parameter(values.detach()[rows].clone()))
    for name in ("running_mean", "running_var"):
        values = getattr(module, name)
        if values is not None:
            setattr(module, name, values[rows].clone())
    module.num_features = kept.size


def _set_size(module: Any, linear: str, convolution: str, size: int) -> None:
    setattr(module, linear if isinstance(module, nn.Linear) else convolution, size)
