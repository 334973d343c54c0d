"""Packages of one module with an entry point, as pip leaves them in a folder of the path."""

from __future__ import annotations

from pathlib import Path


def write_package(site: Path, name: str, module: str, group: str, entry: str) -> None:
    """Lay a package down; `entry` is a line of its entry points: ``name = module:object``."""
    about = site / f"{name}-1.dist-info"
    about.mkdir(parents=True)
    (site / f"{name}.py").write_text(module)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{group}]\n{entry}\n")
