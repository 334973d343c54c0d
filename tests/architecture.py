"""The floors of the house, read from the code: who imports whom, and what of it is not allowed.

    python -m tests.architecture PICTURE.png

draws them.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "ann2neo"
FLOORS = [
    {"__init__", "extras"},
    {"spikes"},
    {"recording", "statistics", "exchange"},
    {"significance", "networks", "monitoring", "patterns"},
    {"processes", "training", "plotting"},
    {"study", "demo"},
    {"cli"},
    {"__main__"},
]
NEURO = {"neo", "quantities", "elephant", "pynwb", "nixio", "viziphant"}
FRAMEWORKS = {"keras", "tensorflow", "torch", "jax"}
MAY_USE_NEURO = {"exchange", "plotting", "study", "demo", "cli"}
NO_FRAMEWORK = {"spikes", "statistics", "significance", "processes", "exchange"}
TABLES = {"CONVERTERS", "ADAPTERS", "FORMATS", "KINDS", "ISOLATED"}
"""Dictionaries that may hold ``"module:function"``: what is in them is imported when asked for."""
LOADERS = {
    "extras.py",
    "spikes/as_raster.py",
    "recording/adapters.py",
    "cli/networks.py",
    "exchange/format_table.py",
    "exchange/formats.py",
    "exchange/isolated.py",
    "recording/files/activations.py",
    "recording/parts/factories.py",
    "training/surgery/remove.py",
    "spikes/files/isolation.py",
    "study/cells/worker.py",
    "study/config/sources.py",
}
"""Files that may import a module named in a variable: it stands in a table, or a user gave it."""
MOST_MODULES = 16
MOST_LINES = 420


@dataclass(frozen=True)
class Import:
    """One module that a file imports, by statement or by name; `typing`: for type checkers only."""

    module: str
    names: tuple[str, ...] = ()
    typing: bool = False


def files_of(root: Path) -> list[Path]:
    """The modules of the package."""
    return sorted(root.rglob("*.py"))


@functools.cache
def _parse(text: str) -> ast.Module:
    """Trees by text: copies of a house are read over and over."""
    return ast.parse(text)


def read_imports(file: Path) -> tuple[Import, ...]:
    """What a file imports, wherever in it, and by constant names given to `require` and its like."""
    return _read_imports(file.read_text(encoding="utf-8"))


@functools.cache
def _read_imports(text: str) -> tuple[Import, ...]:
    return tuple(_find_imports(_parse(text)))


def _find_imports(tree: ast.Module) -> Iterator[Import]:
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        typing = id(node) in for_types
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, (), typing) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield Import(module, tuple(alias.name for alias in node.names), typing)
        elif isinstance(node, ast.Call) and _name_call(node) in {
            "require",
            "import_module",
            "__import__",
        }:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield Import(first.value)


def _name_call(node: ast.Call) -> str:
    function = node.func
    return getattr(function, "attr", getattr(function, "id", ""))


def room_of(path: str) -> str:
    """The room of a file, by its path in the package, or of a module behind ``ann2neo.``."""
    return path.replace(".py", "").replace(".", "/").split("/")[0]


def floor_of(room: str) -> int | None:
    """The floor of a room; None for one that is on no floor."""
    return next((number for number, rooms in enumerate(FLOORS) if room in rooms), None)


def find_violations(root: Path) -> list[str]:
    """What the code in `root` does against the rules of the house, a line each."""
    found = []
    for file in files_of(root):
        where = file.relative_to(root).as_posix()
        if floor_of(room_of(where)) is None:
            found.append(f"{where} is in no room of tests/architecture.py")
            continue
        n_lines = len(file.read_text(encoding="utf-8").splitlines())
        if n_lines > MOST_LINES:
            found.append(f"{where} has {n_lines} lines: split it along its topics")
        for imported in read_imports(file):
            found += _check_import(where, imported)
        found += _check_tables(where, file)
    found += [f"circle: {' -> '.join(circle)}" for circle in find_circles(root)]
    for folder in [root, *[path for path in root.rglob("*") if path.is_dir()]]:
        n_modules = len([p for p in folder.glob("*.py") if p.stem != "__init__"])
        if n_modules > MOST_MODULES:
            found.append(f"{folder.relative_to(root)} has {n_modules} modules: make subrooms")
    return found


def _check_import(where: str, imported: Import) -> list[str]:
    module, room = imported.module, room_of(where)
    top = module.split(".")[0]
    if module.startswith("."):
        return [f"{where}: relative import of {module}"]
    if top != PACKAGE:
        bad = top in NEURO and room not in MAY_USE_NEURO
        bad |= top in FRAMEWORKS and room in NO_FRAMEWORK
        return [f"{where} imports {module}"] if bad else []
    inside = module.removeprefix(PACKAGE).lstrip(".")
    if not inside:
        return [f"{where} imports bare {PACKAGE}: import from the module that defines a name"]
    other = room_of(inside)
    above, here = floor_of(other), floor_of(room)
    if above is None:
        return [f"{where} imports {module}, which is in no room"]
    if other == room or above < (here or 0):
        return []
    return [f"{where} imports {module}, which is not below it"]


def _check_tables(where: str, file: Path) -> list[str]:
    """Strings ``"ann2neo.module:function"`` outside known tables, and modules imported by variable."""
    return _read_tables(where, file.read_text(encoding="utf-8"))


@functools.cache
def _read_tables(where: str, text: str) -> list[str]:
    tree = _parse(text)
    listed = {
        id(inner)
        for node in tree.body
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id in TABLES
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            start = node.value.split(":")[0]
            if start.startswith(f"{PACKAGE}.") and start.replace(".", "").replace("_", "").isalnum():
                if ":" in node.value and id(node) not in listed:
                    found.append(f"{where}: {node.value!r} stands in no listed table")
                elif id(node) in listed and room_of(where) != "spikes":
                    found += _check_import(where, Import(start))
        elif isinstance(node, ast.Call) and _name_call(node) in {"import_module", "__import__"}:
            first = node.args[0] if node.args else None
            if not isinstance(first, ast.Constant) and where not in LOADERS:
                found.append(f"{where} imports a module whose name is in a variable")
    return found


def import_graph(root: Path) -> dict[str, set[str]]:
    """File → files of the package that it imports, those for type checkers only left out."""
    paths = {file.relative_to(root).as_posix() for file in files_of(root)}
    graph: dict[str, set[str]] = {path: set() for path in paths}
    for path in paths:
        for imported in read_imports(root / path):
            if imported.typing or not imported.module.startswith(f"{PACKAGE}."):
                continue
            base = imported.module.removeprefix(f"{PACKAGE}.").replace(".", "/")
            options = [f"{base}/{name}.py" for name in imported.names] + [f"{base}.py"]
            graph[path] |= {option for option in options if option in paths} - {path}
    return graph


def find_circles(root: Path) -> list[list[str]]:
    """Files that import each other in a circle, each circle once."""
    graph, done, found = import_graph(root), set(), []

    def visit(path: str, trail: list[str]) -> None:
        if path in trail:
            found.append([*trail[trail.index(path) :], path])
        elif path not in done:
            for other in sorted(graph[path]):
                visit(other, [*trail, path])
            done.add(path)

    for start in sorted(graph):
        visit(start, [])
    return found


def draw(root: Path, picture: Path) -> None:
    """The rooms on their floors, an arrow for each pair of rooms that import one another."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    graph = import_graph(root)
    arrows: dict[tuple[str, str], int] = {}
    sizes: dict[str, int] = {}
    for path, others in graph.items():
        sizes[room_of(path)] = sizes.get(room_of(path), 0) + 1
        for other in others:
            pair = room_of(path), room_of(other)
            if pair[0] != pair[1]:
                arrows[pair] = arrows.get(pair, 0) + 1
    place = {}
    for floor, rooms in enumerate(FLOORS):
        there = sorted(room for room in rooms if room in sizes)
        for number, room in enumerate(there):
            place[room] = ((number + 0.5) / len(there) + (0.03 if floor % 2 else 0), floor)
    figure, axes = pyplot.subplots(figsize=(11, 9))
    for (one, other), n_imports in arrows.items():
        up = place[one][1] <= place[other][1]
        axes.annotate(
            "",
            place[other],
            place[one],
            arrowprops={
                "arrowstyle": "->",
                "color": "red" if up else "0.6",
                "lw": 0.5 + 0.15 * min(n_imports, 20),
                "shrinkA": 22,
                "shrinkB": 22,
            },
        )
    for room, (x, y) in place.items():
        text = f"{room}\n{sizes[room]} files"
        box = {"boxstyle": "round", "facecolor": "white", "edgecolor": "0.3"}
        axes.text(x, y, text, ha="center", va="center", bbox=box, fontsize=10)
    axes.set(xlim=(0, 1.06), ylim=(-0.5, len(FLOORS) - 0.5))
    axes.axis("off")
    figure.savefig(picture, dpi=110, bbox_inches="tight")


if __name__ == "__main__":
    package = Path(__file__).parents[1] / PACKAGE
    draw(package, Path(sys.argv[1]))
    print("\n".join(find_violations(package)) or "no circle, no arrow up")
