"""The site: `make -C docs html` builds it into docs/_build/html."""

import importlib.metadata
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

import pages  # noqa: E402

project = "ann2neo"
author = "The ann2neo developers"
copyright = "The ann2neo developers"
release = version = importlib.metadata.version("ann2neo")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_design",
    "numpydoc",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints", "conf.py", "pages.py"]
templates_path = ["_templates"]
root_doc = "index"
nitpicky = False

# Tutorials are Python files; each is run once while the site is built, and an error ends the build.
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = os.environ.get("ANN2NEO_DOCS_EXECUTION", "cache")
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_output_stderr = "remove"
nb_merge_streams = True
# viziphant brings holoviews, which loads itself in notebooks.
suppress_warnings = ["mystnb.unknown_mime_type"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
add_module_names = False

# Other projects' inventories are fetched only where there is a network and one asks for it.
intersphinx_mapping = {}
if os.environ.get("ANN2NEO_DOCS_ONLINE"):
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "scipy": ("https://docs.scipy.org/doc/scipy", None),
        "pandas": ("https://pandas.pydata.org/docs", None),
        "neo": ("https://neo.readthedocs.io/en/stable", None),
        "elephant": ("https://elephant.readthedocs.io/en/stable", None),
        "pynapple": ("https://pynapple.org", None),
        "pynwb": ("https://pynwb.readthedocs.io/en/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }

html_theme = "pydata_sphinx_theme"
html_title = "ann2neo"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "pygments_light_style": "friendly",
    "pygments_dark_style": "monokai",
}


def setup(app):
    """Write the pages that are made from the code before the others are read."""
    pages.write_reference(HERE / "reference")
    pages.write_surrogate_methods(HERE / "how_to" / "surrogate_methods.txt")
    pages.copy_tutorials(HERE.parent / "tutorials", HERE / "tutorials")
