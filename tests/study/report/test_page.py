"""The report: one page that needs nothing else, opened in a real browser."""

import html
import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ann2neo.study.analysis.pattern_findings import describe_layers, find_in_patterns
from ann2neo.study.cells.result_tables import Results
from ann2neo.study.config.study import Study
from ann2neo.study.report.page import write_report
from ann2neo.study.report.table_section import write_tables
from tests.study.made_patterns import only_patterns
from tests.study.made_results import make_results, usual

pytest.importorskip("matplotlib", reason="the plot extra is not installed")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next((found for name in BROWSERS if (found := shutil.which(name))), None)
N_PATTERN_TABLES = 2 + 1  # networks, differences, versions
N_TABLES = 1 + 8 + 7 + 1 + 1  # verdicts, hypotheses, tables, broken cells, versions
NASTY = 'a <script>alert(1)</script> & "b"'


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    study = Study.from_toml("digits-quick")
    results = make_results(networks=("cnn",), widths=(16, 64), study=study, spikes=True, switch=True)
    broken = results.indicators.assign(
        status=results.indicators["status"].where(results.indicators["seed"] == 0, "ok")
    )
    broken.loc[broken.index[:2], ["status", "error"]] = ["failed", NASTY]
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(replace(results, indicators=broken), path)


@pytest.fixture(scope="module")
def pattern_page(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(only_patterns(blocks=(1, 2)), path)


def nothing():
    """Results without a row."""
    whole = usual()
    return replace(
        whole,
        indicators=whole.indicators.iloc[:0],
        units=whole.units.iloc[:0],
        switch=whole.switch.iloc[:0],
        spikes={},
    )


class Outline(HTMLParser):
    """Tags that stay open, and what each kind of tag refers to."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.counts, self.references, self.ids = [], {}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        attributes = dict(attributes)
        self.references += [attributes[key] for key in ("src", "href") if key in attributes]
        self.ids += [attributes["id"]] if "id" in attributes else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_well_formed_and_self_contained(page):
    text = page.read_text("utf-8")
    outline = Outline(text)
    assert outline.open == []
    assert outline.counts["table"] == N_TABLES
    assert outline.counts["img"] == 5
    assert "script" not in outline.counts
    assert len(outline.ids) == len(set(outline.ids))
    for reference in outline.references:
        kind = re.match(r"data:|https://doi\.org/|#(.*)", reference)
        assert kind, reference[:80]
        assert kind[1] is None or kind[1] in outline.ids
    assert "url(" not in text
    assert "@import" not in text


def test_what_it_says(page):
    text = page.read_text("utf-8")
    assert 'name="viewport"' in text
    for words in ("impossible: rates of mean", ">impossible [1]<", "digits-quick", "numpy", "Python"):
        assert words in text
    assert html.escape(Study.from_toml("digits-quick").to_toml()) in text
    assert html.escape(NASTY) in text


def test_names_neither_host_nor_paths(page):
    text = re.sub(r"data:image/png;base64,[^\"]*", "", page.read_text("utf-8"))
    assert platform.node() not in text or len(platform.node()) < 3
    assert str(Path.cwd()) not in text
    assert str(page.parent) not in text


def test_from_a_table_alone(tmp_path):
    make_results(networks=("mlp",), widths=(64,), seeds=(0,)).indicators.to_csv(
        tmp_path / "results.csv", index=False
    )
    path = write_report(Results.load(tmp_path / "results.csv"), tmp_path / "r.html")
    text = path.read_text("utf-8")
    assert Outline(text).counts["img"] == 3
    assert "Figure 5 is not shown: the study monitored no switch of labels." in text
    assert "Figure 2 is not shown" in text
    assert "without the study's configuration" in html.unescape(text)


def test_of_patterns_alone(pattern_page):
    text = pattern_page.read_text("utf-8")
    outline = Outline(text)
    assert outline.open == []
    assert outline.counts["img"] == 3
    assert outline.counts["table"] == N_PATTERN_TABLES
    assert len(outline.ids) == len(set(outline.ids))
    assert all(r[1:] in outline.ids for r in outline.references if r.startswith("#"))
    assert {"patterns", "pattern_maps", "entropy_by_depth", "settling"} <= set(outline.ids)
    assert {"hypotheses", "figures", "tables"}.isdisjoint(outline.ids)
    assert "Lehmler" not in text
    assert (
        "12 network(s) (0 without numbers), residual_1, residual_2, plain_1, plain_2 on digits" in text
    )
    assert "plain − residual<" in text


def test_says_the_findings(pattern_page):
    found = find_in_patterns(describe_layers(only_patterns(blocks=(1, 2)).patterns))
    found = found[(found["network"] == "plain") & (found["compared_with"] == "residual")]
    row = found.set_index("finding").loc["dip_end"]
    text = pattern_page.read_text("utf-8")
    cells = re.search(r"<span>plain − residual</span>.*?</tr>", text)[0].split("<td")
    assert f">{row['value']:.3f}<small>[{row['low']:.3f}, {row['high']:.3f}]</small>" in cells[6]
    assert "n = 3" in cells[6]


def test_of_conditions_alone_says_nothing_of_patterns(page):
    text = page.read_text("utf-8")
    assert "Activation patterns" not in text
    assert 'id="patterns"' not in text


def test_of_both(tmp_path):
    whole = make_results(networks=("mlp",), widths=(4,), seeds=(0,))
    patterns = only_patterns(networks=("plain",), blocks=(1,), seeds=(0,)).patterns
    text = write_report(replace(whole, patterns=patterns), tmp_path / "r.html").read_text("utf-8")
    assert Outline(text).counts["img"] == 3 + 3
    assert {"hypotheses", "figures", "tables", "patterns"} <= set(Outline(text).ids)
    assert "Differences between networks" not in text
    assert "no interval" in text


def test_of_pattern_cells_that_all_failed(tmp_path):
    place = dict(kind="patterns", network="plain_1", width=8, dataset="digits", condition="", seed=0)
    cells = pd.DataFrame([{**place, "status": "failed", "error": NASTY, "seconds": 1.0}])
    text = write_report(replace(nothing(), cells=cells), tmp_path / "r.html").read_text("utf-8")
    assert "1 network(s) (1 without numbers)" in text
    assert "No network whose patterns were followed has numbers." in text
    assert html.escape(NASTY) in text
    assert 'id="hypotheses"' not in text


def test_accuracies_that_were_aimed_at_are_said_to_be():
    results = make_results(networks=("mlp",), widths=(64,), seeds=(0,))
    assert "agree because they were made to" not in write_tables(results)
    results.indicators.loc[:1, "stopped_by"] = "accuracy"
    assert "agree because they were made to" in write_tables(results)


def test_of_nothing(tmp_path):
    assert "not in this study" in write_report(nothing(), tmp_path / "r.html").read_text("utf-8")


def test_versions_of_the_cells_stand_beside_the_page_s(page, tmp_path):
    row = re.search(r"<tr><th[^>]*>numpy</th>(.*?)</tr>", page.read_text("utf-8"))[1]
    assert row.count("<td>") == 1
    results = replace(nothing(), versions=({"numpy": "0.9"}, {"Python": "2.7"}))
    text = write_report(results, tmp_path / "r.html").read_text("utf-8")
    row = re.search(r"<tr><th[^>]*>numpy</th>(.*?)</tr>", text)[1]
    assert row == f"<td>0.9</td><td>–</td><td>{np.__version__}</td>"


def test_may_be_read_by_whom_the_umask_says(tmp_path):
    (tmp_path / "other").write_text("")
    path = write_report(nothing(), tmp_path / "r.html")
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_writing_whole_or_not_at_all(tmp_path, monkeypatch):
    empty = nothing()
    path = tmp_path / "r.html"
    path.write_text("before", "utf-8")
    with pytest.raises(FileExistsError, match="pass overwrite=True"):
        write_report(empty, path)
    with pytest.raises(ValueError, match=r"path must end in \.html"):
        write_report(empty, tmp_path / "r.pdf")

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_report(empty, path, overwrite=True)
    assert path.read_text("utf-8") == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["r.html"]
    assert write_report(empty, path, overwrite=True) == path
    assert path.read_text("utf-8").startswith("<!DOCTYPE html>")


# What the browser made of the page, sent to a page around it whose frame is as narrow as a phone.
PROBE = """<script>addEventListener("load", () => parent.postMessage(JSON.stringify({
  width: innerWidth, scrolled: document.documentElement.scrollWidth,
  pictures: [...document.images].map(i => i.naturalWidth),
  tables: [...document.querySelectorAll("table")].map(t => t.rows.length),
  shown: [...document.querySelectorAll("section > .scroll, figure")].map(e => e.offsetHeight)
}), "*"))</script>"""
FRAME = """<!DOCTYPE html><title>frame</title>
<iframe src="inner.html" width="390" height="800" style="border:0"></iframe>
<pre></pre><script>addEventListener("message", e => document.querySelector("pre").append(e.data))
</script>"""


def open_page(file, profile):
    """The page as the browser has it after loading, and the lines of its console."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    quiet += ["--no-first-run", "--disable-gpu", "--no-sandbox", f"--user-data-dir={profile}"]
    command = [BROWSER, "--headless", *quiet, "--enable-logging=stderr", "--v=0", "--dump-dom"]
    command += ["--virtual-time-budget=10000", file.as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return result.stdout, [line for line in result.stderr.splitlines() if "CONSOLE" in line]


def measure_in_a_frame(text, folder):
    (folder / "inner.html").write_text(text.replace("</body>", f"{PROBE}</body>"), "utf-8")
    (folder / "frame.html").write_text(FRAME, "utf-8")
    dom, console = open_page(folder / "frame.html", folder / "profile")
    return json.loads(html.unescape(re.search(r"<pre>(.+)</pre>", dom)[1])), console


needs_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser installed, of {', '.join(BROWSERS)}"
)


@needs_browser
def test_a_browser_opens_it(page, tmp_path):
    dom, console = open_page(page, tmp_path / "profile")
    assert console == []
    assert dom.count("<table") == N_TABLES
    assert dom.count("<figure") == 5


@needs_browser
def test_on_a_phone(page, tmp_path):
    found, console = measure_in_a_frame(page.read_text("utf-8"), tmp_path)
    assert console == []
    assert found["width"] == 390
    assert found["scrolled"] <= 390  # tables and figures scroll by themselves, the page does not
    assert len(found["pictures"]) == 5
    assert min(found["pictures"]) > 600
    assert len(found["tables"]) == N_TABLES
    assert min(found["tables"]) >= 2
    assert min(found["shown"]) > 50


@needs_browser
def test_patterns_on_a_phone(pattern_page, tmp_path):
    found, console = measure_in_a_frame(pattern_page.read_text("utf-8"), tmp_path)
    assert console == []
    assert found["scrolled"] <= 390
    assert len(found["pictures"]) == 3
    assert min(found["pictures"]) > 600
    assert len(found["tables"]) == N_PATTERN_TABLES
    assert min(found["shown"]) > 50


@needs_browser
def test_the_browser_would_tell(tmp_path):
    broken = (
        '<body style="width:900px"><img src="data:image/png;base64,AAAA"><script>wrong()</script></body>'
    )
    found, console = measure_in_a_frame(broken, tmp_path)
    assert found["pictures"] == [0]
    assert found["scrolled"] > 390
    assert len(console) == 1
    assert "wrong is not defined" in console[0]
