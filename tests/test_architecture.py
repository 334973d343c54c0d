"""The house keeps its rules, and what breaks them is seen."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ann2neo
from tests.architecture import find_violations

ROOT = Path(ann2neo.__file__).parent
FILES = [file for file in sorted(ROOT.rglob("*.py")) if file != ROOT / "__init__.py"]


def test_the_house_keeps_its_rules():
    assert find_violations(ROOT) == []


@pytest.mark.parametrize(
    ("file", "line", "said"),
    [
        ("spikes/lagged.py", "from ann2neo import surrogate_test", "imports bare ann2neo"),
        ("spikes/lagged.py", "import ann2neo as a2n", "imports bare ann2neo"),
        (
            "statistics/fano.py",
            'x = importlib.import_module("torch")',
            "statistics/fano.py imports torch",
        ),
        (
            "spikes/lagged.py",
            'x = require("elephant.statistics", extra="x")',
            "imports elephant.statistics",
        ),
        ("spikes/lagged.py", 'x = require("ann2neo.study.config.study", extra="x")', "not below it"),
        ("statistics/fano.py", "def f():\n    import ann2neo.significance.result", "not below it"),
        ("recording/record.py", "from ann2neo.statistics.fano import FanoFactor", "not below it"),
        ("statistics/fano.py", "from ann2neo.statistics.summary import summarize", "circle: "),
        ("significance/result.py", 'FOUND = {"x": "ann2neo.study.cells.run:run"}', "in no listed table"),
        ("recording/record.py", 'ADAPTERS = {"x": "ann2neo.study.cells.run:run"}', "not below it"),
        ("statistics/fano.py", "x = importlib.import_module(__name__)", "in a variable"),
        ("attic.py", "", "attic.py is in no room"),
        ("attic/box.py", "", "attic/box.py is in no room"),
        ("spikes/lagged.py", "from .kernels import drop", "relative import"),
        ("spikes/lagged.py", "\n" * 420, "lines: split it"),
    ],
)
def test_a_violation_is_seen(tmp_path, file, line, said):
    house = tmp_path / "ann2neo"
    shutil.copytree(ROOT, house, ignore=shutil.ignore_patterns("__pycache__", "data", "configs"))
    planted = house / file
    planted.parent.mkdir(exist_ok=True)
    before = planted.read_text("utf-8") if planted.exists() else ""
    planted.write_text(f"{before}\n{line}\n", "utf-8")
    found = find_violations(house)
    assert found, "nothing was seen"
    assert all(said in one for one in found), found


@pytest.mark.parametrize("room", ["", ".monitoring", ".networks", ".patterns", ".study", ".training"])
def test_public_names(room):
    """One list: the stub's; all load, and `dir` shows them and nothing else."""
    public = ann2neo if not room else getattr(ann2neo, room[1:])
    for name in public.__all__:
        try:
            assert getattr(public, name) is not None
        except ImportError as error:
            if "; install it with: pip install" not in str(error):  # what needs an extra says which
                raise
    assert sorted(dir(public)) == sorted(public.__all__)
    assert "Any" not in dir(public)
    with pytest.raises(AttributeError, match="nothing"):
        _ = public.nothing


def test_rooms_are_attributes():
    code = (
        "import sys, ann2neo as a2n; a2n.training.build; a2n.study; a2n.monitoring;"
        "assert {'training', 'study', 'monitoring', 'patterns', 'networks'} <= set(dir(a2n));"
        "print([m for m in ('tensorflow', 'torch') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


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
