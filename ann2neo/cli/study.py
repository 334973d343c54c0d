"""`ann2neo study`: run a study, report on it, list those that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from ann2neo.cli.terminal import (
    INTERRUPTED,
    add_row,
    open_table,
    quieten_frameworks,
    right_columns,
    say,
    say_table,
)

if TYPE_CHECKING:
    from ann2neo.study.cells.result_tables import Results

app = typer.Typer(no_args_is_help=True, help="Grids of networks, conditions and seeds.")
_COLUMNS = ["firing_rate", "cv_firing_rate_percent", "fanofactor", "training_accuracy", "test_accuracy"]
_GROUP = ["network", "width", "dataset", "condition"]


@app.command()
def run(
    config: Annotated[str, typer.Argument(help="A TOML file, or the name of a study that is shipped.")],
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes, each of one thread.")] = 1,
    dask: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, whose workers see --out: they run the cells."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Keep the cells that are there.")
    ] = True,
    data_dir: Annotated[Path | None, typer.Option(help="Folder with data sets.")] = None,
) -> None:
    """Run the cells of a study that are not there yet, and write tables and report."""
    quieten_frameworks()
    from ann2neo.extras import require
    from ann2neo.study import Study
    from ann2neo.study import run as run_study

    study = Study.from_toml(config)
    # The report's, which comes after the cells and their hours.
    require("matplotlib", extra="study")
    if dask is not None and workers != 1:
        raise typer.BadParameter("--workers are processes here: leave it out with --dask")
    options: dict[str, Any] = {"resume": resume, "data_dir": data_dir}
    try:
        if dask is None:
            results = run_study(study, out, workers=workers, **options)
        else:
            with require("distributed", extra="dask").Client(dask) as client:
                results = run_study(study, out.absolute(), workers=client, **options)
    except KeyboardInterrupt:
        kept = f"What has ended is kept in {out}: the same command goes on from there."
        say(kept, to_stderr=True)
        raise typer.Exit(INTERRUPTED) from None
    _say(results)
    _write_report(results, out)
    if (results.cells["status"] == "failed").any():
        raise typer.Exit(1)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of a study, finished or not.")],
) -> None:
    """Collect the cells that are there into tables and report."""
    from ann2neo.study import Results

    results = Results.load(folder)
    if len(results.cells):
        results.save(folder, overwrite=True)
    _say(results)
    _write_report(results, folder)


@app.command()
def configs() -> None:
    """List the studies that come with the package."""
    from ann2neo.study import Study, builtin_studies
    from ann2neo.study.config.sources import short_name

    rows = open_table(
        "ann2neo study run NAME --out DIR",
        [Column("study", no_wrap=True), "networks", "data sets", *right_columns("cells")],
    )
    for name in builtin_studies():
        study = Study.from_toml(name)
        networks = [f"{n.name} {', '.join(map(str, n.widths))}" for n in study.networks]
        networks += [f"{n.name} {', '.join(map(str, n.blocks))}" for n in study.pattern_networks]
        add_row(
            rows,
            name,
            "; ".join(networks),
            ", ".join(map(short_name, study.datasets)),
            len(study.cells()),
        )
    say_table(rows)


def _say(results: Results) -> None:
    """What was measured, means over seeds, and what failed."""
    if len(results.indicators) or not (len(results.patterns) or len(results.uses)):
        say_table(_condition_table(results))
    if len(results.patterns):
        say_table(_pattern_table(results))
    if len(results.uses):
        say_table(_uses_table(results))
    cells = results.cells
    for cell in cells[cells["status"] != "ok"].to_dict("records"):
        said = [str(cell[name]) for name in ("kind", *_GROUP, "seed", "status", "error")]
        say(" ".join(filter(None, said)))


def _uses_table(results: Results) -> Table:
    """How wrong labels are found, and test samples read."""
    from ann2neo.study.analysis.number_format import format_number
    from ann2neo.study.analysis.uses_findings import NETWORK, READERS, SCORES, summarize_labels

    shown = {"patterns": "patterns", "pixels": "pixels", "loss at the end": "loss"}
    shown |= {"the network": "network", "nearest patterns": "nearest"}
    rows = open_table(
        "AUC for wrong labels, and accuracy on test samples",
        [
            Column("network", no_wrap=True),
            *(Column(title, justify="right", no_wrap=True) for title in ("wrong", *shown.values())),
        ],
    )
    found = summarize_labels(results.uses)
    found = found[found["by"].isin([*SCORES, *READERS])]
    for place, of_place in found.groupby([*NETWORK, "noise"], sort=False):
        said = dict(zip(of_place["by"], of_place["value"], strict=True))
        network, width, dataset, noise = place
        add_row(
            rows,
            f"{network} {width} {dataset}",
            f"{float(str(noise)):.0%}",
            *(format_number(said.get(name, float("nan")), 3) for name in shown),
        )
    return rows


def _condition_table(results: Results) -> Table:
    """A row per network, data set and condition."""
    from ann2neo.study.analysis.number_format import format_significant
    from ann2neo.study.analysis.paper_order import select_split

    frame = results.indicators
    good = select_split(frame[frame["status"] == "ok"])
    split = "".join(good["split"].unique())
    rows = open_table(
        f"Split {split}: means over seeds" if split else "No cell has numbers",
        [
            Column("network", no_wrap=True),
            Column("condition", no_wrap=True),
            *right_columns("rate CV-% Fano accuracy on-test"),
        ],
    )
    means = good.groupby(_GROUP, sort=False)[_COLUMNS].mean().reset_index()
    for row in means.to_dict("records"):
        network = f"{row['network']} {row['width']} {row['dataset']}"
        numbers = (format_significant(float(row[name])) for name in _COLUMNS)
        add_row(rows, network, row["condition"], *numbers)
    return rows


def _pattern_table(results: Results) -> Table:
    """How bottom-up the layers of each network settled."""
    from ann2neo.study.analysis.number_format import format_interval, format_number
    from ann2neo.study.analysis.pattern_findings import describe_layers, find_in_patterns

    found = find_in_patterns(describe_layers(results.patterns))
    found = found[found["compared_with"] == ""]
    titles = ("τ", "95 % interval", "τ of flips", "seeds")
    rows = open_table(
        "Settling of patterns: τ of depth and time, 1 is bottom-up",
        [
            Column("network", no_wrap=True),
            *(Column(title, justify="right", no_wrap=True) for title in titles),
        ],
    )
    for place, of_network in found.groupby(["network", "dataset", "probe"], sort=False):
        said = {row["finding"]: row for row in of_network.to_dict("records")}
        patterns, flips = said.get("settling"), said.get("settling_flips")
        add_row(
            rows,
            " ".join(map(str, place)),
            format_number(patterns["value"], 2) if patterns else "–",
            format_interval(patterns) if patterns else "–",
            format_number(flips["value"], 2) if flips else "–",
            of_network["n"].max(),
        )
    return rows


def _write_report(results: Results, folder: Path) -> None:
    from ann2neo.study import write_report as write_report

    path = write_report(results, folder / "report.html", overwrite=True)
    say(f"Wrote {path}")
