"""``descent check``: lint the chapters' code; hold pages, claims, kept runs and profiles together."""

import ast
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat

from descent.book.errors import UserError
from descent.book.pages.held import check_held
from descent.book.pages.stage import check_pages
from descent.book.project import Project
from descent.book.report.published import check_published
from descent.book.report.results import Evidence
from descent.book.run.parameters import read_chapter
from descent.book.run.run import Run, runs

# A chapter is read from top to bottom, so imports may stand where they are first needed, and a function in a loop is
# called in that loop. Prose and captions, comments in this form, are as long as they are.
IGNORED = "B023,B905,D,E402,E501,F811"
REMOVED = {"remove-cell", "remove-input", "remove_cell", "remove_input"}


def check(project: Project) -> int:
    """Check every chapter; return the exit status, 1 if ruff or a kept run found fault.

    Raises:
        UserError: pages, claims, profiles or bibliographies do not fit together.
    """
    status = 0
    for chapter in project.chapters:
        notebook = read_chapter(project.page(chapter))
        status |= lint(project.page(chapter), notebook)
        check_what_records_is_shown(project.page(chapter), notebook)
        for profile in project.profile_names():
            for run in {Run(project, profile, chapter), *runs(project, profile, chapter)}:
                _ = run.parameters
    check_pages(Evidence(project, project.profile("quick")))
    for line in [*check_held(project), *check_published(project)]:
        print(f"descent: {line}", file=sys.stderr)
        status = 1
    return status


def lint(chapter: Path, notebook: nbformat.NotebookNode) -> int:
    """Run ruff on a chapter's code as one Python file; return its exit status.

    ``jupytext --check`` does the same, but hides which chapter a finding is in and writes the chapter back.
    """
    code = jupytext.writes(notebook, fmt="py:percent")
    name = str(chapter.with_suffix(".py"))
    ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "--ignore", IGNORED, "--output-format", "concise"]
    return subprocess.run([*ruff, "--stdin-filename", name, "-"], input=code, text=True, check=False).returncode


def check_what_records_is_shown(chapter: Path, notebook: nbformat.NotebookNode) -> None:
    """Hold the page to showing what decides its claims: folded (``hide-input``) perhaps, but never removed.

    Raises:
        UserError: a cell that records a measurement is removed from the page.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    recorders = {name for cell in cells for name in _recorders(cell.source)}
    for number, cell in enumerate(cells, 1):
        if REMOVED & set(cell.metadata.get("tags", ())) and recorders & _called(cell.source):
            raise UserError(f"{chapter}: code cell {number} records and is removed from the page: tag it hide-input")


def _recorders(source: str) -> set[str]:
    """Return the names that are given ``Measurements``."""
    return {
        target.id
        for node in _nodes(source)
        if isinstance(node, ast.Assign) and "Measurements" in ast.unparse(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _called(source: str) -> set[str]:
    """Return the names that are called, themselves or by a method."""
    functions = [node.func for node in _nodes(source) if isinstance(node, ast.Call)]
    owners = [f.value if isinstance(f, ast.Attribute) else f for f in functions]
    return {owner.id for owner in owners if isinstance(owner, ast.Name)}


def _nodes(source: str) -> list[ast.AST]:
    plain = "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())
    try:
        return list(ast.walk(ast.parse(plain)))
    except SyntaxError:  # ruff has said so
        return []


if __name__ == "__main__":
    sys.exit(check(Project.find()))
