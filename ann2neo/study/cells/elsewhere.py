"""Cells that are run on other machines, each in a process of its own there."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ann2neo.study.cells.worker import Worker, WorkerDiedError


def run_elsewhere(job: Mapping[str, Any]) -> tuple[str, str]:
    """Run a cell; gives the folder it wrote, beside the one that `job` names, and what went wrong.

    A folder of its own: one who was given up for dead may still be writing to another.

    Raises
    ------
    FileNotFoundError
        If this machine does not see the folder of the study.
    """
    folder = Path(f"{job['folder']}-{uuid.uuid4().hex[:12]}")
    if not folder.parent.is_dir():
        raise FileNotFoundError(
            f"{folder.parent} is not there on {socket.gethostname()}: its workers must see the study"
        )
    folder.mkdir()
    worker = Worker()
    try:
        worker.run({**job, "folder": str(folder)}, lambda fraction: None)
    except WorkerDiedError as error:
        return str(folder), str(error)
    finally:
        worker.close()
    return str(folder), ""
