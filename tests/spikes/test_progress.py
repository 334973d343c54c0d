"""Progress is shown where somebody can watch it, and told to whoever listens."""

import subprocess
import sys
import types

import pytest

from ann2neo.spikes.progress import ProgressBar, listen, track

PROGRAM = """
from ann2neo.spikes.progress import ProgressBar
with ProgressBar(50, "work", delay=0, progress=True) as bar:
    bar.update(50, now=True)
"""


def test_nothing_is_written_to_a_pipe():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("progress", [True, False])
def test_terminals_show_a_bar_unless_told_not_to(capsys, monkeypatch, progress):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with ProgressBar(2, "work", delay=0, progress=progress) as bar:
        bar.say("half")
        bar.update(now=True)
    assert ("work:  50%" in capsys.readouterr().err) == progress


@pytest.mark.parametrize("there", [True, False])
def test_notebooks_show_a_widget_where_there_are_some(monkeypatch, there):
    """A notebook's streams are no terminals, and without ipywidgets tqdm would warn."""

    class ZMQInteractiveShell:
        pass

    opened = []
    notebook = types.ModuleType("tqdm.notebook")
    notebook.tqdm = lambda **options: opened.append(options)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=ZMQInteractiveShell))
    monkeypatch.setitem(sys.modules, "tqdm.notebook", notebook)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: there or None)
    ProgressBar(2, "work", progress=True)
    assert [options["desc"] for options in opened] == ["work"] * there
    ProgressBar(2, "work", progress=False)
    assert len(opened) == there


def test_a_program_without_standard_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert list(track([1, 2], "work", progress=True)) == [1, 2]


def test_who_listens_hears_of_bars_that_may_be_told_of():
    heard = []
    with listen(lambda *event: heard.append(event)):
        list(track("ab", "loud", progress=True))
        list(track("ab", "silent", progress=False))
    list(track("ab", "later", progress=True))
    assert heard == [("loud", 1, 2), ("loud", 2, 2)]
