"""`record`: show a network samples and keep which units were active."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, overload

import numpy as np

from ann2neo.recording.adapters import find_adapter
from ann2neo.recording.layer_recorders import make_recorder
from ann2neo.recording.observation import ConvUnits, begin
from ann2neo.recording.samples.batches import Batch, batches
from ann2neo.recording.samples.showing import (
    Augment,
    check_mask,
    check_trials,
    find_takes,
    join_masks,
    show_trials,
)
from ann2neo.spikes.argument_checks import check_count, check_period, check_rng
from ann2neo.spikes.raster import SpikeRaster
from ann2neo.spikes.raster_tables import check_annotations
from ann2neo.spikes.typing import TimeLike

if TYPE_CHECKING:
    from typing_extensions import Unpack

_OWN_ANNOTATIONS = (
    *("framework", "backend", "weights_hash", "threshold", "order", "conv_units", "last_hidden"),
)


class _Options(TypedDict, total=False):
    """Options of `record` that do not change what it returns; for type checkers."""

    layers: Any
    labels: Any
    threshold: Any
    batch_size: int
    rng: np.random.Generator | None
    conv_units: ConvUnits
    mask: Any
    trials: int
    stochastic: bool
    augment: Augment | None
    sampling_period: float
    dataset_split: str | None
    annotations: Mapping[str, Any] | None
    first_sample: int
    progress: bool
    overwrite: bool


@overload
def record(
    network: Any, samples: Any = ..., *, store: None = ..., **options: Unpack[_Options]
) -> SpikeRaster: ...
@overload
def record(
    network: Any, samples: Any = ..., *, store: str | Path, **options: Unpack[_Options]
) -> Path: ...
def record(
    network: Any,
    samples: Any = None,
    *,
    layers: Any = "last_hidden",
    labels: Any = None,
    threshold: Any = 0.0,
    batch_size: int = 256,
    rng: np.random.Generator | None = None,
    conv_units: ConvUnits = "all",
    mask: Any = None,
    trials: int = 1,
    stochastic: bool = False,
    augment: Augment | None = None,
    sampling_period: TimeLike = 0.001,
    dataset_split: str | None = None,
    annotations: Mapping[str, Any] | None = None,
    first_sample: int = 0,
    progress: bool = True,
    store: str | Path | None = None,
    overwrite: bool = False,
) -> SpikeRaster | dict[str, SpikeRaster] | Path:
    """Record which units of a network are active at which sample.

    The network runs in inference mode and is left as it was found. Float activations of one batch at a
    time are held; what is kept is one bit per unit and sample.

    Parameters
    ----------
    network : keras.Model, torch.nn.Module, or activations
        Activations instead of a network: an array or memmap of shape (n_samples, ...), a dict of one
        such array a layer, or an iterable of batches of these; leave `samples` out then.
    samples : array, tensor, dict or tuple of these, Dataset, DataLoader or iterable of batches
        Several inputs come as a tuple or dict, which torch networks take as arguments and as keyword
        arguments. Batches, also those of a tf.data.Dataset, PyDataset or torch DataLoader, are
        ``inputs`` or ``(inputs, labels)``, in the order of the data set: do not shuffle them. Torch
        networks are given floats in their own precision, other numbers as int64, and all of it on
        their own device.
    layers : "last_hidden", "all", "activations", str, layer, class, predicate, or list of these
        ``"last_hidden"``: the last layer with an activation function before the network's output; the
        annotation ``last_hidden`` says which. ``"all"``: every layer with weights or an activation
        function, without embeddings and normalizations; these, and any other layer that the network
        calls, can be named. ``"activations"``: rectifiers and their relatives, and spikes. A pattern
        takes each layer that fits, ``"encoder.*.mlp.act"``; ``"name:input"`` is what a layer reads; a
        predicate is asked about each row of `ann2neo.list_layers`, which lists all names. Inner layers
        of nested models are called ``"outer.inner"``, or ``"inner"`` if no other is; the uses of a
        shared layer ``"shared:0"``, ``"shared:1"``, together ``"shared"``; several outputs of one layer
        ``"lstm[0]"``, ``"lstm[1]"``. Activations given as a dict are layers by name, default all.
        See the notes for torch.
    labels : array, shape (n_samples,) or (n_samples, ...), or False, optional
        A label per sample; with ``conv_units="channels"`` also one per position of each. Default: those
        inside `samples`, if any: beside the inputs, or their entry ``"labels"`` or ``"label"``. False
        leaves these out.
    threshold : float, array of shape (n_units,), dict a layer, or callable
        A unit is active where its activation is greater, compared in the network's own precision; see
        `ann2neo.unit_quantiles` for a level per unit. A
        callable takes activations (n_samples, n_units) of one layer, which it must not change, and
        returns what broadcasts to them; it must look at each sample by itself. An array or callable
        holds for each layer. The annotation ``threshold`` says the number; else there is a column
        ``threshold`` in the table of units, NaN for a callable.
    batch_size : int
        Samples a batch, where `samples` are arrays.
    rng : numpy.random.Generator, optional
        Show the samples in an order drawn from it; default is the order of the data set. The column
        ``sample_index`` of the raster says which sample of the data set came when. Batches of an
        iterable are read as they come and the raster is permuted afterwards, which `store` excludes.
        With `trials`, `stochastic` or `augment` it is these that draw from it, and the order is kept.
    conv_units : {"all", "channels"}
        For layers with spatial or step axes: each activation a unit, or each channel a unit and each
        position of each sample a sample of the raster; its table of samples then says the position.
        For a language model the positions are tokens (``step``), padding among them: see `mask`.
    mask : array, shape (n_samples, ...), or str, optional
        With ``conv_units="channels"``: which positions of each sample count, an entry per position, or
        the name of such an array among the samples, as ``"attention_mask"``. The others are left out.
    trials : int
        How often the samples are shown, one trial after another; the column ``trial`` of the raster's
        table of samples counts them. Needs what makes trials differ: `stochastic` or `augment`.
    stochastic : bool
        Switch the network's dropout and noise layers on, seeded from `rng`.
    augment : callable, optional
        Called as ``augment(inputs, rng)`` with each batch of inputs; returns what is shown in its place,
        as many samples in the same order.
    sampling_period : float
        Seconds per sample, or a time with its unit.
    dataset_split : str, optional
        Column ``dataset_split`` of the sample table, for example ``"test"``.
    annotations : mapping, optional
        Further annotations; ``network`` may be given to replace the network's own name.
    first_sample : int
        Place in the data set of the first of these samples, for recordings in parts: ``sample_index``
        counts from there. Not with `rng`.
    progress : bool
        Show a progress bar if it takes more than a second.
    store : str or Path, optional
        Write to this Zarr store batch by batch, for recordings larger than memory, and return its path.
    overwrite : bool
        Replace an existing `store`.

    Returns
    -------
    SpikeRaster, or pathlib.Path with `store`
        Under ``conv_units="channels"``, layers that differ in their positions come as a dict of one
        raster by layer name, each as if recorded alone, all from one pass; `store` then is refused.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; among them activations that are NaN or infinite, by layer, unit and
        sample, layers whose positions differ, or whose channels are not known, under
        ``conv_units="channels"``, and networks whose layers cannot be observed.
    FileExistsError
        If `store` exists and `overwrite` is False.

    Warns
    -----
    UserWarning
        If a layer cannot be silent at this threshold, as a sigmoid at 0; if ``"all"`` or a pattern
        leaves layers out that cannot be recorded, each named with the reason; if values of a layer are
        others each time, by random numbers; if the order of samples may be another and cannot be
        checked.

    Notes
    -----
    *Layers of torch networks.* Modules are called by their path, as in ``named_modules()``, and
    activation functions between them by the path of the module that calls them and their own name:
    ``"relu"``, ``"block1.relu"``, ``"block1.relu:0"`` if called more than once. ``"all"`` has each
    activation module and function, and each module with weights whose output does not go straight into
    one: of a linear layer and its ReLU, the ReLU. Functions of no such name count where they act on
    sums with weights, unit by unit, on the way to others: ``torch.sin(self.fc(x))`` is ``"sin"``,
    ``h * torch.sigmoid(h)`` and the product of two layers are ``"mul"``, ``h[h < 0] = 0`` is
    ``"__setitem__"``, maxout is ``"max[0]"``, and what left torch for NumPy is what the next layer
    reads, ``"second:input"``. Buffers and other tensors of a network that values are
    multiplied with are weights, too. What TorchScript compiled is named in a warning. Compiled and
    data-parallel networks are recorded as the network inside, uncompiled.

    *Order of units.* Units of a convolution come in the order of the framework's own output: row,
    column, channel in Keras, channel, row, column in torch. Sorting ``raster.units`` by these columns
    brings both to one order. Where axes were moved on the way to a layer, the axis of its channels is
    followed through the functions of torch. If it was merged or split, or lost otherwise, as after
    Keras' ``Permute`` up to the next layer with weights, the table of units has no such columns for the
    layer, and ``conv_units="channels"`` is refused. Of ``keras.ops`` between layers nothing is known:
    permute by a layer.

    *Between the layers of Keras models.* Operations of functional models are layers like others. The
    code of subclassed models is run once on Keras' symbolic tensors, which tell what it computes between
    its layers: activation functions, gates, masks, products with weights of the model or of a layer.
    ``"second:input"``, what the next layer reads, stands for these in ``"all"`` and ``"last_hidden"``;
    what no layer reads is named in a warning of ``"all"``. Code that does not run on symbolic tensors is
    judged by its values: what a layer reads and no sum of others explains counts as a function.

    Examples
    --------
    >>> import numpy as np, ann2neo as a2n
    >>> activations = np.array([[0.0, 1.2], [-0.3, 0.4], [0.7, 0.0]])
    >>> a2n.record(activations, labels=[5, 0, 4]).to_dense().astype(int)
    array([[0, 1],
           [0, 1],
           [1, 0]])
    """
    _check_options(rng, conv_units, dataset_split, annotations)
    shown = check_trials(trials, stochastic, augment, rng)
    mask = check_mask(mask, conv_units)
    drawn = None if shown.asked else rng
    about = {
        "sampling_period": check_period(sampling_period),
        "dataset_split": dataset_split,
        "first_sample": check_count(first_sample, "first_sample", least=0),
        "annotations": {
            "order": "data set" if drawn is None else "permutation",
            "conv_units": conv_units,
            **({"trials": shown.n, "stochastic": shown.stochastic} if shown.asked else {}),
            **dict(annotations or {}),
        },
    }
    if first_sample and rng is not None:
        raise ValueError("first_sample must be 0 with rng: the order is that of the samples given")
    adapter, samples = find_adapter(network, samples)
    takes = find_takes(adapter, network)
    source = batches(
        samples,
        labels=labels,
        batch_size=check_count(batch_size, "batch_size"),
        rng=drawn,
        takes=takes,
        per_position=conv_units == "channels",
    )
    if drawn is not None and source.order is None and store is not None:
        raise ValueError("rng with store needs samples in arrays: others can only be read as they come")
    stream = join_masks(show_trials(source, shown), mask, takes)
    n_samples = None if source.n_samples is None else source.n_samples * shown.n
    head = list(itertools.islice(stream, 1))
    if not head:
        raise ValueError("samples must hold at least one sample, got none")
    with (
        shown.seed(adapter),
        adapter.observe(network, head[0].inputs, layers) as observation,
        shown.noise(adapter, network, observation),
    ):
        begin(observation, head[0].inputs)
        recorder: Any = make_recorder(observation, threshold, conv_units, about)
        stream = _chain(head, stream)
        if store is not None:
            path: Path = recorder.to_store(stream, n_samples, progress, store, overwrite)
            return path
        raster: SpikeRaster | dict[str, SpikeRaster] = recorder.to_raster(stream, n_samples, progress)
    if drawn is not None and source.order is None:
        raster = recorder.shuffle(raster, drawn)
    return raster


def _chain(head: list[Batch], rest: Iterator[Batch]) -> Iterator[Batch]:
    # itertools.chain would hold the head to the end.
    yield head.pop()
    yield from rest


def _check_options(
    rng: Any, conv_units: Any, dataset_split: Any, annotations: Mapping[str, Any] | None
) -> None:
    if rng is not None:
        check_rng(rng)
    if conv_units not in ("all", "channels"):
        raise ValueError(f"conv_units must be 'all' or 'channels', got {conv_units!r}")
    if dataset_split is not None and not isinstance(dataset_split, str):
        raise TypeError(f"dataset_split must be a str, got {dataset_split!r:.60}")
    for key in check_annotations(annotations):
        if key in _OWN_ANNOTATIONS:
            raise ValueError(f"annotations must not set {key!r}: the recording says it itself")
