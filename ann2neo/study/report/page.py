"""A study as one page that needs nothing else: findings, figures, tables, configuration."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ann2neo.spikes.files.whole_file import check_target, write_whole
from ann2neo.spikes.representation.html import Markup, element
from ann2neo.study.analysis.hypotheses import judge_hypotheses
from ann2neo.study.analysis.paper_order import LAYER, full_name, is_broken
from ann2neo.study.analysis.published import QUANTITIES, read_published
from ann2neo.study.cells.cell_files import list_versions
from ann2neo.study.figures.paper_figures import CAPTIONS, draw_figures
from ann2neo.study.report.html import embed_figure, heads, make_table, text
from ann2neo.study.report.hypothesis_section import write_hypotheses
from ann2neo.study.report.indicator_section import write_fano_spread
from ann2neo.study.report.pattern_section import has_patterns, summarize_patterns, write_patterns
from ann2neo.study.report.process_section import has_processes, write_processes
from ann2neo.study.report.table_section import write_tables
from ann2neo.study.report.uses_section import has_uses, write_uses
from ann2neo.study.report.words import summarize_verdicts, write_glossary

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

_MISSING = {
    "figure2": "the results hold no spikes",
    "figure3": "no network has a generalization gap",
    "figure4": "no generalizing or memorizing network",
    "figure5": "the study monitored no switch of labels",
    "figure6": "no network has a firing rate and a Fano factor",
}

_OF_OTHER_PARTS = ["patterns", "process", "uses", "pretraining"]
"""Kinds of cells that have parts of their own, or are of a network that a condition cell has trained."""


def write_report(results: Results, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a study as one self-contained HTML page.

    Parameters
    ----------
    results : Results
    path : str or Path
        Where to write, ending in ``.html``.
    overwrite : bool
        Replace an existing file.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ImportError
        If Matplotlib is not installed.
    ValueError
        If `path` does not end in ``.html``.
    FileExistsError
        If `path` exists and `overwrite` is False.

    Notes
    -----
    The page holds its pictures and its style, runs no script and loads nothing. Of conditions and of
    activation patterns it speaks as far as the study has either, and likewise of its other kinds of
    cells. It names versions, operating system and kind of processor of the machines that ran the cells
    and that writes the page, and no path or host.

    Examples
    --------
    >>> from ann2neo.study.report.page import write_report
    >>> write_report(results, "report.html")  # doctest: +SKIP
    """
    path = Path(path)
    if path.suffix != ".html":
        raise ValueError(f"path must end in .html, got {str(path)!r}")
    check_target(path, overwrite=overwrite)
    page = _page(results)
    with write_whole(path, overwrite=overwrite) as part:
        part.write_text(page, encoding="utf-8")
    return path


def _page(results: Results) -> str:
    style = (importlib.resources.files("ann2neo.study") / "data" / "report.css").read_text("utf-8")
    name = results.study.name if results.study else "results.csv"
    head = element(
        "head",
        Markup(
            '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        ),
        Markup('<link rel="icon" href="data:,">'),
        element("title", f"Study {name}"),
        element("style", Markup(style)),
    )
    sections: dict[str, Markup] = {}
    judged = judge_hypotheses(results) if _has_conditions(results) else []
    if judged:
        sections["hypotheses"] = write_hypotheses(judged)
        sections["figures"] = _figure_section(results)
        sections["tables"] = Markup(write_tables(results) + write_fano_spread(results))
    if has_processes(results):
        sections["processes"] = write_processes(results)
    if has_uses(results):
        sections["uses"] = write_uses(results)
    if has_patterns(results):
        sections["patterns"] = write_patterns(results)
    sections["failures"] = _failure_section(results)
    sections["configuration"] = _configuration_section(results)
    links = [element("li", element("a", key, href=f"#{key}")) for key in sections]
    body = element(
        "body",
        element("h1", f"Study {name}"),
        Markup(_summary(results) + summarize_verdicts(judged)) if judged else "",
        summarize_patterns(results) if has_patterns(results) else "",
        write_glossary(results) if judged else "",
        element("nav", element("ul", *links)),
        *(element("section", section, id=key) for key, section in sections.items()),
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head}{body}</html>\n'


def _has_conditions(results: Results) -> bool:
    """Whether the page is about conditions: where there is nothing at all, it says so of them."""
    others = has_patterns(results) or has_uses(results)
    return len(results.indicators) + len(results.switch) > 0 or not others


def _summary(results: Results) -> Markup:
    cells = results.cells[~results.cells["kind"].isin(_OF_OTHER_PARTS)]
    count = len(cells)
    if not count:
        cells = results.indicators.drop_duplicates([*LAYER, "condition"])
        count = len(cells) + len(results.switch.drop_duplicates(LAYER))
    broken = int(is_broken(cells).sum())
    names = ", ".join(full_name(name) for name in dict.fromkeys(cells["network"]))
    data = ", ".join(full_name(name) for name in dict.fromkeys(cells["dataset"]))
    return element(
        "p",
        f"{count} networks ({broken} without numbers), {names} on {data}, {cells['seed'].nunique()} "
        "seed(s): spike trains of the observed layer under the conditions of Lehmler et al., "
        "Neurocomputing (2024), ",
        element(
            "a", "doi 10.1016/j.neucom.2024.128473", href="https://doi.org/10.1016/j.neucom.2024.128473"
        ),
        ", whose numbers stand beside those measured." if _is_published(cells) else ".",
    )


def _is_published(cells: pd.DataFrame) -> bool:
    """Whether the paper has numbers of any of these cells."""
    paper = pd.concat([read_published(name) for name in QUANTITIES])
    place = ["network", "width", "dataset", "condition"]
    there, known = (set(frame[place].itertuples(index=False, name=None)) for frame in (cells, paper))
    return not there.isdisjoint(known)


def _figure_section(results: Results) -> Markup:
    made = draw_figures(results)
    about = "Numbered as in the paper, whose figure 1 shows the method."
    parts = [element("h2", "Figures"), element("p", about)]
    for key, caption in CAPTIONS.items():
        number = key.removeprefix("figure")
        if key in made:
            parts.append(embed_figure(made[key], key, f"Figure {number}. {caption}"))
        else:
            parts.append(element("p", f"Figure {number} is not shown: {_MISSING[key]}."))
    return Markup("".join(parts))


def _failure_section(results: Results) -> Markup:
    rows = results.cells if len(results.cells) else results.indicators
    broken = rows[is_broken(rows)]
    heading = element("h2", "Networks without numbers")
    if not len(broken):
        return Markup(heading + element("p", "None failed or diverged."))
    place = [c for c in ("kind", "network", "width", "dataset", "condition", "seed") if c in broken]
    once = broken.drop_duplicates(place)
    shown = make_table(
        "Networks that failed, and networks whose loss became NaN (diverged).",
        [heads("network", "status", "error")],
        [
            (" ".join(str(row[c]) for c in place), [text(row["status"]), text(row["error"])])
            for _, row in once.iterrows()
        ],
        words=True,
    )
    return Markup(heading + shown)


def _configuration_section(results: Results) -> Markup:
    parts = [element("h2", "Configuration")]
    if results.study is None:
        parts.append(element("p", "Read from a table alone, without the study's configuration."))
    else:
        parts.append(element("pre", results.study.to_toml(), tabindex="0"))
    return Markup("".join([*parts, element("h2", "Versions"), _version_table(results)]))


def _version_table(results: Results) -> Markup:
    page = list_versions()
    names = list(dict.fromkeys(name for found in (*results.versions, page) for name in found))
    return make_table(
        "What the networks were run with, as far as they say, and what this page was made with.",
        [heads("package", *["networks"] * len(results.versions), "page")],
        [(name, [found.get(name, "–") for found in (*results.versions, page)]) for name in names],
    )
