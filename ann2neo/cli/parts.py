"""`ann2neo record-plan`, `record-part`, `record-finish`: recordings made in parts, on many machines."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

_FACTORY = "as module:function"


def record_plan(
    network: Annotated[str, typer.Option(help=f"What returns the network, {_FACTORY}.")],
    samples: Annotated[str, typer.Option(help=f"What returns samples start to stop, {_FACTORY}.")],
    n_samples: Annotated[int, typer.Option(help="Samples of the data set.")],
    n_parts: Annotated[int, typer.Option(help="Parts to make.")],
    out: Annotated[Path, typer.Option(help="The recording to make: NAME.zarr; parts in NAME.parts.")],
    labels: Annotated[str | None, typer.Option(help=f"What returns their labels, {_FACTORY}.")] = None,
    layers: Annotated[
        str, typer.Option(help="last_hidden, all, or names of layers with commas between.")
    ] = "last_hidden",
    threshold: Annotated[float, typer.Option(help="A unit is active above this activation.")] = 0.0,
    batch_size: Annotated[int, typer.Option(help="Samples shown at a time.")] = 256,
    conv_units: Annotated[str, typer.Option(help="all: each activation a unit; channels.")] = "all",
    split: Annotated[str | None, typer.Option(help="Name of the data split, such as test.")] = None,
    slurm: Annotated[
        bool, typer.Option("--slurm", help="Print a script of a SLURM job array that makes the parts.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another plan and its parts.")
    ] = False,
) -> None:
    """Plan a recording that is made in parts, by any number of processes or machines."""
    from ann2neo.recording.parts.making import plan_recording

    options: dict[str, Any] = {"conv_units": conv_units, "dataset_split": split}
    names = layers if layers in ("last_hidden", "all") else [n.strip() for n in layers.split(",")]
    plan = plan_recording(
        network,
        samples,
        out,
        n_samples=n_samples,
        n_parts=n_parts,
        make_labels=labels,
        overwrite=overwrite,
        layers=names,
        threshold=threshold,
        batch_size=batch_size,
        **options,
    )
    if slurm:
        typer.echo(slurm_script(plan.folder, plan.n_parts), nl=False)
    else:
        typer.echo(
            f"{plan.folder}: {plan.n_units:,} units × {plan.n_samples:,} samples in "
            f"{plan.n_parts} parts, {len(plan.list_missing_parts())} to be made"
        )


def record_part(
    plan: Annotated[Path, typer.Argument(help="The folder of the plan: NAME.parts.")],
    part: Annotated[int, typer.Argument(help="Which part, from 0.")],
) -> None:
    """Make one part of a planned recording, unless it is there."""
    from ann2neo.recording.parts.making import record_part as make_part

    typer.echo(make_part(plan, part))


def record_finish(
    plan: Annotated[Path, typer.Argument(help="The folder of the plan: NAME.parts.")],
) -> None:
    """Join the parts of a planned recording to one store."""
    from ann2neo.recording.parts.making import finish_recording

    typer.echo(finish_recording(plan))


def slurm_script(folder: Path, n_parts: int) -> str:
    """A job array, a task per part; a task that is started again finds its part done."""
    place = shlex.quote(str(folder))
    return f"""#!/bin/bash
#SBATCH --job-name=ann2neo
#SBATCH --array=0-{n_parts - 1}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --requeue
# Submitted with `sbatch --parsable`, which prints the job's number, it is followed by
#   sbatch --dependency=afterok:NUMBER --wrap {shlex.quote(f"ann2neo record-finish {place}")}
export OMP_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-1}}"
exec ann2neo record-part {place} "$SLURM_ARRAY_TASK_ID"
"""
