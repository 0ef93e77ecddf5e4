"""``python -m descent.book.check``: lint the chapters' code, and hold pages, claims and profiles together."""

import subprocess
import sys

from descent.book.errors import UserError
from descent.book.fingerprint import run_parameters
from descent.book.project import Project


def main() -> int:
    """Check every chapter; return the exit status."""
    project = Project.find()
    chapters = [str(project.page(chapter)) for chapter in project.chapters]
    # A chapter is read from top to bottom, so imports may stand where they are first needed.
    ruff = "ruff check --quiet --ignore E402,D,F811 --output-format concise -"
    jupytext = [sys.executable, "-m", "jupytext", "--quiet", "--pipe-fmt", "py:percent", "--check", ruff]
    status = subprocess.run([*jupytext, *chapters], check=False).returncode
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
