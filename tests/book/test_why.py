"""``descent why`` names the part of a run that has changed, and nothing when only prose has."""

import json

import pytest

from descent.book.project import Project
from descent.book.run.run import Run
from descent.book.run.why import changed, changed_since, why
from descent.evidence.files import write_atomically

IMPORTS = """import descent.experiments.learning_to_optimize.learned_recipes
import descent.stability.closed_forms"""
WEIGHTS = "experiments/learning_to_optimize/weights/rnnprop.json"
PROSE = [("chapters/first.md", "Some prose.", "Other prose."), ("chapters/first.md", "# First", "# The first")]
SAID = [
    ("chapters/first.md", "record = Meas", "record  =  Meas"),  # layout
    ("chapters/first.md", "print(", "# aloud\nprint("),
    ("lib/descent/vectors.py", "from descent.quiet", "# a comment\n\nfrom descent.quiet"),
    ("lib/descent/adapters/torch_sga.py", "import torch", "import torch, os"),  # which it does not import
    ("profiles/paper.yml", "steps: 40", "steps: 41"),  # of another profile
    ("chapters/claims/first.yml", "expected: 10", "expected: 11"),
]
EDITS = [
    ("chapters/first.md", 'print("measured"', 'print("said"', ["code cell 2"]),
    ("chapters/first.md", "steps = 20", "steps = 30", ["code cell 1"]),
    ("profiles/quick.yml", "second: ", "first: {parameters: {steps: 21}}\n  second: ", ["parameter steps"]),
    (
        "lib/descent/stability/closed_forms.py",
        "import math",
        "import math, os",
        ["module descent.stability.closed_forms"],
    ),
    ("lib/descent/learned/base.py", "def ", "def _", ["module descent.learned.base, 2 imports away"]),
    ("lib/descent/evidence/files.py", "import os", "import os, re", ["module descent.evidence.files, 2 imports away"]),
    ("requirements.lock", "papermill==2", "papermill==9", ["requirements.lock: papermill"]),
    ("data/mnist.npz", "digits", "other digits", ["data mnist.npz"]),
    (f"lib/descent/{WEIGHTS}", '"format"', '"Format"', [f"file lib/descent/{WEIGHTS}"]),
]


@pytest.fixture
def ran(book, monkeypatch):
    """The small book, as if its first chapter, which has weights and data, had just run."""
    before = book.chapter("first").read_text()
    book.edit(book.chapter("first"), "import descent.stability.closed_forms", IMPORTS)
    write_atomically(book.root / "data/mnist.npz", "digits")
    monkeypatch.setenv("DESCENT_DATA", str(book.root / "data"))
    run = first(book)
    environment = {"fingerprint": run.fingerprint, "parts": run.parts, "lock_sha256": "of then"}
    write_atomically(run.path / "environment.json", json.dumps(environment))
    yield book
    book.chapter("first").write_text(before)


def first(book):
    return Run(Project(book.root), "quick", "first")


@pytest.mark.parametrize(("path", "old", "new", "names"), EDITS)
def test_what_has_changed_is_named(ran, path, old, new, names):
    assert changed(first(ran)) == []
    before = (ran.root / path).read_text()
    ran.edit(path, old, new)
    found = changed(first(ran))
    (ran.root / path).write_text(before)
    assert len(found) == len(names) and all(name in said for name, said in zip(names, found, strict=True)), found


def test_prose_comments_and_what_is_not_imported_name_nothing(ran):
    for path, old, new in PROSE + SAID:
        before = (ran.root / path).read_text()
        ran.edit(path, old, new)
        assert changed(first(ran)) == [], path
        (ran.root / path).write_text(before)


def test_a_cell_put_in_is_the_only_one_that_changes(ran):
    ran.edit(ran.chapter("first"), "```{verdicts}", "```{code-cell} ipython3\nx = 1\n```\n\n```{verdicts}")
    assert changed(first(ran)) == ["code cell 3"]


def test_cells_are_told_apart_by_number_however_a_file_orders_them(ran):
    cells = "".join(f"```{{code-cell}} ipython3\nx = {k}\n```\n\n" for k in range(12))
    ran.edit(ran.chapter("first"), "```{verdicts}", f"{cells}```{{verdicts}}")
    run = first(ran)
    environment = {"fingerprint": "another", "parts": run.parts}
    kept = json.loads(json.dumps(environment, sort_keys=True))  # 1, 10, 11, 12, 2, 3 ...
    assert changed_since(run, kept) == []
    ran.edit(ran.chapter("first"), "x = 10\n", "x = 100\n")
    assert changed_since(first(ran), kept) == ["code cell 13"]


def test_each_run_has_its_line(ran):
    lines = list(why(Project(ran.root), "quick", ["first", "second"]))
    assert lines[0] == "quick/first/0: nothing has changed"
    assert lines[1:] == [f"quick/second/{k}: runs: it has not run yet" for k in (0, 1)]
    assert list(why(Project(ran.root), "quick", ["first"], current=False)) == []
    ran.edit(ran.chapter("first"), "steps = 20", "steps = 30")
    assert list(why(Project(ran.root), "quick", ["first"])) == ["quick/first/0: runs again: code cell 1"]


def test_of_an_archived_run_it_is_known_too(ran):
    run = first(ran)
    parts = {kind: names for kind, names in run.parts.items() if kind not in ("lock", "data")}
    old = {"fingerprint": "another", "parts": parts, "lock_sha256": "another"}
    assert changed_since(run, old) == ["requirements.lock"]
    old["parts"] = parts | {"modules": parts["modules"] | {"descent.games": "another", "descent.gone": "x"}}
    assert changed_since(run, old)[:2] == [
        "module descent.gone, which is no longer imported",
        "module descent.games, 3 imports away",
    ]
    assert "before runs kept" in changed_since(run, {"fingerprint": "another"})[0]


def test_data_of_an_archived_run_may_be_missing_here_or_have_another_time(ran, monkeypatch):
    run = first(ran)
    made_elsewhere = {"mnist.npz": "6 1234", "cifar.npz": "7 1234"}
    old = {"fingerprint": "another", "parts": run.parts | {"data": made_elsewhere}}
    assert changed_since(run, old, archived=True) == []
    assert changed_since(run, old) == ["data cifar.npz", "data mnist.npz"]
    old["parts"] = run.parts | {"data": {"mnist.npz": "60 1234"}}
    assert changed_since(run, old, archived=True) == ["data mnist.npz"]
    monkeypatch.delenv("DESCENT_DATA")
    assert changed_since(first(ran), old, archived=True) == []
