"""Recording torch networks against the forward pass alone, over the same batches.

Run with ``python tests/benchmarks/torch_recording.py``. The baseline runs the network without gradients
and keeps nothing. Looks are those of a monitor, which are made again and again during training.
"""

from __future__ import annotations

import numpy as np
import torch
from timing import Comparison, medians, show
from torch import nn

import ann2neo as a2n
from ann2neo.recording.repeated_observation import watch
from ann2neo.recording.torch.adapter import observe

BATCH = 256


def mlp(n_units: int = 512) -> nn.Module:
    """784 inputs, one hidden layer."""
    return nn.Sequential(nn.Linear(784, n_units), nn.ReLU(inplace=True), nn.Linear(n_units, 10)).eval()


def cnn() -> nn.Module:
    """Two convolutions and a hidden layer."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(800, 64), nn.ReLU(inplace=True), nn.Linear(64, 10)),
    ).eval()


@torch.no_grad()
def forward(network: nn.Module, samples: np.ndarray) -> None:
    """The whole network over all batches."""
    for start in range(0, len(samples), BATCH):
        network(torch.from_numpy(samples[start : start + BATCH]))


@torch.no_grad()
def active(network: nn.Module, samples: np.ndarray, upto: int) -> np.ndarray:
    """Bits as one would take them by hand."""
    batches = [samples[start : start + BATCH] for start in range(0, len(samples), BATCH)]
    found = [network[:upto](torch.from_numpy(batch)).flatten(1).numpy() > 0 for batch in batches]
    return np.concatenate(found)


def compare_recording(
    name: str, network: nn.Module, samples: np.ndarray, layer: str, bound: str
) -> Comparison:
    """`record` of one layer against the forward pass."""
    raster = a2n.record(network, samples, layers=layer, progress=False)
    differing = np.sum(raster.to_dense() != active(network, samples, int(layer) + 1))
    baseline, ours = medians(
        lambda: forward(network, samples),
        lambda: a2n.record(network, samples, layers=layer, batch_size=BATCH, progress=False),
    )
    return Comparison(name, "forward pass", baseline, ours, bound, f"{differing} bits")


def compare_entering(network: nn.Module, samples: np.ndarray) -> Comparison:
    """Getting ready to observe, and leaving, against one forward pass over the samples."""

    def enter() -> None:
        with observe(network, samples, "last_hidden"):
            pass

    baseline, ours = medians(lambda: forward(network, samples), enter, repeats=101)
    return Comparison(
        f"observe: enter and leave, {len(samples)} × 64", "forward", baseline, ours, "≤ 1 ms"
    )


def compare_looking(network: nn.Module, samples: np.ndarray) -> Comparison:
    """A look of the monitor against the forward pass."""
    look = watch(network, [samples], "last_hidden").look
    baseline, ours = medians(
        lambda: forward(network, samples), lambda: look(lambda activations: None), repeats=101
    )
    return Comparison(f"a look, {len(samples)} × 64", "forward", baseline, ours, "≤ forward + 1 ms")


def main() -> None:
    """Print the table."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    flat = rng.random((20_000, 784), dtype=np.float32) - 0.5
    images = rng.random((2_000, 1, 28, 28), dtype=np.float32) - 0.5
    small = mlp(64)
    rows = [
        compare_recording("record 20,000 samples of MLP-512", mlp(), flat, "1", "≤ 1.25"),
        compare_recording("record 2,000 images of a CNN, dense layer", cnn(), images, "9", "≤ 1.25"),
        compare_recording("record 2,000 images of a CNN, 10,816 units", cnn(), images, "2", "≤ 1.5"),
        compare_entering(small, flat[:100]),
        compare_looking(small, flat[:100]),
    ]
    show("Medians, measured in turn in one run, one thread", rows)


if __name__ == "__main__":
    main()
