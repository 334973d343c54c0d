"""What README shows is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_python_examples_run(tmp_path):
    for module in ("keras", "pynwb", "sklearn"):
        pytest.importorskip(module, reason="the demo and nwb extras are not installed")
    shown = []
    for code in blocks("python"):
        result = subprocess.run(
            [sys.executable, "-W", "error::UserWarning", "-c", code],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        assert result.returncode == 0, result.stderr[-2000:]
        shown.append(result.stdout)
    assert "SpikeRaster: 64 units × 1,797 samples" in shown[0]
    assert "fano_poisson" in shown[1]
    reached = re.findall(r"^(\w+)\n(0\.\d+)\nlayer", shown[2], flags=re.MULTILINE)
    assert [name for name, _ in reached] == ["Generalizing", "MemRetrainLast"]
    assert all(float(got) > least for (_, got), least in zip(reached, (0.9, 0.6), strict=True))
    assert "SpikeRaster: 40 units × 1,000 samples" in shown[3]
    assert {file.name for file in tmp_path.iterdir()} == {"coins.nwb", "digits.zarr.zip"}


def test_set_up_is_two_commands():
    (first, *_) = blocks("sh")
    assert [line.split("#")[0].strip() for line in first.strip().splitlines()] == [
        "pip install '.[demo]' && ann2neo demo",
        "pip install '.[test]' && pytest -n auto",
    ]


def test_what_it_points_to_is_there():
    root = Path(__file__).parents[1]
    for target in re.findall(r"\]\(([^)]+)\)", README) + re.findall(
        r"`((?:tests|ann2neo|tutorials)/[^`]*)`", README
    ):
        # Without a network only what lies here can be checked.
        assert target.startswith("https://") or (root / target).exists(), target


def test_it_shows_all_rooms():
    package = Path(__file__).parents[1] / "ann2neo"
    rooms = {file.parent.name for file in package.glob("*/__init__.py")}
    assert {"spikes", "plotting", "study"} <= rooms
    assert [room for room in sorted(rooms) if f"`ann2neo/{room}/`" not in README] == []


def test_it_lists_all_tutorials():
    files = sorted((Path(__file__).parents[1] / "tutorials").glob("*.py"))
    assert re.findall(r"^\d+\. `tutorials/([^`]+)`", README, re.MULTILINE) == [
        file.name for file in files
    ]
