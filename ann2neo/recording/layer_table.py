"""`list_layers`: which names can be given as `layers`, and what is there."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ann2neo.recording.adapters import find_adapter
from ann2neo.recording.layer_selection import find_last_hidden
from ann2neo.recording.places import describe_place, tabulate_places
from ann2neo.recording.samples.batches import batches

_N_SAMPLES = 8


def list_layers(network: Any, samples: Any, *, inputs: bool = False) -> pd.DataFrame:
    """The places at which a network can be recorded, in the order in which it comes to them.

    The network is shown the first few samples, in inference mode, and is left as it was found.

    Parameters
    ----------
    network : keras.Model or torch.nn.Module
    samples : array, tensor, dict or tuple of these, Dataset, DataLoader or iterable of batches
        As for `ann2neo.record`; a few samples are enough.
    inputs : bool
        List what each layer reads, too: ``"name:input"``.

    Returns
    -------
    pandas.DataFrame
        A row per place, with the columns

        - ``layer``: the name to give as `layers`;
        - ``kind``: the class of the layer, or the function;
        - ``activation``: the function that made the values, ``"linear"`` for none;
        - ``module``: path of the layer that computes it, ``""`` for the network itself;
        - ``weights``: paths of the layers whose weights feed it, up to the last activation function;
        - ``shape``: of one sample, as recorded; missing where it cannot be recorded;
        - ``n_units``, ``n_channels``, ``n_positions``: missing where they are not known;
        - ``in_all``, ``in_last_hidden``: whether ``layers="all"`` and ``"last_hidden"`` take it;
        - ``reason``: if ``"all"`` does not, why, and what stands for it.

    Raises
    ------
    TypeError, ValueError
        If the network cannot be observed, or the samples do not fit it.

    Examples
    --------
    >>> import keras, numpy as np, ann2neo as a2n
    >>> hidden = keras.layers.Dense(4, "relu", name="hidden")
    >>> model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1, name="out")])
    >>> table = a2n.list_layers(model, np.ones((2, 3), "float32"))
    >>> table[["layer", "activation", "n_units", "in_last_hidden"]].values.tolist()
    [['hidden', 'relu', 4, True], ['out', 'linear', 1, False]]
    """
    adapter, samples = find_adapter(network, samples)
    source = batches(samples, labels=None, batch_size=_N_SAMPLES, rng=None)
    head = next(iter(source), None)
    if head is None:
        raise ValueError("samples must hold at least one sample, got none")
    found = adapter.list_places(network, head.inputs)
    last = find_last_hidden(found)
    return tabulate_places(
        [
            describe_place(place, is_last_hidden=place is last and not place.fault)
            for place in found
            if inputs or place.side == "output" or place.is_node
        ]
    )
