"""When `DyingLayerAlarm` warns: a convolutional network fine-tuned under an old and under a fresh head.

Run with ``python tests/benchmarks/dying_layers.py OUT.csv [SEEDS [SIDE]]``; MNIST is read from the
folder that ``ANN2NEO_DATA`` names. A network (32 channels of 3 × 3, 64 dense units) learns the digits 0
to 4, then 200 images of 5 to 9 for 60 batches of 32, SGD at .1; after each it is shown 100 of these
images. A row per network.
"""

from __future__ import annotations

import copy
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from ann2neo import monitoring, training

N_BEFORE, N_AFTER, RATE = 250, 60, 0.1
FIRST_SEED = 100
"""Seeds below were looked at when the rule was chosen."""


def train(network: nn.Module, x: torch.Tensor, y: torch.Tensor, n_steps: int, look: object) -> None:
    """SGD on batches drawn with replacement."""
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    for step in range(1, n_steps + 1):
        rows = torch.randint(len(x), (64 if look is None else 32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
        optimizer.step()
        if look is not None:
            look.observe(network, step)  # type: ignore[attr-defined]


def study(seed: int, side: int) -> list[dict[str, object]]:
    """One network under both heads."""
    data = training.load("mnist").subset(8000, 2000, rng=np.random.default_rng(seed))
    data = data.downscale(28 // side)
    x = torch.from_numpy(data.x_train.transpose(0, 3, 1, 2).copy())
    y = torch.from_numpy(data.y_train.copy())
    old, new = y < 5, torch.nonzero(y >= 5)[:200, 0]
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32 * (side - 2) ** 2, 64)]
    network = nn.Sequential(*layers, nn.ReLU(), nn.Linear(64, 10))
    train(network, x[old], y[old], N_BEFORE, None)
    later = data.y_test >= 5
    x_test = torch.from_numpy(data.x_test[later].transpose(0, 3, 1, 2).copy())
    rows = []
    for head in ("old", "fresh"):
        tuned = copy.deepcopy(network)
        if head == "fresh":
            tuned[-1].reset_parameters()
        alarm = monitoring.DyingLayerAlarm({"new": x[new[:100]]}, layers=["4"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", monitoring.DyingLayerWarning)
            alarm.observe(tuned, 0)
            before = alarm.latest_rates("new")
            train(tuned, x[new], y[new], N_AFTER, alarm)
        after = alarm.latest_rates("new")
        with torch.no_grad():
            accuracy = (tuned(x_test).argmax(1).numpy() == data.y_test[later]).mean()
        rows.append(
            {
                "head": head,
                "seed": seed,
                "flagged_at": alarm.flagged_at,
                "rate_before": before.mean(),
                "rate_after": after.mean(),
                "silent_before": (before == 0).mean(),
                "silent_after": (after == 0).mean(),
                "test_accuracy": accuracy,
            }
        )
    return rows


def main() -> None:
    """Run, and write after each seed."""
    n_seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    side = int(sys.argv[3]) if len(sys.argv) > 3 else 28
    rows: list[dict[str, object]] = []
    for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
        rows += study(seed, side)
        pd.DataFrame(rows).to_csv(Path(sys.argv[1]), index=False)


if __name__ == "__main__":
    main()
