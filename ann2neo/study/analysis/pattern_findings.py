"""What the activation patterns of a study's networks did, in numbers with intervals over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ann2neo.study.analysis.pattern_numbers import (
    deepest_dip,
    family,
    is_block_output,
    kendall,
    kendall_same_width,
    relative_depth,
    settling_time,
    sort_by_kind,
)
from ann2neo.study.analysis.seed_means import average_seeds

TRAINED = ["network", "width", "dataset", "seed", "probe"]
"""What names a trained network and what it was looked at with."""

MOMENTS = ("early", "half", "end")
BASE = "residual"
"""The networks that others are compared with, where a study has some of this name."""

_LAYERS = [
    *TRAINED, "layer", "blocks", "depth", "n_units", "settled_at", "settled_at_flips",
    *(f"entropy_fraction_{moment}" for moment in MOMENTS), "saturated_end", "training_accuracy",
    "test_accuracy",
]  # fmt: skip
_FINDINGS = ["finding", "dataset", "probe", "network", "compared_with", "value", "low", "high", "n"]


def describe_layers(patterns: pd.DataFrame) -> pd.DataFrame:
    """When each layer settled, and its entropy early, halfway and at the end of training.

    Parameters
    ----------
    patterns : pandas.DataFrame
        `Results.patterns`: a row per look and layer.

    Returns
    -------
    pandas.DataFrame
        A row per trained network, probe and layer, by blocks and depth: ``network``, ``width``,
        ``dataset``, ``seed``, ``probe``, ``layer``, ``blocks``, ``depth``, ``n_units``,
        ``training_accuracy``, ``test_accuracy`` and

        ``settled_at``
            Share of training, in (0, 1], from which on ``weighted_jaccard_final`` stays above half of
            its range, (w₀ + 1) / 2 with w₀ at the first look; straight lines between looks, and 1 if
            not before the last look. NaN if the range is 0: the patterns at the first look were the
            final ones already.
        ``settled_at_flips``
            The same for ``flip_rate_final`` and half of its first value, below which it stays. A
            control: a pattern of 32 units changes when one of them does, so that wide layers settle
            late by the first number alone; a flip rate is one unit's.
        ``entropy_fraction_early``, ``_half``, ``_end``
            ``entropy_fraction`` at the look, behind the first, nearest to a tenth of a pass over the
            training data; at the last look in the first half of the steps, before the learning rate of
            ``"multistep"`` falls; at the last look.
        ``saturated_end``, ``mutual_information_end``, ``joint_saturated_end``
            At the last look; the last two where `patterns` has them.

    Raises
    ------
    ValueError
        If a network was looked at only once, or a layer twice at a step.

    Examples
    --------
    >>> import pandas as pd
    >>> looks = pd.DataFrame({"step": [0, 10, 20, 40], "weighted_jaccard_final": [0.2, 0.4, 0.8, 1.0]})
    >>> looks = looks.assign(
    ...     network="plain_1", width=8, dataset="digits", seed=0, blocks=1, training_epoch=[0, 1, 1, 2],
    ...     probe="train", layer="first_relu", depth=1, n_units=8, entropy_fraction=0.5, saturated=False,
    ...     flip_rate_final=[0.4, 0.3, 0.1, 0.0], training_accuracy=1.0, test_accuracy=0.9,
    ... )
    >>> from ann2neo.study.analysis.pattern_findings import describe_layers
    >>> describe_layers(looks)[["settled_at", "settled_at_flips"]].round(6).to_dict("records")
    [{'settled_at': 0.375, 'settled_at_flips': 0.375}]
    """
    if not len(patterns):
        return pd.DataFrame({column: pd.Series(dtype=object) for column in _LAYERS})
    return pd.concat(
        [_layers_of(looks) for _, looks in sort_by_kind(patterns).groupby(TRAINED, sort=False)],
        ignore_index=True,
    )


def find_in_patterns(layers: pd.DataFrame) -> pd.DataFrame:
    """The findings of Hartmann, Franzen and Brodehl (2021), each a number with an interval over seeds.

    Parameters
    ----------
    layers : pandas.DataFrame
        What `describe_layers` says.

    Returns
    -------
    pandas.DataFrame
        A row per finding, data set, probe and network, or pair of networks: ``finding``, ``dataset``,
        ``probe``, ``network``, ``compared_with``, ``value``, ``low``, ``high``, ``n``. Each trained
        network gives one number, its layers together:

        ============================ ================================================================
        ``finding``                  number of a trained network
        ============================ ================================================================
        ``settling``                 Kendall's τ-b between depth and ``settled_at``: 1 if layers settle
                                     bottom-up, 0 if in no order, −1 if top-down
        ``settling_flips``           the same with ``settled_at_flips``
        ``settling_same_width``      ``settling`` as τ-a over pairs of equally wide layers alone:
                                     whether more than width is at work
        ``dip_early``, ``dip_half``, how far the entropy share of a block's output dips below those
        ``dip_end``                  of the blocks before and behind it: over inner blocks ℓ the
                                     largest min(H(ℓ−1), H(ℓ+1)) − H(ℓ), 0 if nowhere above 0
        ``dip_depth_early`` …        where, if there is a dip: 0 the first rectifier, 1 the last
        ``layer_dip_early`` …        ``dip_early`` … over all rectifiers
        ``layer_dip_depth_early`` …  ``dip_depth_early`` … over all rectifiers
        ============================ ================================================================

        ``value`` is the mean over the ``n`` seeds that have the number; ``low`` and ``high`` are the
        ends of its 95 % interval by Student's t (ddof=1), NaN with fewer than two seeds and where all
        seeds have the same number, which says nothing of the spread. Where
        ``compared_with`` is not empty, all this is of paired differences, `network` − `compared_with`,
        each between networks of the same seed and blocks a stage; a network without its number of blocks
        (``plain`` with ``residual``) stands for the mean of the differences over numbers of blocks,
        within each seed that has them all. Where a dip is has no differences. What no seed has is left
        out.

    Notes
    -----
    The two rectifiers of a residual block differ in kind, one inside the block and one behind the
    sum with the shortcut, and their entropies go up and down in turn, which is no dip of the network's:
    so ``dip`` looks at outputs of blocks alone, ``layer_dip`` at all, and the plain network is
    treated alike. PyramidNets have rectifiers only inside blocks, and so no ``dip``.

    In a study's looks batch normalization is by the averages of the probe (`batch_norm_statistics`),
    as it is by those of the batch in training: moving averages lag some ten batches behind weights that
    change fast.

    The interval supposes that seeds are independent and their numbers roughly normal; it says nothing of
    other data or networks, and its ends can lie outside the range of the number. A dip is
    never below 0, so that chance alone makes its mean positive: what counts are the differences.
    Networks of one seed share the study's subset of the data, the order of its samples and the probe
    samples; their weights come from one generator, but networks of other shapes draw other numbers.

    References
    ----------
    Hartmann, Franzen and Brodehl, "Studying the evolution of neural activation patterns during training
    of feed-forward ReLU networks", Frontiers in Artificial Intelligence 4:642374 (2021). It shows
    curves; the numbers are this package's.

    Examples
    --------
    >>> from ann2neo.study.analysis.pattern_findings import find_in_patterns, describe_layers
    >>> found = find_in_patterns(describe_layers(results.patterns))  # doctest: +SKIP
    >>> found[(found["finding"] == "settling") & (found["compared_with"] == "")]  # doctest: +SKIP
    """
    if not len(layers):
        return pd.DataFrame({column: pd.Series(dtype=object) for column in _FINDINGS})
    numbers = _numbers(layers)
    order = {finding: place for place, finding in enumerate(dict.fromkeys(numbers["finding"]))}
    found = average_over_seeds(pd.concat([numbers, *_differences(numbers)], ignore_index=True))
    return found.sort_values("finding", key=lambda c: c.map(order), kind="stable", ignore_index=True)


def average_over_seeds(numbers: pd.DataFrame) -> pd.DataFrame:
    """Means with 95 % intervals by Student's t, of a row per finding and seed.

    Parameters
    ----------
    numbers : pandas.DataFrame
        ``finding``, ``dataset``, ``probe``, ``network``, ``compared_with``, ``value``; NaN are left out.

    Returns
    -------
    pandas.DataFrame
        As `find_in_patterns`, in order of appearance.

    Examples
    --------
    >>> import pandas as pd
    >>> from ann2neo.study.analysis.pattern_findings import average_over_seeds
    >>> numbers = pd.DataFrame({"finding": "settling", "value": [0.5, 0.7]})
    >>> numbers = numbers.assign(dataset="digits", probe="train", network="plain_1", compared_with="")
    >>> average_over_seeds(numbers)[["value", "low", "high", "n"]].round(2).values.tolist()
    [[0.6, -0.67, 1.87, 2.0]]
    """
    return average_seeds(numbers, _FINDINGS[:5])


def _layers_of(looks: pd.DataFrame) -> pd.DataFrame:
    """The layers of one trained network on one probe."""
    wide = {
        column: looks.pivot(index="step", columns="depth", values=column)  # noqa: PD010
        for column in ("weighted_jaccard_final", "flip_rate_final", "entropy_fraction")
    }
    steps = wide["entropy_fraction"].index.to_numpy()
    if len(steps) < 2:
        raise ValueError(
            f"patterns must have at least 2 looks at each network, got {len(steps)} at "
            f"{' '.join(str(looks.iloc[0][key]) for key in TRAINED)}"
        )
    end = looks[looks["step"] == steps[-1]].sort_values("depth")
    same = ["layer", "blocks", "depth", "n_units"]
    layers = end[[*TRAINED, *same]].reset_index(drop=True)
    for name, column, final in (
        ("settled_at", "weighted_jaccard_final", 1.0),
        ("settled_at_flips", "flip_rate_final", 0.0),
    ):
        layers[name] = settling_time(steps, wide[column].to_numpy(dtype=float), final)
    for moment, step in zip(MOMENTS, _moments(steps, end["training_epoch"].iloc[0]), strict=True):
        layers[f"entropy_fraction_{moment}"] = wide["entropy_fraction"].loc[step].to_numpy(dtype=float)
    for column in ("saturated", "mutual_information", "joint_saturated"):
        if column in looks:
            layers[f"{column}_end"] = end[column].to_numpy()
    for column in ("training_accuracy", "test_accuracy"):
        layers[column] = end[column].to_numpy()
    found: pd.DataFrame = layers
    return found


def _moments(steps: np.ndarray, n_passes: int) -> tuple[int, int, int]:
    """Steps of the looks early, halfway and at the end."""
    tenth = steps[-1] / max(1, n_passes) / 10
    later = steps[1:]
    return (
        later[np.argmin(np.abs(later - tenth))],
        steps[steps <= steps[-1] / 2].max(initial=steps[0]),
        steps[-1],
    )


def _numbers(layers: pd.DataFrame) -> pd.DataFrame:
    """A row per trained network and finding."""
    rows = []
    for key, of_network in layers.groupby([*TRAINED, "blocks"], sort=False):
        found = _numbers_of(of_network.sort_values("depth"))
        place = dict(zip([*TRAINED, "blocks"], key, strict=True))
        rows += [{**place, "finding": name, "value": value} for name, value in found.items()]
    return pd.DataFrame(rows).assign(compared_with="")


def _numbers_of(layers: pd.DataFrame) -> dict[str, float]:
    """The findings of one trained network, whose layers come by depth."""
    found = {
        "settling": kendall(layers["depth"], layers["settled_at"]),
        "settling_flips": kendall(layers["depth"], layers["settled_at_flips"]),
        "settling_same_width": kendall_same_width(
            layers["depth"], layers["settled_at"], layers["n_units"]
        ),
    }
    for prefix, chosen in (("dip", layers[is_block_output(layers)]), ("layer_dip", layers)):
        depth = relative_depth(chosen["depth"], len(layers))
        dips = {moment: deepest_dip(chosen[f"entropy_fraction_{moment}"]) for moment in MOMENTS}
        found |= {f"{prefix}_{moment}": size for moment, (size, _) in dips.items()}
        found |= {
            f"{prefix}_depth_{moment}": np.nan if place is None else float(depth[place])
            for moment, (_, place) in dips.items()
        }
    return found


def _differences(numbers: pd.DataFrame) -> list[pd.DataFrame]:
    """Paired differences to the base networks, of each number of blocks and of their mean."""
    numbers = numbers.assign(family=family(numbers))
    numbers = numbers[~numbers["finding"].str.contains("_depth_")].dropna(subset="value")
    pair = ["finding", "dataset", "probe", "blocks", "seed"]
    is_base = numbers["family"] == BASE
    base = numbers.loc[is_base, [*pair, "network", "value"]]
    both = numbers[~is_base].merge(base, on=pair, suffixes=("", "_base"), validate="many_to_one")
    both["compared_with"] = both["network_base"]
    both["value"] -= both["value_base"]
    by = ["finding", "dataset", "probe", "family"]
    n_blocks = both.groupby(by)["blocks"].transform("nunique")
    here = both.groupby([*by, "seed"])["blocks"].transform("nunique")
    complete = both[(n_blocks > 1) & (here == n_blocks)]
    mean = complete.groupby([*by, "seed"], sort=False)["value"].mean().reset_index()
    return [both, mean.rename(columns={"family": "network"}).assign(compared_with=BASE)]
