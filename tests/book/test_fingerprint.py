"""What a chapter depends on: exactly the modules it imports, however it imports them."""

from pathlib import Path

import pytest

from descent.book.project import Project
from descent.book.run.fingerprint import code_of
from descent.book.run.parameters import read_chapter
from descent.book.run.run import Run
from descent.evidence.code import direct_imports, import_distances, imported_modules, meaning

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def library(tmp_path):
    files = {
        "__init__.py": "",
        "base.py": "",
        "rules/__init__.py": "from descent.rules.one import one\nfrom descent.rules.two import two\n",
        "rules/one.py": "from descent.base import x\n",
        "rules/two.py": "from . import deep\n",
        "rules/deep.py": "import numpy\n",
        "lazy.py": "def f():\n    import descent.base\n",
    }
    for name, text in files.items():
        path = tmp_path / "descent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "descent"


@pytest.mark.parametrize(
    ("source", "modules"),
    [
        ("from descent.rules import one", ["base", "rules.one"]),
        ("from descent.rules.two import two", ["rules.deep", "rules.two"]),
        ("from descent import rules", ["base", "rules", "rules.deep", "rules.one", "rules.two"]),
        ("import descent.rules.deep as d", ["rules.deep"]),
        ("import descent.lazy", ["base", "lazy"]),
        ("%matplotlib inline\n!ls\nimport numpy", []),
        ("from descent.nothing import at_all", []),
    ],
)
def test_imports_are_followed_name_by_name(library, source, modules):
    assert imported_modules(library, source) == [f"descent.{name}" for name in modules]


def test_the_imports_a_text_names_itself_come_in_one_order(library):
    names = ["base", "lazy", "rules.deep", "rules.one", "rules.two"]
    source = "\n".join(f"import descent.{name}" for name in reversed([*names, "gone"]))
    assert direct_imports(library, source) == tuple(f"descent.{name}" for name in names)


def test_the_first_chapter_depends_on_its_rules_and_not_on_others():
    library = REPOSITORY / "lib/descent"
    chapter = read_chapter(REPOSITORY / "chapters/omd-thresholds.md")
    assert "descent.rules.optimistic" in imported_modules(library, code_of(chapter))
    assert "descent.rules.adam" not in imported_modules(library, code_of(chapter))
    source = "from descent.rules import optimistic, sga"
    found = imported_modules(library, source)
    assert {"descent.rules.optimistic", "descent.rules.sga", "descent.games", "descent.vectors"} <= set(found)
    assert "descent.rules.adam" not in found and "descent.rules.extragradient" not in found


def test_fingerprint_changes_with_profile_and_replicate_only_through_parameters():
    project = Project(REPOSITORY)
    quick = Run(project, "quick", "omd-thresholds").fingerprint
    assert quick == Run(project, "quick", "omd-thresholds").fingerprint
    assert quick != Run(project, "quick", "omd-thresholds", 1).fingerprint
    assert quick != Run(project, "smoke", "omd-thresholds").fingerprint
    assert Run(project, "quick", "omd-thresholds", 2).seed == 2


def test_modules_are_so_many_imports_away(library):
    source = "from descent import rules"
    distances = {"rules": 1, "rules.one": 2, "rules.two": 2, "base": 3, "rules.deep": 3}
    assert import_distances(library, source) == {f"descent.{name}": d for name, d in distances.items()}


def test_code_counts_by_its_meaning():
    plain = "import os\n\n\ndef f(x):\n    return x + 1\n"
    told = '"""Told."""\nimport os  # the system\n\ndef f(x):\n    """Say."""\n    return (x\n        + 1)\n'
    assert meaning(plain) == meaning(told)
    others = [plain.replace("+", "-"), plain.replace("os", "sys"), f"%matplotlib inline\n{plain}", "x = (", "x = 'a'"]
    assert len({meaning(source) for source in [plain, *others]}) == 6
