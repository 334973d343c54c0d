"""Every tutorial is a notebook; they run while the site is built, in `test_docs.py`."""

from pathlib import Path

import pytest

TUTORIALS = sorted((Path(__file__).parents[1] / "tutorials").glob("*.py"))


def test_there_are_tutorials():
    assert [file.name[:2] for file in TUTORIALS] == [f"{n:02}" for n in range(1, len(TUTORIALS) + 1)]
    assert TUTORIALS


@pytest.mark.parametrize("file", TUTORIALS, ids=lambda file: file.stem)
def test_is_a_notebook(file):
    jupytext = pytest.importorskip("jupytext", reason="the test extra is not installed")
    nbformat = pytest.importorskip("nbformat", reason="the test extra is not installed")
    notebook = jupytext.read(file)
    nbformat.validate(notebook)
    assert notebook.metadata["jupytext"]["text_representation"]["format_name"] == "percent"
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds.count("code") > 2
    assert kinds.count("markdown") > 2
