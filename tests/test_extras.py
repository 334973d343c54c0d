"""A feature whose extra is missing says how to install it."""

import json
import shlex
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ann2neo
from ann2neo import TestResult
from ann2neo.cli import main
from ann2neo.extras import install_command, require


def test_missing_module_names_the_extra():
    with pytest.raises(ImportError, match=r"needs no_such_module .*pip install .*\[plot\]"):
        require("no_such_module.inner", extra="plot")


def test_plot_without_matplotlib(monkeypatch):
    # Its parts too, which other tests may have loaded.
    parts = [name for name in sys.modules if name.startswith("matplotlib.")]
    for name in ("matplotlib", *parts):
        monkeypatch.setitem(sys.modules, name, None)
    units = pd.DataFrame({"layer": ["a"], "unit_index": [0]})
    result = TestResult(np.array([1.0]), np.array([0.5]), "null", "test", {}, units)
    with pytest.raises(ImportError, match=r"pip install .*\[plot\]"):
        result.plot()


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [
        ("keras", ["demo"], "demo"),
        ("sklearn.datasets", ["demo"], "demo"),
        ("keras", ["record", "m.keras", "--samples", "x.npy", "--out", "o.zarr"], "tensorflow"),
        ("pyarrow", ["study", "run", "digits-quick", "--out", "out"], "study"),
        ("matplotlib", ["study", "run", "digits-quick", "--out", "out"], "study"),
    ],
)
def test_command_line_without_the_extra(monkeypatch, capsys, tmp_path, module, arguments, extra):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones((2, 2)))
    (tmp_path / "m.keras").write_bytes(b"")
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("sys.argv", ["ann2neo", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert install_command(extra) in error
    assert error.count("\n") == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.keras", "x.npy"]


def test_hints_name_the_clone_that_is_used():
    (command,) = {install_command("nwb")}
    place = shlex.split(command)[-1]
    root = Path(ann2neo.__file__).parents[1]
    if (root / "setup.cfg").is_file():
        assert place == f"{root}[nwb]"


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        (None, "ann2neo[nwb]"),
        ('{"url": "https://example.org/ann2neo.whl"}', "ann2neo[nwb]"),
        ("no JSON", "ann2neo[nwb]"),
        ("FOLDER", "FOLDER[nwb]"),
    ],
)
def test_hints_name_where_an_installed_package_came_from(monkeypatch, tmp_path, noted, expected):
    folder = tmp_path / "my clone"
    folder.mkdir()
    if noted == "FOLDER":
        noted, expected = json.dumps({"url": folder.as_uri()}), f"{folder}[nwb]"
    distribution = types.SimpleNamespace(read_text=lambda name: noted)
    monkeypatch.setattr("ann2neo.extras.__file__", str(tmp_path / "site-packages/ann2neo/extras.py"))
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: distribution)
    assert shlex.split(install_command("nwb")) == ["pip", "install", expected]
