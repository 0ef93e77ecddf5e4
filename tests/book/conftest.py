"""A small book of its own, built by the real pipeline: Snakemake, papermill, a Jupyter kernel, Sphinx."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

CHAPTER = """---
jupytext:
  formats: md:myst
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# {title}

Some prose.

```{{code-cell}} ipython3
:tags: [parameters]

seed = 7      # of the draws
steps = 20    # how many
rate = 0.5    # how large
```

```{{code-cell}} ipython3
{code}
```

```{{verdicts}}
```
"""

CLAIM = """- id: {chapter}-holds
  kind: finding
  exact: true
  because: it is steps times rate
  source: {{cite: letcher2019, place: nowhere}}
  statement: The chapter {chapter} measures what it should.
  checks:
    - {{measurement: value, label: steps times rate, comparison: close, expected: 10, reason: steps times rate}}
"""

# Without progress to report, a tiny chapter need not load TensorFlow.
RECORD = """import os
from descent.evidence import Measurements
{imports}
os.environ.pop("DESCENT_PROGRESS", None)
record = Measurements.here()
record("value", steps * rate)
record("draw", __import__("random").Random(seed).random())
print("measured", steps * rate)"""

PLOT = """
import matplotlib.pyplot as plt
from descent.figures import save, use_book_style
use_book_style()
fig, ax = plt.subplots()
ax.plot([0, steps])
save(fig, "a-line")"""


FIGURE = """---
mystnb:
  image:
    alt: A line that rises from zero.
  figure:
    caption: "A line, {cite:t}`letcher2019`."
    name: fig-line
---
"""


class Book:
    """A checkout with tiny chapters; ``run`` is the ``descent`` command in it, ``start`` the same without waiting."""

    patience = 600  # seconds; a net for what hangs, wide enough for a machine that is busy with other things

    def __init__(self, root: Path):
        self.root = root
        # The chapters run the copy of the library, so that a test may edit it.
        self.environment = {**os.environ, "PYTHONPATH": str(root / "lib"), "HOME": str(root / "home")}

    def run(self, *arguments: str, check: bool = True, **keywords) -> subprocess.CompletedProcess:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=self.patience,
            check=False,
            **keywords,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *arguments: str, **keywords) -> subprocess.Popen:
        """Begin a command whose standard error can be read, in a process of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **keywords,
        )

    @staticmethod
    def command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "descent.book.cli", *arguments]

    def chapter(self, name: str) -> Path:
        return self.root / "chapters" / f"{name}.md"

    def edit(self, path: str | Path, old: str, new: str) -> None:
        path = self.root / path
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def result(self, chapter: str, name: str = "environment.json", profile: str = "quick", replicate: int = 0) -> Path:
        return self.root / "_build" / "runs" / profile / chapter / str(replicate) / name

    def mark(self, chapter: str) -> Path:
        """What tells Snakemake that the chapter's run needs not be made again."""
        return self.root / "_build" / "runs" / "quick" / chapter / "0.done"

    def page(self, name: str) -> str:
        return (self.root / "_build" / "html" / "chapters" / f"{name}.html").read_text()

    def stamps(self, *chapters: str) -> list[int]:
        """When each chapter's run was made: a new number means it ran again."""
        return [self.result(chapter).stat().st_mtime_ns for chapter in chapters]


def _not_needed(folder: str, names: list[str]) -> set[str]:
    """Leave out other chapters' experiments: every build would make pages of them."""
    others = set(names) - {"__init__.py", "learning_to_optimize"} if Path(folder).name == "experiments" else set()
    return others | {name for name in names if name == "__pycache__" or name.endswith(".egg-info")}


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Book:
    return _make(tmp_path_factory.mktemp("book"))


@pytest.fixture(scope="session")
def make_book():
    """The small book in a folder of one's own."""
    return _make


def _make(root: Path) -> Book:
    root.mkdir(exist_ok=True)
    for name in ("Snakefile", "_config.yml", "requirements.lock"):
        shutil.copy(REPOSITORY / name, root)
    shutil.copytree(REPOSITORY / "lib", root / "lib", ignore=_not_needed)
    chapters = root / "chapters"
    (chapters / "claims").mkdir(parents=True)
    shutil.copytree(REPOSITORY / "chapters" / "_static", chapters / "_static")
    shutil.copy(REPOSITORY / "chapters" / "references.bib", chapters)
    (chapters / "index.md").write_text("# A book\n\n```{counts}\n```\n")
    (chapters / "report.md").write_text("# Report\n\n```{report}\n```\n\n```{status}\n```\n\n```{bibliography}\n```\n")
    code = {
        "first": RECORD.format(imports="import descent.stability.closed_forms"),
        "second": FIGURE + RECORD.format(imports="") + PLOT,
    }
    for name, source in code.items():
        (chapters / f"{name}.md").write_text(CHAPTER.format(title=name.title(), code=source))
        (chapters / "claims" / f"{name}.yml").write_text(CLAIM.format(chapter=name))
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: chapters/index\nchapters:\n"
        + "".join(f"  - file: chapters/{name}\n" for name in (*code, "report"))
    )
    (root / "profiles").mkdir()
    (root / "profiles" / "quick.yml").write_text("chapters:\n  second: {replicates: 2}\n")
    (root / "profiles" / "paper.yml").write_text("chapters:\n  first: {parameters: {steps: 40}}\n")
    return Book(root)
