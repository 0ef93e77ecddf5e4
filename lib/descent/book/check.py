"""``python -m descent.book.check``: lint the chapters' code, and hold pages, claims and profiles together."""

import os
import subprocess
import sys
from pathlib import Path

from descent.book.errors import UserError
from descent.book.fingerprint import run_parameters
from descent.book.project import Project


def main() -> int:
    """Check every chapter; return the exit status."""
    project = Project.find()
    chapters = [str(project.page(chapter)) for chapter in project.chapters]
    # A chapter is read from top to bottom, so imports may stand where they are first needed, and a function in a loop is
    # called in that loop. Prose and captions, comments in this form, are as long as they are.
    ruff = "ruff check --ignore B023,B905,D,E402,E501,F811 --output-format concise -"
    jupytext = [sys.executable, "-m", "jupytext", "--pipe-fmt", "py:percent", "--check", ruff]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    status = subprocess.run([*jupytext, *chapters], env=environment, check=False).returncode
    try:
        for profile in project.profile_names():
            for chapter in project.chapters:
                run_parameters(project, profile, chapter, 0)
        project.claims()
    except UserError as error:
        print(f"descent: {error}", file=sys.stderr)
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
