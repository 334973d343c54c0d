"""Which layers of a network are ReLUs or their kin."""

from __future__ import annotations

from typing import Any

from ann2neo.recording.adapters import find_adapter

# A value lies above 0 where what the function was given does; for PReLU while its slopes are positive.
_RECTIFIERS = {
    *("relu", "relu6", "leaky_relu", "prelu", "elu", "scaled elu", "selu", "celu", "gelu", "silu"),
    *("torch leakyrelu", "torch leaky_relu", "torch prelu", "torch elu", "torch celu", "torch gelu"),
    "torch silu",
}


def find_rectifiers(network: Any, batch: Any) -> list[str]:
    """Names of the layers whose values are positive where what their function was given is.

    In the order in which the network calls them for a batch.

    Raises
    ------
    TypeError, ValueError
        If the network cannot be observed, or has no such layer.
    """
    adapter, _ = find_adapter(network, [batch])
    with adapter.observe(network, batch, "all") as observation:
        sites = list(observation.sites)
    names = [site.name for site in sites if site.activation in _RECTIFIERS]
    if not names:
        found = {site.name: site.activation for site in sites}
        raise ValueError(f"network has no layer with a ReLU or its kin; name layers among {found}")
    return names
