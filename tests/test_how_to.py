"""The Python blocks of how-to pages run, in an empty folder; those marked `py` are shown alone."""

import re
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[1] / "docs" / "how_to").glob("*.md"))
NEEDED = ("keras", "tensorflow", "torch", "lightning", "transformers", "pynwb", "dask")


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
@pytest.mark.filterwarnings("ignore::Warning:lightning", "ignore::Warning:transformers")
def test_blocks_run(page, tmp_path, monkeypatch):
    code = "\n".join(blocks(page))
    for name in NEEDED:
        if re.search(rf"^\s*(import|from) {name}\b", code, flags=re.MULTILINE):
            pytest.importorskip(name, reason="the page shows this package")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(page), "exec"), {"__name__": "how_to"})
