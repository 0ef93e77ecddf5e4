"""Finished runs stay as they were finished: made by one process at a time, sealed, and thrown away when damaged."""

from __future__ import annotations

import fcntl
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from descent.book.project import Project
from descent.evidence.files import write_atomically

SEAL = "sha256sums.txt"  # in the format of sha256sum


def seal(folder: Path) -> None:
    """Write the hashes of all of a run's files beside them."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in paths]
    write_atomically(folder / SEAL, "".join(lines))


def damage(folder: Path) -> str | None:
    """Return the first file of a run that is not what it was when the run finished, or None.

    A run without a seal is an older one, of which nothing is known.
    """
    if not (folder / SEAL).is_file():
        return None
    for line in (folder / SEAL).read_text(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        path = folder / name
        if not name or not path.is_file() or sha256(path.read_bytes()).hexdigest() != digest:
            return name or SEAL
    return None


def discard_damaged(project: Project, profile: str) -> None:
    """Remove the profile's finished runs that are damaged, saying so: Snakemake then makes them again."""
    for folder in sorted((project.build / "runs" / profile).glob("*/[0-9]*")):
        if folder.name.isdigit() and (name := damage(folder)):
            print(f"{folder.relative_to(project.root)}: {name} is damaged; the run is made again", file=sys.stderr)
            shutil.rmtree(folder)


@contextmanager
def alone(path: Path, busy: str) -> Iterator[tuple[int, bool]]:
    """Hold a file's lock inside the block; the system frees it when the last process that holds it ends, however.

    Args:
        path: the file; made if need be, and left where it is.
        busy: what to print if somebody else holds it, before waiting.

    Yields:
        The descriptor that carries the lock (a child that inherits it goes on holding it), and whether one had to wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        waited = False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            print(busy, file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno(), waited
