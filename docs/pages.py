"""Pages of the site that are made from the code: the reference, and the tutorials."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "ann2neo"

TOPICS = {
    "rasters": ("Rasters", ["spikes"], "Which unit was active at which sample."),
    "recording": ("Recording", ["recording"], "From a network to a raster."),
    "statistics": ("Statistics", ["statistics"], "A value per unit or per layer."),
    "patterns": (
        "Activation patterns",
        ["statistics.patterns"],
        "``ann2neo.patterns``: one sample's bits across the units of a layer.",
    ),
    "significance": (
        "Tests and surrogates",
        ["significance"],
        "p-values, nulls, surrogates, intervals.",
    ),
    "processes": ("Models of the process", ["processes"], "Fit, compare, simulate."),
    "exchange": ("Exchange", ["exchange"], "To Neo, Elephant, NWB and other tools, and back."),
    "training": (
        "Training",
        ["training", "networks"],
        "``ann2neo.training``: data sets, networks, conditions.",
    ),
    "monitoring": (
        "Monitoring",
        ["monitoring"],
        "``ann2neo.monitoring``: what watches a network while it learns.",
    ),
    "study": ("Studies", ["study"], "``ann2neo.study``: grids of networks, recorded, tabulated, drawn."),
    "plotting": ("Plots", ["plotting"], "Pictures on given axes."),
}


def public_names() -> dict[str, list[str]]:
    """Module below `ann2neo` → the dotted names of what is public in it, as users write them."""
    found: dict[tuple[str, str], str] = {}
    stubs = {
        "": "",
        "statistics.patterns": "patterns.",
        "monitoring": "monitoring.",
        "networks": "networks.",
        "training": "training.",
        "study": "study.",
    }
    for place, prefix in stubs.items():
        stub = PACKAGE / place.replace(".", "/") / "__init__.pyi"
        for node in ast.parse(stub.read_text("utf-8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                base = f"{place}.{node.module}".strip(".")
                for alias in node.names:
                    if alias.name != "patterns":
                        # What stands at top level too has its page with its kin.
                        found[base, alias.name] = f"ann2neo.{prefix}{alias.name}"
    by_module: dict[str, list[str]] = {}
    for (base, _), name in found.items():
        by_module.setdefault(base, []).append(name)
    return by_module


def topic_of(module: str) -> str:
    """The topic with the longest place that a module lies in."""
    fits = [
        (len(place), topic)
        for topic, (_, places, _) in TOPICS.items()
        for place in places
        if module == place or module.startswith(f"{place}.")
    ]
    if not fits:
        raise ValueError(f"no topic of the reference takes {module}")
    return max(fits)[1]


def write_reference(folder: Path) -> None:
    """A page per topic, with every public name once."""
    names: dict[str, set[str]] = {topic: set() for topic in TOPICS}
    for module, public in public_names().items():
        names[topic_of(module)] |= set(public)
    shutil.rmtree(folder / "api", ignore_errors=True)
    for topic, (title, _, text) in TOPICS.items():
        if not names[topic]:
            continue
        lines = [title, "=" * len(title), "", text, ""]
        lines += [".. autosummary::", "   :toctree: api", ""]
        lines += [f"   {name}" for name in sorted(names[topic], key=str.lower)]
        _write(folder / f"{topic}.rst", "\n".join(lines) + "\n")


def write_surrogate_methods(target: Path) -> None:
    """What each surrogate method keeps, as a table that a page includes."""
    from ann2neo.significance.surrogate_methods.table import METHODS

    lines = ["| your null hypothesis | method | preserves | destroys |", "|---|---|---|---|"]
    for method in METHODS.values():
        call = method.call.replace("``", "`")
        lines.append(f"| {method.null} | {call} | {method.preserves} | {method.destroys} |")
    _write(target, "\n".join(lines).replace("``", "`") + "\n")


def copy_tutorials(source: Path, target: Path) -> None:
    """The tutorials, where Sphinx looks for pages."""
    for file in sorted(source.glob("*.py")):
        _write(target / file.name, file.read_text("utf-8"))


def _write(path: Path, text: str) -> None:
    # Not touched where nothing changed, so that a second build is short.
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
