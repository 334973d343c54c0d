"""The site is built, its tutorials run, its links lead somewhere, a browser has no complaint."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PAGES = [
    "index",
    "get_started/first_steps",
    "tutorials/01_record_and_analyze",
    "background/sample_index_as_time",
    "reference/api/ann2neo.fano_test",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory, worker_id):
    """Built once, into the folder that all workers have in common, and by one of them."""
    for module in (
        "sphinx",
        "myst_nb",
        "numpydoc",
        "pydata_sphinx_theme",
        "keras",
        "torch",
        "transformers",
    ):
        pytest.importorskip(module, reason="the extra docs, or what tutorials need, is not installed")
    from filelock import FileLock

    common = tmp_path_factory.getbasetemp()
    out = (common if worker_id == "master" else common.parent) / "site"
    with FileLock(f"{out}.lock"):
        if not (out / "built").exists():
            build(out)
            (out / "built").touch()
    return out


def build(out):
    result = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "docs", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error::UserWarning",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
    )
    assert result.returncode == 0, result.stderr[-4000:]


class Links(HTMLParser):
    """Where a page leads to, and the places in it that others can lead to."""

    def __init__(self, text):
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors |= {found[key] for key in ("id", "name") if found.get(key)}
        for key in ("href", "src"):
            if found.get(key):
                self.targets.append(found[key])


def test_no_link_is_broken(site):
    pages = {
        page: Links(page.read_text("utf-8"))
        for page in site.rglob("*.html")
        if "_static" not in page.parts
    }
    assert len(pages) > 100
    broken = []
    for page, links in pages.items():
        for target in links.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            there = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            there = there / "index.html" if there.is_dir() else there
            known = pages.get(there)
            wants = unquote(parts.fragment)
            if not there.exists() or (wants and known and wants not in known.anchors):
                broken.append(f"{page.relative_to(site)} -> {target}")
    assert broken == []


def test_every_public_name_has_a_page(site):
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import pages
    finally:
        sys.path.pop(0)
    names = {name for public in pages.public_names().values() for name in public}
    assert names <= {page.stem for page in (site / "reference" / "api").glob("*.html")}


def open_in_browser(url, width, *options):
    return subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *(f"--window-size={width},1000", "--virtual-time-budget=10000", *options, url),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.skipif(BROWSER is None, reason="no browser installed")
class TestInABrowser:
    @pytest.mark.parametrize("width", [1280, 390])
    @pytest.mark.parametrize("page", PAGES)
    def test_no_console_error(self, site, page, width):
        said = open_in_browser((site / f"{page}.html").as_uri(), width, "--dump-dom")
        assert "<html" in said.stdout
        complaints = re.findall(r".*CONSOLE.*(?:[Ee]rror|Uncaught).*", said.stderr)
        assert complaints == []

    def test_search_finds_a_function(self, site):
        said = open_in_browser((site / "search.html").as_uri() + "?q=fano_test", 1280, "--dump-dom")
        assert re.search(r'href="[^"]*ann2neo\.fano_test\.html', said.stdout)
