"""What the spikes of networks that learned wrong labels were good for, with intervals over seeds."""

from __future__ import annotations

import pandas as pd

from ann2neo.study.analysis.paper_order import sort_rows
from ann2neo.study.analysis.seed_means import average_seeds

NETWORK = ["network", "width", "dataset"]
"""What names networks of all seeds."""
SCORES = {
    "patterns": "auc_patterns",
    "activations": "auc_activations",
    "pixels": "auc_pixels",
    "loss at the end": "auc_final_loss",
    "loss early in training": "auc_early_loss",
}
READERS = {
    "nearest patterns": "vote_patterns",
    "nearest pixels": "vote_pixels",
    "the network": "test_accuracy",
}
OVER_LOSS, OVER_PIXELS = "patterns over loss at the end", "patterns over pixels"
SPARE = "spare-units"


def summarize_labels(uses: pd.DataFrame) -> pd.DataFrame:
    """How wrong labels are found and test samples read, per share of wrong labels.

    Parameters
    ----------
    uses : pandas.DataFrame
        As in `Results`; networks with remedies and those for spare units are left out.

    Returns
    -------
    pandas.DataFrame
        ``network``, ``width``, ``dataset``, ``noise``, ``measure`` (``"auc"``, ``"accuracy"`` or
        ``"learned"``), ``by``, and ``value``, the mean over seeds, with its 95 % interval ``low`` and
        ``high`` and ``n`` seeds. Of ``"auc"`` also the differences `OVER_LOSS` and `OVER_PIXELS`, within
        seeds.
    """
    plain = sort_rows(uses[(uses["remedy"] == "") & (uses["condition"] != SPARE)])
    place = [*NETWORK, "noise", "seed"]
    columns = {("auc", name): plain[column] for name, column in SCORES.items()}
    columns |= {
        ("auc", OVER_LOSS): plain["auc_patterns"] - plain["auc_final_loss"],
        ("auc", OVER_PIXELS): plain["auc_patterns"] - plain["auc_pixels"],
    }
    columns |= {("accuracy", name): plain[column] for name, column in READERS.items()}
    columns["learned", "wrong labels"] = plain["learned"]
    long = pd.concat(
        [
            plain[place].assign(measure=measure, by=by, value=values)
            for (measure, by), values in columns.items()
        ],
        ignore_index=True,
    )
    found = average_seeds(long, [*NETWORK, "noise", "measure", "by"])
    # Without wrong labels there is no area, and such rows would come last.
    return found.sort_values([*NETWORK, "noise"], kind="stable", ignore_index=True)


def summarize_stops(stopping: pd.DataFrame, uses: pd.DataFrame) -> pd.DataFrame:
    """Gap to the best pass per criterion: mean over networks with its interval, and the ``worst``.

    All shares of wrong labels together; the unit of the interval is a network.
    """
    known = stopping.merge(uses[[*NETWORK, "condition", "seed", "noise"]])
    by = [*NETWORK, "criterion"]
    found = average_seeds(known, by, "gap")
    worst = known.groupby(by, sort=False)["gap"].max().rename("worst").reset_index()
    return found.merge(worst, on=by, how="left")


def summarize_pruning(pruning: pd.DataFrame) -> pd.DataFrame:
    """Test accuracy per criterion, fraction of units removed, and whether the rest was tuned."""
    by = [*NETWORK, "criterion", "fraction", "tuned"]
    return average_seeds(sort_rows(pruning), by, "test_accuracy")


def summarize_removal(removal: pd.DataFrame) -> pd.DataFrame:
    """Silent units per variant and number of samples looked at.

    Returns
    -------
    pandas.DataFrame
        ``network``, ``width``, ``dataset``, ``condition``, ``layer``, ``n_samples``, ``n`` seeds; the
        means of ``n_silent`` units and of ``n_firing`` on test samples; the ``most_changed``
        predictions of test samples and the ``largest_change`` of a logit in any seed.
    """
    by = [*NETWORK, "condition", "layer", "n_samples"]
    return (
        sort_rows(removal)
        .groupby(by, sort=False)
        .agg(
            n=("seed", "size"),
            n_silent=("n_silent", "mean"),
            n_firing=("n_firing", "mean"),
            most_changed=("changed", "max"),
            largest_change=("largest_change", "max"),
        )
        .reset_index()
    )


def summarize_remedies(uses: pd.DataFrame) -> pd.DataFrame:
    """What remedies leave: ``test_accuracy``, and how many wrong labels were ``learned``."""
    tried = sort_rows(uses[uses["remedy"] != ""])
    long = tried.melt(
        [*NETWORK, "noise", "remedy", "seed"],
        ["test_accuracy", "learned"],
        var_name="measure",
        value_name="value",
    )
    return average_seeds(long, [*NETWORK, "noise", "remedy", "measure"])
