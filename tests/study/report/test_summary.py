"""The report's first paragraph: how many cells, of what, and beside whose numbers."""

import html
import re
from dataclasses import replace

import pandas as pd
import pytest

from ann2neo.study.report.page import write_report
from tests.study.made_results import make_results

pytest.importorskip("matplotlib", reason="the plot extra is not installed")


def summary(results, folder):
    text = write_report(results, folder / "r.html", overwrite=True).read_text("utf-8")
    return html.unescape(re.search(r"<p>(.*?)</p>", text)[1])


def test_counts_every_cell_but_those_of_patterns(tmp_path):
    # One network and two seeds: five conditions and a switch each.
    whole = make_results(networks=("mlp",), widths=(4,), datasets=("digits",), seeds=(0, 1), switch=True)
    place = ["network", "width", "dataset", "condition", "seed"]
    rows = whole.indicators.drop_duplicates(place)[[*place, "status"]].assign(kind="condition")
    switch = rows[rows["condition"] == "Random"].assign(condition="", kind="switch")
    followed = switch.assign(kind="patterns", network="plain_1", seed=5)
    cells = pd.concat([rows, switch, followed], ignore_index=True).assign(error="", seconds=1.0)
    cells.loc[10, "status"] = "failed"
    assert summary(whole, tmp_path).startswith(
        "12 networks (0 without numbers), MLP on digits, 2 seed(s)"
    )
    said = summary(replace(whole, cells=cells), tmp_path)
    assert said.startswith("12 networks (1 without numbers), MLP on digits, 2 seed(s)")


@pytest.mark.parametrize(("width", "beside"), [(64, True), (16, False)])
def test_speaks_of_published_numbers_where_there_are_any(tmp_path, width, beside):
    said = summary(make_results(networks=("mlp",), widths=(width,), seeds=(0,)), tmp_path)
    assert ("whose numbers stand beside" in said) == beside
    assert said.endswith("." if beside else "2024.128473</a>.")
