"""Units removed from Keras models that are chains of layers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ann2neo.training.surgery.units import Units, check_layers, find_kept

_LAYERS = keras.layers
_MAKERS = (_LAYERS.Dense, _LAYERS.Conv1D, _LAYERS.Conv2D, _LAYERS.Conv3D)
# What passes each channel on by itself, whatever it does to positions.
_PASSING = (
    _LAYERS.Activation,
    _LAYERS.ReLU,
    _LAYERS.LeakyReLU,
    _LAYERS.ELU,
    _LAYERS.Dropout,
    _LAYERS.SpatialDropout1D,
    _LAYERS.SpatialDropout2D,
    _LAYERS.GaussianNoise,
    _LAYERS.ActivityRegularization,
    _LAYERS.Identity,
    _LAYERS.ZeroPadding1D,
    _LAYERS.ZeroPadding2D,
    _LAYERS.MaxPooling1D,
    _LAYERS.MaxPooling2D,
    _LAYERS.AveragePooling1D,
    _LAYERS.AveragePooling2D,
    _LAYERS.GlobalAveragePooling1D,
    _LAYERS.GlobalAveragePooling2D,
    _LAYERS.GlobalMaxPooling1D,
    _LAYERS.GlobalMaxPooling2D,
    _LAYERS.UpSampling2D,
    _LAYERS.InputLayer,
)


def remove(network: Any, units: Units) -> Any:
    """See `remove_units`."""
    if not network.built:
        raise ValueError(f"network {network.name!r} has no weights yet: build it, or call it once")
    chain = list_chain(network)
    feeding = find_makers(chain)
    check_layers(units, list(feeding))
    removed: dict[str, npt.NDArray[np.int64]] = {}
    for label, indices in units.items():
        maker = feeding[label]
        both = [removed[maker], indices] if maker in removed else [indices]
        removed[maker] = np.unique(np.concatenate(both))
    made = [keras.Input(network.inputs[0].shape[1:], dtype=network.inputs[0].dtype)]
    weights: list[list[npt.NDArray[Any]]] = []
    # Channels of the tensor at hand that stay; None: all.
    kept: npt.NDArray[np.int64] | None = None
    for layer in chain:
        new_config, values, kept = _shrink(layer, kept, removed)
        made.append(type(layer).from_config(new_config))
        weights.append(values)
    smaller = keras.Sequential(made, name=network.name)
    for layer, values in zip(smaller.layers, weights, strict=True):
        layer.set_weights(values)
    return smaller


def list_chain(network: Any) -> list[Any]:
    """The layers in the order in which they feed each other, nested models unfolded."""
    if isinstance(network, keras.Sequential):
        layers = network.layers
    elif hasattr(network, "operations"):
        layers = [layer for layer in network.operations if not isinstance(layer, _LAYERS.InputLayer)]
        _check_chain(network, layers)
    else:
        raise ValueError(
            f"network {network.name!r} must be Sequential or functional, for it to be known which layer "
            "feeds which"
        )
    found = []
    for layer in layers:
        found += list_chain(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def find_makers(chain: list[Any]) -> dict[str, str]:
    """Label of a recorded layer → name of the layer whose weights make its units."""
    makers: dict[str, str] = {}
    last = None
    for layer in chain:
        if isinstance(layer, _MAKERS):
            last = layer.name
        elif isinstance(layer, _LAYERS.Flatten) or not (
            isinstance(layer, (*_PASSING, _LAYERS.BatchNormalization))
        ):
            # Behind it a unit is no longer a channel, or not known to be.
            last = None
        if last is not None:
            makers[layer.name] = last
    # What the network returns is no unit to remove.
    output = next((layer.name for layer in reversed(chain) if isinstance(layer, _MAKERS)), None)
    return {label: maker for label, maker in makers.items() if maker != output}


def _check_chain(network: Any, layers: list[Any]) -> None:
    previous = network.inputs[0] if len(network.inputs) == 1 else None
    for layer in layers:
        nodes = layer._inbound_nodes
        fed = [keras.tree.flatten(node.input_tensors) for node in nodes[-1:]]
        if previous is None or len(fed) != 1 or [id(t) for t in fed[0]] != [id(previous)]:
            raise ValueError(
                f"network {network.name!r} must be a chain of layers, {layer.name!r} is not fed by the "
                "one before it alone"
            )
        outputs = keras.tree.flatten(nodes[-1].output_tensors)
        previous = outputs[0] if len(outputs) == 1 else None


def _shrink(
    layer: Any, kept: npt.NDArray[np.int64] | None, removed: Units
) -> tuple[dict[str, Any], list[npt.NDArray[Any]], npt.NDArray[np.int64] | None]:
    """Configuration and weights without the channels that are gone, and the channels it hands on."""
    config = layer.get_config()
    config.pop("build_config", None)
    values = [np.asarray(value) for value in layer.get_weights()]
    if isinstance(layer, _MAKERS):
        if kept is not None:
            if getattr(layer, "groups", 1) != 1:
                raise ValueError(
                    f"layer {layer.name!r} has groups: which channels it reads is not known"
                )
            values[0] = np.take(values[0], kept, axis=-2)
        return _shrink_outputs(layer, config, values, removed)
    if kept is None or isinstance(layer, _PASSING):
        _check_last(layer, kept)
        return config, values, kept
    if isinstance(layer, _LAYERS.BatchNormalization):
        _check_last(layer, kept)
        return config, [np.take(value, kept) for value in values], kept
    if isinstance(layer, _LAYERS.Flatten):
        _check_last(layer, kept)
        shape = layer.input.shape[1:]
        place = np.arange(int(np.prod(shape))).reshape(shape)
        return config, values, np.take(place, kept, axis=-1).ravel()
    raise ValueError(
        f"layer {layer.name!r}, a {type(layer).__name__}, reads units that are to be removed, and how "
        "is not known"
    )


def _shrink_outputs(
    layer: Any, config: dict[str, Any], values: list[npt.NDArray[Any]], removed: Units
) -> tuple[dict[str, Any], list[npt.NDArray[Any]], npt.NDArray[np.int64] | None]:
    if layer.name not in removed:
        return config, values, None
    _check_last(layer, removed[layer.name])
    size = values[0].shape[-1]
    stay = find_kept(removed[layer.name], size, layer.name)
    if getattr(layer, "groups", 1) != 1:
        raise ValueError(f"layer {layer.name!r} has groups: its channels cannot be removed one by one")
    config["units" if "units" in config else "filters"] = stay.size
    return config, [np.take(value, stay, axis=-1) for value in values], stay


def _check_last(layer: Any, kept: Any) -> None:
    first = getattr(layer, "data_format", "channels_last") == "channels_first"
    axis = getattr(layer, "axis", -1)
    moved = isinstance(layer, _LAYERS.BatchNormalization) and axis not in (
        -1,
        len(layer.input.shape) - 1,
    )
    if kept is not None and (first or moved):
        raise ValueError(f"layer {layer.name!r} must have its channels last, for units to be removed")
