"""Courses of activation patterns that nobody trained, whose settling is known."""

from dataclasses import replace

import numpy as np
import pandas as pd

from tests.study.made_results import make_results

STEPS = np.array([0, 1, 2, 4, 8, 16, 32, 50, 64, 100])


def names(blocks):
    """The rectifiers of a residual network of so many blocks a stage."""
    inside = [
        f"stage{stage}_block{block}_{place}relu"
        for stage in (1, 2, 3)
        for block in range(1, blocks + 1)
        for place in ("inner_", "")
    ]
    return ["first_relu", *inside[:-1], "hidden"]


def course(network, blocks, seed, settles, entropy=None, steps=STEPS, passes=10, **columns):
    """Looks at one network whose layers go straight from 0.2 to 1 until twice `settles` (a step each).

    Half of the range is so crossed at `settles`. `entropy`: a share a layer, or a row a look of them.
    """
    layers = names(blocks)
    n = len(layers)
    settles = np.broadcast_to(np.asarray(settles, dtype=float), n)
    rise = np.clip(steps[:, None] / (2 * settles), 0, 1)
    share = np.broadcast_to(0.8 if entropy is None else entropy, (len(steps), n))
    depth = np.tile(np.arange(n), len(steps))
    return pd.DataFrame(
        {
            "network": f"{network}_{blocks}",
            "width": 8,
            "dataset": "digits",
            "seed": seed,
            "blocks": blocks,
            "step": np.repeat(steps, n),
            "training_epoch": np.repeat(np.ceil(steps * passes / steps[-1]).astype(int), n),
            "probe": "train",
            "layer": np.array(layers, dtype=object)[depth],
            "depth": depth + 1,
            "n_units": 8,
            "n_samples": 100,
            "n_patterns": 50,
            "entropy_fraction": share.ravel(),
            "saturated": False,
            "weighted_jaccard_initial": 1 - 0.8 * rise.ravel(),
            "weighted_jaccard_final": 0.2 + 0.8 * rise.ravel(),
            "flip_rate_final": 0.4 - 0.4 * rise.ravel(),
            "training_accuracy": 0.9,
            "test_accuracy": 0.8,
            **columns,
        }
    )


def study_patterns(networks=("residual", "plain"), blocks=(1, 3), seeds=(0, 1, 2)):
    """Bottom-up networks with a little noise; those called plain have a dip halfway."""
    rng = np.random.default_rng(7)
    parts = []
    for network in networks:
        for count in blocks:
            n = len(names(count))
            for seed in seeds:
                settles = (np.linspace(5, 45, n) + rng.normal(0, 6, n)).clip(2, 49)
                entropy = 0.9 - 0.2 * np.linspace(0, 1, n) + rng.normal(0, 0.005, n)
                entropy[n // 2 : n // 2 + 2] -= 0.2 * (network == "plain")
                parts.append(course(network, count, seed, settles, entropy))
    return pd.concat(parts, ignore_index=True)


def only_patterns(**options):
    """Results of a study that only followed patterns."""
    whole = make_results(networks=("mlp",), widths=(4,), seeds=(0,))
    return replace(
        whole,
        indicators=whole.indicators.iloc[:0],
        units=whole.units.iloc[:0],
        patterns=study_patterns(**options),
    )
