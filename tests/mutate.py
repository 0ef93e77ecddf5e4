"""Plant random defects and see which the tests catch: ``python tests/mutate.py evidence --number 100``.

Each mutant changes one place of one module (a comparison, an operator, a constant, a condition, a line left out) in a
copy of the library; the tests of that module run on the copy until one fails. Printed are the survivors and the share
that was caught. Docstrings, annotations, messages of exceptions and ``__all__`` are left alone.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
# Package or module below lib/descent -> the tests that hold it.
TESTS = {
    "evidence/cache.py": ["tests/evidence/test_cache.py"],
    "evidence": [
        "tests/evidence/test_intervals.py", "tests/evidence/test_decisions.py", "tests/evidence/test_verdicts.py",
        "tests/evidence/test_measurements.py", "tests/evidence/test_claims.py", "tests/evidence/test_error_rates.py",
    ],
    "book/report/published.py": ["tests/book/test_published.py"],
    "book/report/archive.py": ["tests/book/test_published.py", "tests/book/test_pipeline.py"],
    "book/report": [
        "tests/book/test_report.py", "tests/book/test_archived.py", "tests/book/test_agreement.py",
        "tests/book/test_benchmark_page.py", "tests/book/test_costs.py", "tests/book/test_scaling.py",
        "tests/book/test_citations.py",
    ],
    "book/pages/held.py": ["tests/book/test_held.py"],
    "rules": ["tests/rules"],
    "noise": ["tests/noise"],
    "learned": ["tests/learned"],
    "measures": ["tests/measures"],
    "stability": ["tests/stability"],
}  # fmt: skip
# What no test of the module itself is about: programs around it, and what only draws or documents.
SKIPPED = {"evidence/__init__.py", "evidence/error_rates.py", "evidence/provenance.py", "evidence/code.py"}
TENSORFLOW = {"evidence/cache.py"}  # slow to test: asked for by name
SWAPS: dict[type, list[type]] = {
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.GtE], ast.Gt: [ast.GtE, ast.Lt], ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.In: [ast.NotIn], ast.NotIn: [ast.In], ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is], ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult], ast.BitAnd: [ast.BitOr], ast.BitOr: [ast.BitAnd], ast.And: [ast.Or], ast.Or: [ast.And],
    ast.MatMult: [ast.Mult],
}  # fmt: skip


class Places(ast.NodeVisitor):
    """Collect the places of a module that a mutant may change: (node, what to do with it)."""

    def __init__(self) -> None:
        self.found: list[tuple[ast.AST, str]] = []

    def visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
            return
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            return
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and "__name__" in ast.unparse(node.test):
            return
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            self.found += [(node, f"compare {k}") for k in range(len(SWAPS.get(type(node.ops[0]), [])))]
        elif isinstance(node, ast.BinOp) and type(node.op) in SWAPS and not self._text(node):
            self.found.append((node, "operator"))
        elif isinstance(node, ast.AugAssign) and type(node.op) in SWAPS:
            self.found += [(node, "operator"), (node, "drop")]
        elif isinstance(node, ast.BoolOp):
            self.found.append((node, "operator"))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            self.found.append((node, "unary"))
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
            self.found.append((node, "constant"))
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            self.found.append((node, "condition"))
        elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
            self.found.append((node, "return"))
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "type_comment", "decorator_list"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.keyword) and child.arg == "strict":
                    continue  # of zip: an assertion that lengths agree
                if isinstance(child, ast.AST) and not self._docstring(child):
                    self.visit(child)

    @staticmethod
    def _docstring(node: ast.AST) -> bool:
        return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)

    @staticmethod
    def _text(node: ast.BinOp) -> bool:
        sides = (node.left, node.right)
        return any(
            isinstance(s, ast.JoinedStr) or (isinstance(s, ast.Constant) and isinstance(s.value, str)) for s in sides
        )


def mutated(source: str, choice: int, draw: random.Random) -> tuple[str, int, str] | None:
    """Return a module with its ``choice``-th place changed, the line, and in words what was done."""
    tree = ast.parse(source)
    places = Places()
    places.visit(tree)
    if choice >= len(places.found):
        return None
    node, what = places.found[choice]
    before = ast.unparse(node).splitlines()[0]
    kind, _, which = what.partition(" ")
    if kind == "compare":
        node.ops = [SWAPS[type(node.ops[0])][int(which)]()]  # type: ignore[attr-defined]
    elif kind == "operator":
        node.op = draw.choice(SWAPS[type(node.op)])()  # type: ignore[attr-defined]
    elif kind == "drop":
        _replace(tree, node, ast.Pass())
    elif kind == "unary":
        _replace(tree, node, node.operand)  # type: ignore[attr-defined]
    elif kind == "constant":
        node.value = _other(node.value, draw)  # type: ignore[attr-defined]
    elif kind == "condition":
        node.test = ast.UnaryOp(ast.Not(), node.test)  # type: ignore[attr-defined]
    elif kind == "return":
        node.value = ast.Constant(None)  # type: ignore[attr-defined]
    ast.fix_missing_locations(tree)
    after = "pass" if kind == "drop" else ast.unparse(node).splitlines()[0]
    return ast.unparse(tree), getattr(node, "lineno", 0), f"{kind}: {before[:70]}  ->  {after[:70]}"


def _other(value: float, draw: random.Random) -> float:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + draw.choice([1, -1])
    if 0 < value < 1e-6:  # an allowance for rounding, of which half would do as well
        return 0.0
    return value * draw.choice([0.5, 2.0]) if value else 1.0


def _replace(tree: ast.AST, old: ast.AST, new: ast.AST) -> None:
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(item is old for item in value):
                setattr(parent, name, [new if item is old else item for item in value])


def mutants(rooms: Sequence[str], number: int, seed: int) -> Iterator[tuple[Path, str, int, str]]:
    """Yield random mutants of packages: the module, its new source, the line, what was done."""
    draw = random.Random(seed)
    everything = []
    for room in rooms:
        folder = ROOT / "lib" / "descent" / room
        for path in [folder] if folder.suffix else sorted(folder.rglob("*.py")):
            if str(path.relative_to(ROOT / "lib" / "descent")) in SKIPPED | (TENSORFLOW - {room}):
                continue
            source, places = path.read_text(), Places()
            places.visit(ast.parse(source))
            everything += [(path, source, choice) for choice in range(len(places.found))]
    draw.shuffle(everything)
    for path, source, choice in everything[:number]:
        made = mutated(source, choice, copy.copy(draw))
        if made is not None and ast.dump(ast.parse(made[0])) != ast.dump(ast.parse(source)):
            yield path, *made


def tests_of(path: Path) -> list[str]:
    """Return the tests that hold a module, its own first."""
    name = path.relative_to(ROOT / "lib" / "descent").as_posix()
    found = next(tests for room, tests in TESTS.items() if name.startswith(room))
    own = [ROOT / folder / f"test_{path.stem}.py" for folder in found]
    own += [ROOT / folder / path.parent.name / f"test_{path.stem}.py" for folder in found]
    return [*(str(p.relative_to(ROOT)) for p in own if p.is_file()), *found]


def failing(tests: Sequence[str], library: Path, patience: float) -> bool:
    """Say whether a test fails on a copy of the library; a loop that does not end counts as failing."""
    child = os.fork()  # what is imported already need not be imported again
    if child == 0:
        os.setpgid(0, 0)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        os.environ |= {"PYTHONPATH": str(library), "PYTHONDONTWRITEBYTECODE": "1"}
        sys.dont_write_bytecode = True
        sys.path.insert(0, str(library))
        os.chdir(ROOT)
        os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])))
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def main() -> int:
    """Make mutants, run their tests, print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("rooms", nargs="+", help=f"of {', '.join(TESTS)}")
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=float, default=900, help="seconds for the tests of one mutant")
    parser.add_argument("--trusted", action="store_true", help="do not first see that the tests pass as it is")
    parser.add_argument("--hours", type=float, default=9.0, help="when to stop")
    options = parser.parse_args()
    for name in ("pydantic", "scipy.stats", "yaml", "jinja2", "nbformat", "bs4"):
        import_module(name)
    hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True)
    hypothesis.settings.load_profile("mutants")
    began, survivors, count = time.monotonic(), [], 0
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        library = Path(folder) / "lib"
        shutil.copytree(ROOT / "lib", library, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        for path in ROOT.iterdir():
            if path.name not in ("lib", ".git"):
                (Path(folder) / path.name).symlink_to(path)
        rooms = [
            test for room in options.rooms for name, tests in TESTS.items() if name.startswith(room) for test in tests
        ]
        if not options.trusted and failing(sorted(set(rooms)), library, options.patience):
            print("the tests fail on the library as it is: mend that first", file=sys.stderr)
            return 1
        for path, source, line, what in mutants(options.rooms, options.number, options.seed):
            if time.monotonic() - began > 3600 * options.hours:
                break
            count += 1
            place = library / path.relative_to(ROOT / "lib")
            original = place.read_text()
            place.write_text(source)
            seen = failing(tests_of(path), library, options.patience)
            place.write_text(original)
            name = path.relative_to(ROOT / "lib" / "descent")
            print(f"{count:4} {'caught  ' if seen else 'SURVIVED'} {name}:{line} {what}", flush=True)
            if not seen:
                survivors.append(f"{name}:{line} {what}")
    print(f"{count - len(survivors)} of {count} caught", *survivors, sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
