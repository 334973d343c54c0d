"""The table of formats, and packages that add theirs."""

import importlib.metadata
import os
import subprocess
import sys

import numpy as np
import pytest

from ann2neo import SpikeRaster, load, save
from ann2neo.exchange import format_table
from ann2neo.exchange.format_table import FORMATS, all_formats
from tests.tiny_packages import write_package

MODULE = """
import numpy as np
import ann2neo as a2n
from ann2neo.exchange.format_table import Format

FORMAT = Format((".bits",), "tiny_format:read", "tiny_format:write")
NOT_A_FORMAT = 3


def open_text(path):
    with open(path) as file:
        return file.readlines()


def read(path, *, sampling_period=None):
    rows = [[c == "1" for c in line.strip()] for line in open_text(path)]
    return a2n.as_raster(np.array(rows), sampling_period=sampling_period)


def write(raster, path, *, overwrite=False, progress=True):
    with open(path, "w" if overwrite else "x") as file:
        for row in raster.to_dense():
            file.write("".join("01"[bit] for bit in row.astype(int)) + "\\n")
    return path
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A package with an entry point, as pip leaves it in a folder of the path."""

    def run(entry):
        site = tmp_path / "site"
        write_package(site, "tiny_format", MODULE, "ann2neo.formats", f"bits = tiny_format:{entry}")
        monkeypatch.syspath_prepend(str(site))
        format_table._of_other_packages.cache_clear()
        return site

    yield run
    sys.modules.pop("tiny_format", None)
    monkeypatch.undo()
    format_table._of_other_packages.cache_clear()


def test_every_format_reads_what_it_writes(tmp_path):
    raster = SpikeRaster.from_dense(np.eye(5, dtype=bool))
    for name, one in FORMATS.items():
        path = save(raster, tmp_path / f"a{one.suffixes[0]}")
        if one.reader:
            assert load(path) == raster, name


def test_a_package_adds_a_format(install, tmp_path):
    install("FORMAT")
    assert "bits" in all_formats()
    dense = np.random.default_rng(0).random((20, 3)) < 0.5
    path = save(dense, tmp_path / "a.bits")
    np.testing.assert_array_equal(load(path).to_dense(), dense)
    assert load(path, sampling_period=0.5).sampling_period == 0.5


def test_the_command_line_knows_it(install, tmp_path):
    site = install("FORMAT")
    path = save(np.eye(3, dtype=bool), tmp_path / "a.bits")
    code = f"import sys; sys.path.insert(0, {str(site)!r}); from ann2neo.cli import main; main()"

    def run(*arguments):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert run("convert", path, tmp_path / "a.zarr").returncode == 0
    assert SpikeRaster.load(tmp_path / "a.zarr").n_units == 3
    assert ".bits" in run("info", "--help").stdout
    assert "bits" in run("convert", "--help").stdout


def test_an_entry_point_that_gives_something_else(install):
    install("NOT_A_FORMAT")
    with pytest.raises(
        TypeError, match=r"entry point 'bits' of ann2neo.formats must give a Format, got 3"
    ):
        all_formats()


def test_no_package_replaces_a_format_of_this_one(install, monkeypatch):
    entry = importlib.metadata.EntryPoint("nwb", "tiny_format:FORMAT", format_table.GROUP)
    install("FORMAT")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [entry])
    assert all_formats()["nwb"] == FORMATS["nwb"]


def test_segment_where_there_is_one(tmp_path):
    path = save(np.eye(3, dtype=bool), tmp_path / "a.zarr")
    with pytest.raises(ValueError, match="segment must be left out for zarr files"):
        load(path, segment=0)


@pytest.mark.parametrize("name", ["a.zarr", "a.nwb", "a.nix", "a.nc"])
def test_in_another_process(tmp_path, name):
    dense = np.random.default_rng(0).random((20, 3)) < 0.5
    path = save(dense, tmp_path / name)
    assert load(path, isolated=True) == load(path)
    whole = path if path.is_file() else path / "words" / "0.0"
    whole.write_bytes(whole.read_bytes()[:-30])
    with pytest.raises(ValueError, match=name):
        load(path, isolated=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("ending", [".zarr", ".zip", ".nwb", ".nix", ".nc"])
def test_a_pipe_is_not_waited_for(tmp_path, ending):
    path = tmp_path / f"pipe{ending}"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="neither a file nor a directory"):
        load(path)
