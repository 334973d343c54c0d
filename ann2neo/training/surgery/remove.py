"""Remove units from a network: which of its weights go, whichever framework holds them."""

from __future__ import annotations

import importlib
import operator
import sys
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from ann2neo.statistics.uses.removable_units import RemovableUnits
from ann2neo.training.surgery.units import read_units


def remove_units(network: Any, units: RemovableUnits | Mapping[str, npt.ArrayLike]) -> Any:
    """Make a network without some units of its layers; the one given is left as it is.

    Parameters
    ----------
    network : keras.Model or torch.nn.Sequential
        A chain of layers, one behind another: dense layers and convolutions, each followed by activation
        functions, batch normalization, pooling, dropout and flattening as may be. Sequential models may
        be nested.
    units : RemovableUnits or mapping of str to array of int
        Layer, by the name under which it was recorded → its units, of a convolution its channels. Of
        `RemovableUnits` the silent ones go.

    Returns
    -------
    keras.Sequential or torch.nn.Sequential
        A new, smaller network; of Keras not compiled. The name of each layer stays.

    Raises
    ------
    TypeError
        If the network is neither.
    ValueError
        If it is no chain; a name is not that of one of its layers; the layer that makes the units or the
        one that reads them is not known or of a kind that cannot lose any; a layer would lose all its
        units; or an index is out of range. The message names the layer.

    See Also
    --------
    ann2neo.removable_units : units that were silent.
    mask_units : zeros instead, for any torch module.

    Notes
    -----
    For samples at which the units were silent, behind a ReLU, the outputs are the same up to rounding:
    sums have fewer terms and other orders. It is then the weights that read a unit which go, and they
    were multiplied by 0. A unit that is not silent takes what it said along, and nothing is added to
    biases for it.

    Examples
    --------
    >>> import keras, numpy as np
    >>> from ann2neo import training
    >>> layers = [keras.layers.Dense(8, "relu", name="hidden"), keras.layers.Dense(2)]
    >>> model = keras.Sequential([keras.Input((5,)), *layers])
    >>> smaller = training.remove_units(model, {"hidden": [0, 3]})
    >>> smaller.get_layer("hidden").units
    6
    """
    wanted = read_units(units)
    for framework, kind, module in (
        ("keras", "Model", "ann2neo.training.surgery.keras_chain"),
        ("torch", "nn.Module", "ann2neo.training.surgery.torch_chain"),
    ):
        loaded = sys.modules.get(framework)
        if loaded is not None and isinstance(network, operator.attrgetter(kind)(loaded)):
            return importlib.import_module(module).remove(network, wanted)
    raise TypeError(
        f"network must be a keras.Model or a torch.nn.Sequential, got {type(network).__name__}"
    )
