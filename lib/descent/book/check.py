"""``python -m descent.book.check``: lint the chapters' code, and hold pages, claims and profiles together."""

import subprocess
import sys
from pathlib import Path

import jupytext

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.run.parameters import read_chapter
from descent.book.run.run import Run

# A chapter is read from top to bottom, so imports may stand where they are first needed, and a function in a loop is
# called in that loop. Prose and captions, comments in this form, are as long as they are.
IGNORED = "B023,B905,D,E402,E501,F811"


def main() -> int:
    """Check every chapter; return the exit status."""
    project = Project.find()
    status = 0
    try:
        for chapter in project.chapters:
            status |= lint(project.page(chapter))
        for profile in project.profile_names():
            for chapter in project.chapters:
                _ = Run(project, profile, chapter).parameters
        project.claims()
    except UserError as error:
        print(f"descent: {error}", file=sys.stderr)
        status = 1
    return status


def lint(chapter: Path) -> int:
    """Run ruff on a chapter's code as one Python file; return its exit status.

    ``jupytext --check`` does the same, but hides which chapter a finding is in and writes the chapter back.
    """
    code = jupytext.writes(read_chapter(chapter), fmt="py:percent")
    name = str(chapter.with_suffix(".py"))
    ruff = [sys.executable, "-m", "ruff", "check", "--quiet", "--ignore", IGNORED, "--output-format", "concise"]
    return subprocess.run([*ruff, "--stdin-filename", name, "-"], input=code, text=True, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
