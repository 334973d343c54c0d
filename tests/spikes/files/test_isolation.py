"""Reading in a process of its own: whatever happens there is an error here."""

import os
import signal
import time
from pathlib import Path

import pytest

from ann2neo.spikes.files import isolation
from ann2neo.spikes.files.isolation import run_isolated


def copy_text(folder, path, suffix=""):
    (folder / "copy").write_text(path.read_text() + suffix)


def crash(folder, path):
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(folder, path):
    time.sleep(60)


def fill_memory(folder, path):
    bytearray(2**40)


def fail(folder, path):
    raise RuntimeError("Unspecified error in H5Dread")


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    root = str(Path(__file__).parents[2])
    monkeypatch.syspath_prepend(root)
    (tmp_path / "file").write_text("text")
    (tmp_path / "work").mkdir()
    return tmp_path / "file"


def run(name, path, **options):
    run_isolated(f"tests.spikes.files.test_isolation:{name}", path.with_name("work"), path, **options)


def test_what_it_writes_is_there(path):
    run("copy_text", path, suffix=" and more")
    assert path.with_name("work").joinpath("copy").read_text() == "text and more"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crash", r"file is damaged: reading it ended the process \(exit -11\)"),
        ("fill_memory", "needs more than 8 GiB of memory"),
        ("fail", "Unspecified error in H5Dread"),
    ],
)
def test_what_goes_wrong_there(path, name, message):
    with pytest.raises(ValueError, match=message):
        run(name, path)


def test_what_takes_too_long(path, monkeypatch):
    monkeypatch.setattr(isolation, "SECONDS", 1)
    with pytest.raises(ValueError, match="could not be read within 1 s"):
        run("hang", path)


def test_nothing_there(path):
    with pytest.raises(FileNotFoundError):
        run("copy_text", path.with_name("nothing"))
