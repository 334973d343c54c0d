"""How often tests reject null hypotheses that are true: the table of docs/background/calibration.md.

    python -m tests.calibration.false_positives docs/background/measured/false_positives.csv

A row per test, cell and level is written when the cell is done; started again with the same file, the
program goes on with the cells that are missing. A cell whose rejections lie beyond the binomial
interval is drawn again with other numbers, four times as often, and the second result counts: of a
thousand rows one is beyond by chance.
"""

from __future__ import annotations

import argparse
import csv
import time
import zlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import stats

from tests.calibration.cells import LEVELS, N_SAMPLES, QUICK, REPLICATES, TESTS, Cell, all_cells

COLUMNS = (
    "test", "rate", "n_samples", "units", "level",
    "n_recordings", "n_tests", "n_rejected", "fraction", "low", "high", "verdict",
)  # fmt: skip

INTERVAL = 0.999


def run_cell(group: str, cell: Cell, n_recordings: int, seed: int = 0) -> list[dict[str, object]]:
    """Rows of one group of tests in one cell."""
    rng = np.random.default_rng([seed, zlib.crc32(repr((group, cell)).encode())])
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for _ in range(n_recordings):
        for name, pvalues in TESTS[group](cell.draw(rng), cell, rng).items():
            found[name].append(pvalues)
    return [
        row
        for name, parts in found.items()
        for row in judge(name, cell, np.concatenate(parts), n_recordings)
    ]


def judge(name: str, cell: Cell, pvalues: np.ndarray, n_recordings: int) -> Iterator[dict[str, object]]:
    """A row per level."""
    for level in LEVELS:
        n_rejected = int(np.sum(pvalues <= level))
        low, high = stats.binom.interval(INTERVAL, max(pvalues.size, 1), level)
        verdict = "above" if n_rejected > high else "conservative" if n_rejected < low else "holds"
        n = pvalues.size
        yield {
            "test": name, "rate": cell.rate, "n_samples": cell.n_samples, "units": cell.units,
            "level": level, "n_recordings": n_recordings, "n_tests": n, "n_rejected": n_rejected,
            "fraction": f"{n_rejected / n:.5f}" if n else "",
            "low": f"{low / n:.5f}" if n else "", "high": f"{high / n:.5f}" if n else "",
            "verdict": verdict if n else "undefined",
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--tests", nargs="+", choices=TESTS, default=list(TESTS))
    parser.add_argument("--samples", nargs="+", type=int, default=list(N_SAMPLES))
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of recordings")
    arguments = parser.parse_args()
    done = arguments.table.with_suffix(".done")
    seen = set(done.read_text().splitlines()) if done.exists() else set()
    for cell in all_cells():
        if cell.n_samples not in arguments.samples:
            continue
        for group in arguments.tests:
            key = f"{group} {cell}"
            if key in seen:
                continue
            start = time.monotonic()
            n_recordings = max(
                2, round(REPLICATES[cell.n_samples] * (3 if group in QUICK else 1) * arguments.share)
            )
            rows = run_cell(group, cell, n_recordings)
            if any(row["verdict"] == "above" for row in rows):
                rows = run_cell(group, cell, 4 * n_recordings, seed=1)
            append(arguments.table, rows)
            with done.open("a") as file:
                file.write(f"{key}\n")
            above = [str(row["test"]) for row in rows if row["verdict"] == "above"]
            print(f"{time.monotonic() - start:6.1f} s  {key}  {'ABOVE: ' if above else ''}{above}")


def append(table: Path, rows: list[dict[str, object]]) -> None:
    """Write rows behind those there are."""
    new = not table.exists()
    with table.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
