"""Docstrings of public names say what numpydoc asks for: parameters, returns, an example."""

import importlib
import inspect
import re

import pytest

from ann2neo import StoredRaster

validate = pytest.importorskip("numpydoc.validate", reason="the extra docs is not installed").validate

MODULES = [
    "ann2neo",
    "ann2neo.monitoring",
    "ann2neo.networks",
    "ann2neo.patterns",
    "ann2neo.study",
    "ann2neo.training",
]
# numpydoc's codes: no docstring, sections unknown or in another order, no summary; parameters missing,
# or unknown; no returns.
WANTED = {"GL06", "GL07", "GL08", "SS01", "PR01", "PR02", "PR10", "RT01"}


def public_names(kind):
    found = {}
    for place in MODULES:
        module = importlib.import_module(place)
        for name in dir(module):
            thing = getattr(module, name)
            if kind(thing) and not name.startswith("_"):
                found[f"{thing.__module__}.{thing.__qualname__}"] = f"{place}.{name}"
    return sorted(found.values())


def complaints(name):
    thing = validate(name)
    return [f"{code}: {text}" for code, text in thing["errors"] if code in WANTED]


@pytest.mark.parametrize("name", public_names(inspect.isfunction))
def test_function(name):
    assert complaints(name) == []
    assert "EX01" not in dict(validate(name)["errors"]), "no example"


def is_made_by_users(thing):
    """Not an error, and not what only a function of the package makes."""
    return inspect.isclass(thing) and not issubclass(thing, (Exception, StoredRaster))


@pytest.mark.parametrize("name", public_names(is_made_by_users))
def test_class(name):
    """A result's parameters are its attributes, which are documented as such."""
    place, _, short = name.rpartition(".")
    text = inspect.getdoc(getattr(importlib.import_module(place), short))
    attributes = text.partition("Attributes\n----------\n")[2]
    left = []
    for complaint in complaints(name):
        missing = re.findall(r"'(\w+)'", complaint) if complaint.startswith("PR01") else [complaint]
        left += [one for one in missing if not re.search(rf"^(.*, )?{one}\b", attributes, re.MULTILINE)]
    assert left == []
