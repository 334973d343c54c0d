"""What the builders of networks share: weights drawn from an `rng`, input shapes that are checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from ann2neo.spikes.argument_checks import check_count


def draw_weights(network: Any, rng: np.random.Generator, only: list[Any] | None = None) -> Any:
    """Draw every kernel anew from its layer's own law: Keras drew them from a seed nobody knows."""
    for layer in network.layers if only is None else only:
        initializer: Any = getattr(layer, "kernel_initializer", None)
        config = {} if initializer is None else initializer.get_config()
        if "seed" in config:
            seeded = type(initializer).from_config({**config, "seed": int(rng.integers(2**31))})
            layer.kernel.assign(seeded(layer.kernel.shape, dtype=layer.kernel.dtype))
    return network


def check_shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, (tuple, list)) or not value:
        raise TypeError(f"input_shape must be a non-empty tuple of int, got {value!r:.60}")
    return tuple(check_count(size, "input_shape") for size in value)


def check_image(value: Any, smallest: int) -> tuple[int, ...]:
    shape = check_shape(value)
    if len(shape) != 3 or min(shape[:2]) < smallest:
        raise ValueError(
            f"input_shape must be (height, width, channels), at least {smallest} pixels high and wide, "
            f"got {shape}"
        )
    return shape
