"""A cell that trains nothing, for the tests of what runs cells; workers import it by name.

How it behaves is said by the environment: ``FAKE_SECONDS`` it takes, ``FAKE_<CONDITION>`` what it does
instead of ending well: ``raise``, ``exit`` or ``diverge``.
"""

import os
import sys
import time

import pandas as pd

from ann2neo.spikes.progress import ProgressBar
from ann2neo.study.config.cell import make_rng
from ann2neo.training.training_loop import DivergedError


def run(work):
    cell = work.plan.cell
    print("a library's chatter")
    with ProgressBar(100, "passes", progress=True) as bar:
        bar.update(40)
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    mishap = os.environ.get(f"FAKE_{cell.condition.upper()}")
    if mishap == "raise":
        raise RuntimeError("two\nlines")
    if mishap == "exit":
        print("last words", file=sys.stderr)
        os._exit(3)
    if mishap == "diverge":
        raise DivergedError("loss is nan", pd.DataFrame({"training_epoch": [1], "loss": [float("nan")]}))
    value = make_rng(cell.seed, *cell.place().values()).random()
    start = float((work.start / "value.txt").read_text()) if work.start else 0.0
    (work.folder / "value.txt").write_text(str(value))
    (work.folder / "units.csv").write_text(f"split,unit_index,firing_rate,fanofactor\ntest,0,{value},\n")
    return [{"split": split, "firing_rate": value, "isi_cv": start} for split in work.plan.study.splits]
