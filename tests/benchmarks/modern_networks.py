"""Recording all activation functions of a residual network and of a transformer, and Keras models.

Run with ``python tests/benchmarks/modern_networks.py``; needs torch, keras with tensorflow, and
transformers. Baselines are what a user runs anyway: the forward pass over the same batches, and
`predict`. Times are processor time of one thread, since what a busy machine does beside is not ours.
"""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import torch
from timing import Comparison, medians, show
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

import ann2neo as a2n


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(n_out), nn.BatchNorm2d(n_out)
        self.relu1, self.relu2 = nn.ReLU(inplace=True), nn.ReLU(inplace=True)
        self.down = nn.Identity()
        if stride > 1 or n_in != n_out:
            self.down = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x: torch.Tensor) -> Any:
        """As in torchvision."""
        inner = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(inner + self.down(x))


def resnet18() -> nn.Module:
    """ResNet-18 with 17 ReLUs, for images of 64 × 64."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)]
    layers += [nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    width = 64
    for number, n_out in enumerate((64, 128, 256, 512)):
        layers += [Block(width, n_out, 1 if number == 0 else 2), Block(n_out, n_out, 1)]
        width = n_out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)).eval()


def gpt2() -> nn.Module:
    """Six layers of width 256, 64 tokens."""
    config = GPT2Config(
        n_layer=6, n_head=4, n_embd=256, vocab_size=1000, n_positions=64, bos_token_id=1, eos_token_id=2
    )
    return GPT2LMHeadModel(config).eval()


def torch_network(
    name: str, network: nn.Module, samples: np.ndarray, layers: Any, bound: str
) -> Comparison:
    """`record` of all activation functions against the forward pass."""

    @torch.no_grad()
    def forward() -> None:
        for start in range(0, len(samples), 32):
            network(torch.from_numpy(samples[start : start + 32]))

    baseline, ours = medians(
        forward,
        lambda: a2n.record(network, samples, layers=layers, batch_size=32, progress=False),
        repeats=5,
        clock=time.process_time,
    )
    return Comparison(name, "forward pass", baseline, ours, bound)


def keras_again() -> Comparison:
    """The second `record` of a Keras model against `predict`."""
    model = keras.applications.DenseNet121(weights=None, input_shape=(32, 32, 3), classes=10)
    images = np.random.default_rng(0).random((256, 32, 32, 3), dtype=np.float32)

    def record() -> None:
        a2n.record(model, images, layers="avg_pool", batch_size=64, progress=False)

    record()
    baseline, ours = medians(
        lambda: model.predict(images, batch_size=64, verbose=0),
        record,
        repeats=3,
        clock=time.process_time,
    )
    return Comparison(
        "record DenseNet121 again, 256 images", "predict", baseline, ours, "≤ predict + 0.3 s"
    )


def keras_perceptron() -> Comparison:
    """`record` of one wide layer against `predict`."""
    layers = [keras.layers.Dense(512, "relu"), keras.layers.Dense(10)]
    model = keras.Sequential([keras.Input((784,)), *layers])
    samples = np.random.default_rng(0).random((20_000, 784), dtype=np.float32)
    baseline, ours = medians(
        lambda: model.predict(samples, batch_size=256, verbose=0),
        lambda: a2n.record(model, samples, progress=False),
        repeats=7,
        clock=time.process_time,
    )
    return Comparison("record 20,000 samples of MLP-512, Keras", "predict", baseline, ours, "≤ 0.75")


def perceptron() -> Comparison:
    """The same in torch."""
    network = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10)).eval()
    samples = np.random.default_rng(0).random((20_000, 784), dtype=np.float32)

    @torch.no_grad()
    def forward() -> None:
        for start in range(0, len(samples), 256):
            network(torch.from_numpy(samples[start : start + 256]))

    baseline, ours = medians(
        forward,
        lambda: a2n.record(network, samples, progress=False),
        repeats=15,
        clock=time.process_time,
    )
    return Comparison("record 20,000 samples of MLP-512", "forward pass", baseline, ours, "≤ 1.10")


def main() -> None:
    """Print the table."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = rng.standard_normal((1024, 3, 64, 64), dtype=np.float32)
    tokens = rng.integers(3, 1000, (512, 64))
    rows = [
        perceptron(),
        torch_network("record 1,024 images, ResNet-18", resnet18(), images, nn.ReLU, "≤ 1.15"),
        torch_network("record 512 texts, GPT-2 of 6 layers", gpt2(), tokens, "*.mlp.act", "≤ 1.15"),
        keras_perceptron(),
        keras_again(),
    ]
    show("Medians of processor time, measured in turn in one run, one thread", rows)


if __name__ == "__main__":
    main()
