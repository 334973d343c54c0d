"""The small tables of docs/background/calibration.md, from the large ones.

python -m tests.calibration.summaries docs/background/measured
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

LEVELS = {0.05: "5 %", 0.01: "1 %", 0.001: ".1 %"}


def summarize_levels(table: pd.DataFrame) -> pd.DataFrame:
    """A row per test, kind of units and number of samples: the lowest and highest share of its rates."""
    table = table[table["n_tests"] > 0]
    keys = ["test", "units", "n_samples"]
    parts = []
    for level, name in LEVELS.items():
        at = table[table["level"] == level].groupby(keys, sort=False)
        percent = at["fraction"].agg(["min", "max"]).map(lambda share: f"{100 * share:.2g}")
        parts.append((percent["min"] + " – " + percent["max"]).rename(f"rejected at {name}, in %"))
    whole = table.groupby(keys, sort=False)
    counted = whole["verdict"].agg(
        above=lambda found: (found == "above").sum(),
        conservative=lambda found: (found == "conservative").sum(),
    )
    tests = whole["n_tests"].agg(["min", "max"]).astype(str)
    parts.append((tests["min"] + " – " + tests["max"]).rename("decisions per rate"))
    found = pd.concat([*parts, counted], axis=1).reset_index()
    return found.rename(columns={"n_samples": "samples", "above": "cells above"})


def spread_estimators(table: pd.DataFrame) -> pd.DataFrame:
    """A row per law and estimator, a column per number of samples: bias ± spread, in bits."""
    both = table.assign(
        both=[f"{b:+.3f} ± {s:.3f}" for b, s in zip(table["bias"], table["spread"], strict=True)]
    )
    both["law"] = [
        f"{quantity} of {law}, {true:.2f} bits"
        for quantity, law, true in zip(both["quantity"], both["law"], both["true_bits"], strict=True)
    ]
    wide = both.pivot_table(
        index=["law", "estimator"], columns="n_samples", values="both", aggfunc="first", sort=False
    )
    return wide.reset_index()


def main() -> None:
    folder = Path(sys.argv[1])
    levels = summarize_levels(pd.read_csv(folder / "false_positives.csv"))
    levels.to_csv(folder / "false_positives_summary.csv", index=False)
    spread_estimators(pd.read_csv(folder / "entropies.csv")).to_csv(
        folder / "entropies_summary.csv", index=False
    )


if __name__ == "__main__":
    main()
