"""The floors of the house: each room imports only from floors below it, and only `study` and `exchange`
touch the neuroscience libraries."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ann2neo

ROOT = Path(ann2neo.__file__).parent
FLOORS = [
    {"extras", "__init__"},
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


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def floor_of(room: str) -> int:
    (floor,) = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    return floor


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found.add(node.module)
    return found


FILES = [file for file in sorted(ROOT.rglob("*.py")) if file != ROOT / "__init__.py"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_imports_go_down(file):
    room = file.relative_to(ROOT).parts[0].removesuffix(".py")
    for module in imports(file):
        if module.split(".")[0] == "ann2neo":
            other = room_of(module)
            allowed = other == room or floor_of(other) < floor_of(room)
            assert allowed, f"{file.relative_to(ROOT)} imports {module}, which is not below it"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_rooms_keep_to_their_libraries(file):
    room = file.relative_to(ROOT).parts[0].removesuffix(".py")
    roots = {module.split(".")[0] for module in imports(file)}
    if room not in {"exchange", "plotting", "study", "demo", "cli"}:
        assert not roots & NEURO, f"{file} imports {roots & NEURO}"
    if room in {"spikes", "statistics", "significance", "exchange"}:
        assert not roots & FRAMEWORKS, f"{file} imports {roots & FRAMEWORKS}"


def test_every_public_name_loads():
    for name in ann2neo.__all__:
        assert getattr(ann2neo, name) is not None
    assert set(ann2neo.__all__) <= set(dir(ann2neo))
    with pytest.raises(AttributeError, match="nothing"):
        _ = ann2neo.nothing


def test_import_is_light():
    heavy = ["tensorflow", "keras", "torch", "elephant", "neo", "matplotlib", "numba", "pandas", "numpy"]
    code = f"import sys, ann2neo; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_package_prints_nothing_outside_the_command_line():
    for file in FILES:
        if file.parent.name == "cli":
            continue
        calls = [n for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.Call)]
        names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
        assert "print" not in names, file


def test_no_global_seeds_and_no_pickles_from_outside():
    for file in FILES:
        text = file.read_text("utf-8")
        for forbidden in (
            "random.seed(",
            "set_random_seed(",
            "allow_pickle=True",
            "pickle.load",
            "assert ",
        ):
            assert forbidden not in text, f"{file} uses {forbidden}"


def test_no_name_shadows_a_module():
    """``import x.y.z as m`` gives what the package calls so: that must be the module."""
    for file in [*ROOT.rglob("__init__.py"), *ROOT.rglob("__init__.pyi")]:
        below = {child.stem for child in file.parent.iterdir() if child.suffix in ("", ".py")}
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                names = {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names = {node.name}
            else:
                continue
            assert not names & below, f"{file.relative_to(ROOT)} calls {names & below} what is a module"
