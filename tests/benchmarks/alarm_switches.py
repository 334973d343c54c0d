"""What `MemorizationAlarm` sees: five switches in the middle of a training; two of them memorize.

Run with ``python tests/benchmarks/alarm_switches.py OUT.csv``; MNIST is read from the folder that
``ANN2NEO_DATA`` names. Networks of an architecture are trained side by side, one per seed: 600 batches
on true labels, then a switch, 600 batches with a look after each, and on without looks until random
labels are known by heart. The alarms' rules are fed with what an alarm sees of 100 training samples.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from tqdm.auto import tqdm

from ann2neo import monitoring, training

SWITCHES = (
    "same",
    "renamed",
    "random, old head",
    "random, fresh head",
    "new classes",
    "new classes, probe of old ones",
)
N_BEFORE, N_AFTER, N_LAST, N_PROBE, BATCH = 600, 600, 3000, 100, 64


class Convolution(nn.Conv2d):
    """As a product of matrices: several times as fast on a CPU, for many networks."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = nn.functional.unfold(x, self.kernel_size)
        found = self.weight.flatten(1) @ patches + self.bias[:, None]
        return found.unflatten(-1, (x.shape[-2] - 2, x.shape[-1] - 2))


class Net(nn.Module):
    """Returns the bits of its last hidden layer and its scores."""

    def __init__(self, kind: str, side: int) -> None:
        super().__init__()
        if kind.startswith("cnn"):
            features = 16 * ((side - 2) // 2) ** 2
            self.body = nn.Sequential(
                nn.Unflatten(1, (1, side)),
                Convolution(1, 16, 3),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
            )
            widths = [features, int(kind[3:])]
        else:
            width, depth = map(int, kind[3:].split("x"))
            self.body = nn.Flatten()
            widths = [side * side, *[width] * depth]
        hidden: list[nn.Module] = []
        for one, two in itertools.pairwise(widths):
            hidden += [nn.Linear(one, two), nn.ReLU()]
        self.hidden = nn.Sequential(*hidden)
        self.output = nn.Linear(widths[-1], 10)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values = self.hidden(self.body(x))
        return values, self.output(values)


@dataclass
class Task:
    """Images and, for each network, labels."""

    x: torch.Tensor
    y: torch.Tensor


class Networks:
    """Networks of one architecture, a seed each, trained side by side."""

    def __init__(self, kind: str, side: int, seeds: list[int], rate: float) -> None:
        made = []
        for seed in seeds:
            torch.manual_seed(seed)
            made.append(Net(kind, side))
        self.kind, self.side, self.seeds, self.rate = kind, side, seeds, rate
        self.template = made[0].to("meta")
        made[0] = self._fresh(seeds[0])
        self.weights, _ = stack_module_state(made)
        self.weights = {name: value.detach().clone() for name, value in self.weights.items()}
        self.rng = np.random.default_rng(seeds[0])
        step = grad_and_value(self._loss)
        self._step = vmap(step, in_dims=(0, 0, 0))
        self._run = vmap(lambda w, x: functional_call(self.template, w, (x,)), in_dims=(0, None))

    def _fresh(self, seed: int) -> Net:
        torch.manual_seed(seed)
        return Net(self.kind, self.side)

    def _loss(self, weights: dict[str, torch.Tensor], x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(functional_call(self.template, weights, (x,))[1], y)

    def train(self, task: Task, n_steps: int, look: Callable[[], None] | None = None) -> None:
        """SGD on batches drawn anew in each pass."""
        batches = self._batches(len(task.x))
        for _ in range(n_steps):
            rows = next(batches)
            labels = torch.gather(task.y, 1, rows)
            gradients, _ = self._step(self.weights, task.x[rows], labels)
            for name, gradient in gradients.items():
                self.weights[name] -= self.rate * gradient
            if look is not None:
                look()

    def _batches(self, n_samples: int) -> Iterator[torch.Tensor]:
        while True:
            order = np.stack([self.rng.permutation(n_samples) for _ in self.seeds])
            for first in range(0, n_samples - BATCH + 1, BATCH):
                yield torch.from_numpy(order[:, first : first + BATCH])

    def run(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Bits of the last hidden layer and predicted classes of each network."""
        with torch.no_grad():
            values, scores = self._run(self.weights, x)
        return values > 0, scores.argmax(-1)

    def accuracy(self, task: Task) -> np.ndarray:
        """Of each network, for its own labels."""
        return (self.run(task.x)[1] == task.y).double().mean(1).numpy()

    def redraw_output(self) -> None:
        """A new output layer."""
        for number, seed in enumerate(self.seeds):
            fresh = self._fresh(seed + 10_000).output
            self.weights["output.weight"][number] = fresh.weight.detach()
            self.weights["output.bias"][number] = fresh.bias.detach()


def separation(bits: torch.Tensor, classes: torch.Tensor) -> np.ndarray:
    """1 − mean distance of patterns of one class / of all pairs, for each network."""
    active = bits.double()
    one_hot = nn.functional.one_hot(classes, 10).double()
    per_class = one_hot.transpose(1, 2) @ active
    sizes = one_hot.sum(1)[..., None]
    within = (per_class * (sizes - per_class)).sum((1, 2)) / (sizes * (sizes - 1) / 2).sum((1, 2))
    n, on = active.shape[1], active.sum(1)
    overall = (on * (n - on)).sum(1) / (n * (n - 1) / 2)
    return (1 - within / overall).numpy()


@dataclass
class Course:
    """What an alarm sees, a row per look and a column per network, and what became of it."""

    rate: np.ndarray
    separation: np.ndarray
    by_heart: np.ndarray
    test: np.ndarray


def course(kind: str, switch: str, seeds: list[int], data: training.Dataset, rate: float) -> Course:
    """Train the networks through one switch."""
    networks = Networks(kind, data.input_shape[0], seeds, rate)
    first, second, test = tasks(switch, data, len(seeds), networks.rng)
    rates, separations = [], []
    # Samples trained on after the switch: an alarm follows what is trained on.
    probe = (first if switch.endswith("old ones") else second).x[:N_PROBE]

    def look() -> None:
        bits, predicted = networks.run(probe)
        rates.append(bits.double().mean((1, 2)).numpy())
        separations.append(separation(bits, predicted))

    networks.train(first, N_BEFORE, look)
    if "fresh" in switch:
        networks.redraw_output()
    networks.train(second, N_AFTER, look)
    if "random" in switch:
        networks.train(second, N_LAST - N_AFTER)
    return Course(
        np.stack(rates), np.stack(separations), networks.accuracy(second), networks.accuracy(test)
    )


def tasks(
    switch: str, data: training.Dataset, n: int, rng: np.random.Generator
) -> tuple[Task, Task, Task]:
    """What is trained on before and after, and the test samples of what comes after."""
    x, y = torch.from_numpy(data.x_train[..., 0].copy()), np.tile(data.y_train, (n, 1))
    x_test, y_test = torch.from_numpy(data.x_test[..., 0].copy()), data.y_test
    if switch.startswith("new classes"):
        old, new = data.y_train < 5, data.y_train >= 5
        later = y_test >= 5
        test = Task(x_test[later], torch.from_numpy(np.tile(y_test[later], (n, 1))))
        return Task(x[old], torch.from_numpy(y[:, old])), Task(x[new], torch.from_numpy(y[:, new])), test
    after = y
    if switch == "renamed":
        after, y_test = (y + 1) % 10, (y_test + 1) % 10
    elif "random" in switch:
        after = rng.permuted(y, axis=1)
    test = Task(x_test, torch.from_numpy(np.tile(y_test, (n, 1))))
    return Task(x, torch.from_numpy(y)), Task(x, torch.from_numpy(after)), test


def first_warning(rule: object, values: np.ndarray) -> int | None:
    """Looks until a rule warns, fed with one value per look."""
    update = rule.update  # type: ignore[attr-defined]
    return next((look for look, value in enumerate(values, 1) if update(float(value))), None)


def load(name: str, rng: np.random.Generator) -> training.Dataset:
    """Two thousand training images, smaller ones."""
    if name == "digits":
        return training.load("digits")
    return training.load(name).subset(2000, 2000, rng=rng).downscale(2)


def run(
    architectures: list[tuple[str, str, float]], seeds: list[int], switches: tuple[str, ...] = SWITCHES
) -> Iterator[tuple[str, str, Course]]:
    """All courses of (data set, architecture, learning rate)."""
    for name, kind, rate in architectures:
        data = load(name, np.random.default_rng(seeds[0]))
        for switch in tqdm(switches, desc=f"{name} {kind}", mininterval=10):
            yield f"{name} {kind}", switch, course(kind, switch, seeds, data, rate)


def judge(architecture: str, switch: str, found: Course, seeds: list[int]) -> list[dict[str, object]]:
    """A row per network: when each rule warned, counted from the start, and what became of it."""
    return [
        {
            "architecture": architecture,
            "switch": switch,
            "seed": seed,
            "rate_drop_at": first_warning(monitoring.RateDrop(), found.rate[:, number]),
            "separation_drop_at": first_warning(
                monitoring.SeparationDrop(), np.nan_to_num(found.separation[:, number])
            ),
            "by_heart": found.by_heart[number],
            "test_accuracy": found.test[number],
        }
        for number, seed in enumerate(seeds)
    ]


def main() -> None:
    """Run what the rule was reported on, and write after each switch."""
    rows: list[dict[str, object]] = []
    seeds = list(range(20))
    for architecture, switch, found in run(
        [("mnist", "mlp128x2", 0.1), ("digits", "cnn64", 0.1)], seeds
    ):
        rows += judge(architecture, switch, found, seeds)
        pd.DataFrame(rows).to_csv(sys.argv[1], index=False)


if __name__ == "__main__":
    main()
