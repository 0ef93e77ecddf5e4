"""Make one run: ``python -m descent.book.run.execute PROFILE CHAPTER REPLICATE`` is what the pipeline's jobs call.

A run is made in a ``.partial`` folder and renamed when whole, so a folder with a number for a name is always a finished
run.
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.run.fingerprint import code_of
from descent.book.run.integrity import alone, damage, seal
from descent.book.run.kernel import ChapterError, execute_notebook
from descent.book.run.parameters import read_chapter
from descent.book.run.run import Run
from descent.evidence.files import dump_json, write_atomically
from descent.evidence.provenance import git, peak_memory_mb, provenance

RECORDS = re.compile(r"\bMeasurements\.here\(\)")
# A figure saved at the margin of a cell is under no condition, so a whole run has it.
SAVES = re.compile(r"""^save\([^"'\n]*,\s*["']([\w-]+)["']""", re.MULTILINE)


def execute(run: Run) -> Path:
    """Make a run.

    Returns:
        The folder of the finished run: notebook.ipynb, measurements.json, timings.json, environment.json, figures/.

    Raises:
        UserError: a parameter is unknown or of the wrong type.
        ChapterError: a cell raised. The notebook with the traceback is then at ``run.failed``.
        OSError: no space left, for one; what was written is then removed.
    """
    partial = run.path.with_name(f"{run.replicate}.partial")
    busy = f"  {run}: somebody else is making it: waiting"
    with alone(run.path.with_name(f"{run.replicate}.lock"), busy) as (_, waited):
        # A job outlives the build that was killed; whoever had to wait for it finds the work done.
        if waited and _is_current(run):
            return run.path
        try:
            return _execute(run, partial)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _is_current(run: Run) -> bool:
    environment = run.path / "environment.json"
    return (
        environment.is_file()
        and not damage(run.path)
        and json.loads(environment.read_text())["fingerprint"] == run.fingerprint
    )


def _execute(run: Run, partial: Path) -> Path:
    environment = _before(run)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    progress = partial / "progress.txt"
    began = time.monotonic()
    try:
        with _reported(progress, str(run), run.resources["runtime"]):
            execute_notebook(
                read_chapter(run.page),
                partial / "notebook.ipynb",
                run.parameters,
                folder=run.page.parent,
                environment=_variables(run, partial, progress),
                source=f"chapters/{run.chapter}.md",
                home=run.project.build / "home",
            )
            _check_whole(run, partial)
    except ChapterError:
        if (partial / "notebook.ipynb").is_file():
            (partial / "notebook.ipynb").replace(run.failed)
        raise
    environment["wall_seconds"] = round(time.monotonic() - began, 2)
    environment["peak_memory_mb"] = peak_memory_mb(resource.RUSAGE_CHILDREN)  # the kernel's
    devices = partial / "devices.json"
    environment["devices"] = json.loads(devices.read_text()) if devices.is_file() else ["CPU"]
    devices.unlink(missing_ok=True)
    progress.unlink(missing_ok=True)
    write_atomically(partial / "environment.json", dump_json(environment))
    for name in ("measurements.json", "timings.json"):
        if not (partial / name).is_file():
            write_atomically(partial / name, dump_json({}))
    seal(partial)
    shutil.rmtree(run.path, ignore_errors=True)
    partial.replace(run.path)
    run.failed.unlink(missing_ok=True)
    return run.path


def _before(run: Run) -> dict[str, Any]:
    """Return what is known of a run before it is made."""
    return {
        "profile": run.profile,
        "chapter": run.chapter,
        "replicate": run.replicate,
        "parameters": run.parameters,
        "fingerprint": run.fingerprint,
        "parts": run.parts,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "threads": run.resources["threads"],
        # then ``wall_seconds`` is the time of its last part only
        "resumed": run.cache.is_dir() and any(run.cache.iterdir()),
        **_origin(run.project.root),
    }


def _origin(root: Path) -> dict[str, Any]:
    """Return a run's provenance; what has been archived since the commit changes no run and doesn't count."""
    return {**provenance(root, [".", ":(exclude)results"]), **_commit(root)}


def _commit(root: Path) -> dict[str, Any]:
    """Return the checkout's own commit, if it can be known: a copy without git, inside another repository, has none."""
    top = git(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root.resolve():
        return {"commit": "unknown", "dirty": True}
    new = git(root, "status", "--porcelain", "--untracked-files=all", "--", "lib", "profiles")
    return {"dirty": True} if new else {}


def _check_whole(run: Run, partial: Path) -> None:
    """Raise ChapterError unless what the chapter recorded is still there."""
    code = code_of(read_chapter(run.page))
    if not (partial / "measurements.json").is_file() and RECORDS.search(code):
        raise ChapterError("its measurements.json is missing: none was recorded, or something removed it; run it again")
    for name in SAVES.findall(code) if "descent.figures" in code else ():
        if not all((partial / "figures" / f"{name}.{ending}").is_file() for ending in ("svg", "png")):
            raise ChapterError(f"its figure {name} is missing: something removed it; run it again")
    for path in partial.glob("*.json"):
        try:
            json.loads(path.read_text())
        except ValueError as error:
            raise ChapterError(f"{path.name} was damaged while the chapter ran: run it again") from error


def _variables(run: Run, partial: Path, progress: Path) -> dict[str, str]:
    """Return the environment variables of a run's kernel."""
    threads = str(run.resources["threads"])
    return {
        # TensorFlow logs as an error that it will not fuse integer arithmetic; real ones end as exceptions
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        "DESCENT_RUN_DIR": str(partial),
        "DESCENT_CACHE_DIR": str(run.cache),
        "DESCENT_PROGRESS": str(progress),
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
    }


@contextmanager
def _reported(progress: Path, name: str, minutes: float, every: float = 15.0) -> Iterator[None]:
    """Repeat on standard error what the chapter last wrote to its progress file, while the block runs.

    A chapter that takes longer than it says is told of, once: a cluster would end it, and here it may hang.
    """
    done = threading.Event()

    def watch() -> None:
        last, late = "", time.monotonic() + 60 * minutes
        while not done.wait(every):
            if time.monotonic() > late:
                late = math.inf
                wanted = f"more than the {minutes:g} minutes that its resources ask for"
                print(
                    f"  {name}: has taken {wanted}: raise runtime, or stop it with Ctrl-C", file=sys.stderr, flush=True
                )
            line = progress.read_text() if progress.is_file() else ""
            if line and line != last:
                print(f"  {name}: {line}", file=sys.stderr, flush=True)
                last = line

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def main(arguments: list[str]) -> int:
    """Make one run of the pipeline; return its exit status."""
    run = Run(Project.find(), arguments[0], arguments[1], int(arguments[2]))
    print(f"  {run}: running", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        execute(run)
        run.mark.touch()
    except KeyboardInterrupt:
        print(f"  {run}: stopped", file=sys.stderr, flush=True)
        return 130
    except Exception as error:
        said = f"{error.strerror}: {error.filename or 'while writing'}" if isinstance(error, OSError) else str(error)
        print(f"  {run}: FAILED: {' '.join(said.split()) or type(error).__name__}", file=sys.stderr, flush=True)
        if not isinstance(error, ChapterError | UserError | OSError):  # ours to mend
            traceback.print_exc()
        return 1
    print(f"  {run}: done in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
