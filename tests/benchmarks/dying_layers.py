"""When `DyingLayerAlarm` warns: convolutional networks fine-tuned under an old and under a fresh head.

Run with ``python tests/benchmarks/dying_layers.py [OUT.csv]``; MNIST is read from the folder that
``ANN2NEO_DATA`` names. A network learns the digits 0 to 4, then 200 images of 5 to 9; after each of 200
batches it is shown 100 of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from alarm_switches import BATCH, Networks, Task
from rich.console import Console
from scipy.stats import binomtest

from ann2neo import training
from ann2neo.monitoring import LayerDeath

N_BEFORE, N_AFTER, N_NEW = 1000, 200, 200


def watch(
    kind: str, head: str, seeds: Sequence[int], data: training.Dataset, rate: float = 0.1
) -> pd.DataFrame:
    """Rate and silent fraction of the last hidden layer after each batch of the fine-tuning."""
    networks = Networks(kind, data.input_shape[0], list(seeds), rate)
    x, y = torch.from_numpy(data.x_train[..., 0]), data.y_train
    old, new = np.flatnonzero(y < 5), np.flatnonzero(y >= 5)[:N_NEW]

    def task(rows: np.ndarray) -> Task:
        return Task(x[rows], torch.from_numpy(np.tile(y[rows], (len(seeds), 1))))

    networks.train(task(old), N_BEFORE)
    if head == "fresh":
        networks.redraw_output()
    looks: list[np.ndarray] = []

    def look() -> None:
        bits = networks.run(x[new[:100]])[0].double()
        unit_rates = bits.mean(1)
        looks.append(np.stack([unit_rates.mean(1), (unit_rates == 0).double().mean(1)], axis=1))

    look()
    networks.train(task(new), N_AFTER, look)
    values = np.stack(looks)
    n_looks, n_networks, _ = values.shape
    return pd.DataFrame(
        {
            "architecture": kind,
            "head": head,
            "seed": np.tile(seeds, n_looks),
            "step": np.repeat(np.arange(n_looks), n_networks),
            "firing_rate": values[..., 0].ravel(),
            "silent_fraction": values[..., 1].ravel(),
        }
    )


def judge(table: pd.DataFrame) -> pd.DataFrame:
    """The step at which the rule warns of each network; missing where it does not."""
    rows = []
    for (kind, head, seed), looks in table.groupby(["architecture", "head", "seed"], sort=False):
        rule = LayerDeath()
        found = (
            row.step for row in looks.itertuples() if rule.update(row.firing_rate, row.silent_fraction)
        )
        rows.append((kind, head, seed, next(found, None)))
    return pd.DataFrame(rows, columns=["architecture", "head", "seed", "flagged_at"])


def main() -> None:
    """Run, report, write."""
    data = training.load("mnist").subset(6000, 1000, rng=np.random.default_rng(1)).downscaled(2)
    console = Console(width=120, highlight=False)
    tables = [
        watch(kind, head, range(20), data) for kind in ("cnn64", "cnn256") for head in ("old", "fresh")
    ]
    judged = judge(pd.concat(tables))
    for key, group in judged.groupby(["architecture", "head"], sort=False):
        flagged = int(group["flagged_at"].notna().sum())
        interval = binomtest(flagged, len(group)).proportion_ci(0.95, "exact")
        console.print(
            f"{key}: warned of {flagged} of {len(group)} ({interval.low:.0%} to {interval.high:.0%}), "
            f"latest after {group['flagged_at'].max():g} batches of {BATCH}"
        )
    if len(sys.argv) > 1:
        judged.to_csv(sys.argv[1], index=False)


if __name__ == "__main__":
    main()
