"""Do the tests notice when the code is wrong? Seeded random mutations, each run against the tests.

    python tests/campaigns/mutations.py --draws 26 --seed 0 --out mutations.csv

A mutation changes one operator, comparison, number or truth value of one function; the rooms take turns.
It is killed when a test fails: those of its own file are run first, then those that name what the file
defines, then those of its room, then all. What has no end in time is said to have none, and is not
counted: a slow machine kills nothing. What survives is a hole in the tests, or changes nothing that
anybody could see, such as the size of a buffer; read it.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "ann2neo"
COMPARISONS = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
MOST_RELATED = 5
"""Files of tests that are run one by one before those of the room."""
OPERATORS = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.BitXor: "|",
    ast.LShift: ">>",
    ast.RShift: "<<",
}


@dataclass(frozen=True)
class Mutation:
    """A piece of a file, and what to put in its place."""

    file: Path
    line: int
    start: int
    stop: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}: {self.before!r} -> {self.after!r}"

    def apply(self, root: Path) -> None:
        """Write the changed file below another root."""
        data = self.file.read_bytes()
        changed = data[: self.start] + self.after.encode() + data[self.stop :]
        (root / self.file.relative_to(ROOT)).write_bytes(changed)


class Source:
    """A file's text and where its nodes stand in it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.data = file.read_bytes()
        self.tree = ast.parse(self.data)
        self._starts = [0]
        for line in self.data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def place(self, node: ast.expr) -> tuple[int, int]:
        """Where a node begins and ends, in bytes."""
        last = node.end_lineno or node.lineno
        end = self._starts[last - 1] + (node.end_col_offset or 0)
        return self._starts[node.lineno - 1] + node.col_offset, end

    def change(self, line: int, start: int, stop: int, after: str) -> Mutation:
        """That piece of the text by another."""
        return Mutation(self.file, line, start, stop, self.data[start:stop].decode(), after)

    def swap(self, left: ast.expr, right: ast.expr, after: str) -> Iterator[Mutation]:
        """What stands between two operands by another operator."""
        start, stop = self.place(left)[1], self.place(right)[0]
        # A bracket between operand and operator belongs to the operand.
        if not set(self.data[start:stop].decode()) & set("()\n"):
            yield self.change(left.lineno, start, stop, f" {after} ")


def find_mutations(file: Path) -> Iterator[Mutation]:
    """All that could be changed in the bodies of a file's functions."""
    source = Source(file)
    drawing = bool({"figures", "plotting", "demo.py"} & set(file.parts))
    for node in _nodes_in_functions(source.tree):
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            yield from source.swap(node.left, node.comparators[0], COMPARISONS[type(node.ops[0])])
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not _is_text(node):
            yield from source.swap(node.left, node.right, OPERATORS[type(node.op)])
        elif isinstance(node, ast.Constant):
            # Numbers in pictures are distances and sizes: nothing to be right or wrong.
            yield from [] if drawing else _change_constant(source, node)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            start = source.place(node)[0]
            yield source.change(node.lineno, start, start + len("not"), "")


def _change_constant(source: Source, node: ast.Constant) -> Iterator[Mutation]:
    if isinstance(node.value, bool):
        yield source.change(node.lineno, *source.place(node), str(not node.value))
    elif isinstance(node.value, (int, float)):
        yield source.change(node.lineno, *source.place(node), repr(node.value + 1))


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )


def _nodes_in_functions(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes inside functions, without annotations, defaults, texts and exceptions' messages."""
    functions = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    left_out = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.JoinedStr, ast.Raise, ast.AnnAssign, ast.arguments))
        for inner in ast.walk(node)
        if inner is not node
    }
    seen: set[int] = set()
    for function in functions:
        for statement in function.body:
            for node in ast.walk(statement):
                if id(node) not in left_out and id(node) not in seen:
                    seen.add(id(node))
                    yield node


def draw_mutations(n_draws: int, seed: int) -> list[Mutation]:
    """The rooms take turns; within a room every possible change is as likely as any other."""
    rng = random.Random(seed)
    rooms: dict[str, list[Mutation]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        room = file.relative_to(PACKAGE).parts[0]
        rooms.setdefault(room, []).extend(find_mutations(file))
    names = sorted(name for name, mutations in rooms.items() if len(mutations) > 20)
    return [rng.choice(rooms[names[k % len(names)]]) for k in range(n_draws)]


def tests_of(mutation: Mutation, room_alone: bool) -> list[list[str]]:
    """What to run, one after the other: tests of the file and its examples, of its room, all."""
    inside = mutation.file.relative_to(PACKAGE)
    own = ROOT / "tests" / inside.parent / f"test_{inside.name}"
    first = [str(mutation.file.relative_to(ROOT))]
    if own.exists():
        first.append(str(own.relative_to(ROOT)))
    room = ROOT / "tests" / inside.parts[0]
    return [
        first,
        *([one] for one in find_related(mutation.file) if one not in first),
        [str(room.relative_to(ROOT))] if room.is_dir() else [],
        [] if room_alone else ["tests"],
    ]


def find_related(file: Path) -> list[str]:
    """Files of tests that name the module or what it defines for others, those that do so most first."""
    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    defined = [
        node.name
        for node in ast.parse(file.read_bytes()).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
    ]
    named = re.compile("|".join([re.escape(module), *(rf"\b{name}\b" for name in defined)]))
    counts = {
        str(one.relative_to(ROOT)): len(named.findall(one.read_text("utf-8")))
        for one in sorted((ROOT / "tests").rglob("test_*.py"))
        if one.name != "test_docs.py"
    }
    room = f"tests/{file.relative_to(PACKAGE).parts[0]}/"
    # A short name is a word elsewhere: those of the room come first.
    found = [(not name.startswith(room), -count, name) for name, count in counts.items() if count]
    return [name for *_, name in sorted(found)[:MOST_RELATED]]


def run(mutation: Mutation, timeout: float, room_alone: bool) -> tuple[str, str]:
    """Whether a test notices, and which."""
    # Workers of a run that found no end may still be writing.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        for name in ("ann2neo", "tests", "tutorials", "docs"):
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("README.md", "setup.cfg", "pyproject.toml"):
            shutil.copy(ROOT / name, root / name)
        mutation.apply(root)
        for tests in filter(None, tests_of(mutation, room_alone)):
            workers = "2" if (root / tests[0]).is_dir() else "0"
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", workers, "--no-header", *tests]
            try:
                done = subprocess.run(
                    command,
                    cwd=root,
                    # What tests run in processes of their own is the changed package, too.
                    env={**os.environ, "PYTHONPATH": str(root)},
                    capture_output=True,
                    text=True,
                    timeout=timeout,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return "no end", tests[-1]
            if done.returncode not in (0, 5):
                lines = [
                    line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))
                ]
                return "killed", (lines or done.stdout.splitlines() or ["no word"])[-1][:160]
    return "survived", ""


def main() -> None:
    """Draw, run, print a line each, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=26)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=1800)
    parser.add_argument("--room-alone", action="store_true", help="leave out the run of all tests")
    parser.add_argument("--out", type=Path, default=Path("mutations.csv"))
    options = parser.parse_args()
    rows = []
    for mutation in draw_mutations(options.draws, options.seed):
        verdict, by = run(mutation, options.timeout, options.room_alone)
        rows.append({"mutation": str(mutation), "verdict": verdict, "by": by})
        print(f"{verdict}: {mutation}  {by}", flush=True)
        with options.out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    killed = sum(row["verdict"] == "killed" for row in rows)
    print(f"{killed} of {len(rows)} killed")


if __name__ == "__main__":
    main()
