"""A feature whose extra is missing says how to install it."""

import sys

import numpy as np
import pandas as pd
import pytest

from ann2neo import TestResult
from ann2neo.cli import main
from ann2neo.extras import needed


def test_missing_module_names_the_extra():
    with pytest.raises(ImportError, match=r"needs no_such_module .*pip install 'ann2neo\[plot\]'"):
        needed("no_such_module.inner", extra="plot")


def test_plot_without_matplotlib(monkeypatch):
    # Its parts too, which other tests may have loaded.
    parts = [name for name in sys.modules if name.startswith("matplotlib.")]
    for name in ("matplotlib", *parts):
        monkeypatch.setitem(sys.modules, name, None)
    units = pd.DataFrame({"layer": ["a"], "unit_index": [0]})
    result = TestResult(np.array([1.0]), np.array([0.5]), "null", "test", {}, units)
    with pytest.raises(ImportError, match=r"pip install 'ann2neo\[plot\]'"):
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
    assert f"pip install 'ann2neo[{extra}]'" in error
    assert error.count("\n") == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["m.keras", "x.npy"]
