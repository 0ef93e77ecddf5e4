"""The whole book in the smoke profile, built once for all tests that look at it."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
# Files that take minutes: one worker builds the smoke book, the other small ones, and neither waits at the end.
FIRST = ("book/test_chapters", "book/test_faults", "book/test_pipeline", "pages/", "book/test_slurm")
SOURCES = ("_config.yml", "_toc.yml", "Snakefile", "requirements.lock", "chapters", "lib", "profiles", "results")


def pytest_collection_modifyitems(items):
    """Put long files first: workers take whole files, and a long one at the end keeps the other waiting."""
    items.sort(key=lambda item: next((k for k, name in enumerate(FIRST) if name in item.nodeid), len(FIRST)))


@pytest.fixture(scope="session")
def smoke_book() -> Path:
    """A checkout, made of links, whose ``_build`` holds the smoke book; a reader's own ``_build/html`` is left alone.

    It is kept between test runs, so only chapters that changed run again; two workers that ask at once wait for one
    another and find it done.
    """
    root = REPOSITORY / "_build" / "smoke"
    root.mkdir(parents=True, exist_ok=True)
    for name in SOURCES:
        link = root / name
        if (REPOSITORY / name).exists() and not link.is_symlink():
            with contextlib.suppress(FileExistsError):  # the other worker was quicker
                link.symlink_to(REPOSITORY / name)
    done = subprocess.run(
        [sys.executable, "-m", "descent.book.cli", "book", "--profile", "smoke", "--cores", str(os.cpu_count())],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return root
