"""The plan of a recording in parts, and its file."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ann2neo.spikes.files.paths import as_path
from ann2neo.spikes.files.stored_parts import PART_NAME, PLAN_NAME
from ann2neo.spikes.files.whole_file import write_whole
from ann2neo.spikes.typing import PathLikeStr

_FORMAT = "ann2neo.RecordingPlan"
_VERSIONED = ("ann2neo", "numpy", "torch", "keras", "tensorflow", "jax")


@dataclass(frozen=True)
class RecordingPlan:
    """What `plan_recording` has laid down, and ``plan.json`` in its folder says too.

    Attributes
    ----------
    make_network, make_samples, make_labels : str
        Factories, as "module:function".
    store : str
        Where `finish_recording` writes.
    edges : list of int
        Part ``k`` shows the samples from ``edges[k]`` up to, not including, ``edges[k + 1]``.
    n_units : int
        Units recorded.
    options : dict
        Of `record`.
    annotations : dict
        Of the recording, the hash of the weights among them: every part must say the same.
    versions : dict
        Of the packages that matter.
    """

    make_network: str
    make_samples: str
    make_labels: str | None
    store: str
    edges: list[int]
    n_units: int
    options: dict[str, Any]
    annotations: dict[str, Any]
    versions: dict[str, str]

    @property
    def n_parts(self) -> int:
        """Number of parts."""
        return len(self.edges) - 1

    @property
    def n_samples(self) -> int:
        """Samples of the data set that are shown."""
        return self.edges[-1]

    @property
    def folder(self) -> Path:
        """Where the plan and the parts lie."""
        return Path(self.store).with_suffix(".parts")

    @property
    def digest(self) -> str:
        """Hash of everything the plan says."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def part_path(self, number: int) -> Path:
        """Where a part is, or will be."""
        return self.folder / PART_NAME.format(number)

    def list_missing_parts(self) -> list[int]:
        """Parts that are not there yet."""
        return [number for number in range(self.n_parts) if not self.part_path(number).exists()]

    @classmethod
    def load(cls, path: PathLikeStr) -> RecordingPlan:
        """Read the plan in a folder (or the file itself).

        Raises
        ------
        FileNotFoundError
            If there is none: on another machine, that the folder is not shared.
        ValueError
            If the file is no plan, or was edited.
        """
        file = as_path(path)
        file = file / PLAN_NAME if file.is_dir() or file.name != PLAN_NAME else file
        if not file.is_file():
            raise FileNotFoundError(
                f"no plan at {file}; does {socket.gethostname()} see this folder? Parts need one that "
                "all machines share"
            )
        try:
            said = json.loads(file.read_text("utf-8"))
            if said.pop("format") != _FORMAT:
                raise ValueError("another format")
            digest = said.pop("digest")
            plan = cls(**said)
        except Exception as error:
            raise ValueError(f"{file} is no plan of a recording, or is damaged: {error}") from error
        if digest != plan.digest:
            raise ValueError(f"{file} was edited: plan the recording anew instead")
        return plan


def find_versions() -> dict[str, str]:
    """Versions of the packages that a recording may depend on."""
    found = {}
    for name in _VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write_plan(plan: RecordingPlan, *, overwrite: bool) -> None:
    """Write the plan into its folder, unless it is there; another plan only with `overwrite`."""
    file = plan.folder / PLAN_NAME
    if file.exists():
        try:
            if RecordingPlan.load(file) == plan:
                return
        except ValueError:
            if not overwrite:
                raise
        if not overwrite:
            raise FileExistsError(
                f"{file} is another plan; pass overwrite=True to replace it and its parts"
            )
        for path in plan.folder.glob("*.zarr"):
            shutil.rmtree(path)
    plan.folder.mkdir(exist_ok=True)
    with write_whole(file, overwrite=True) as target:
        said = {"format": _FORMAT, "digest": plan.digest, **asdict(plan)}
        target.write_text(json.dumps(said, indent=1), "utf-8")


def check_plan(plan: RecordingPlan | PathLikeStr) -> RecordingPlan:
    """The plan, which must be the one in its folder."""
    if not isinstance(plan, RecordingPlan):
        return RecordingPlan.load(plan)
    if RecordingPlan.load(plan.folder) != plan:
        raise ValueError(f"{plan.folder / PLAN_NAME} is another plan: it was replaced")
    return plan
