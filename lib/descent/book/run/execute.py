"""Run one chapter in a kernel of its own: the only file that knows papermill.

``python -m descent.book.run.execute PROFILE CHAPTER REPLICATE`` is what the pipeline's jobs call. A run is made in a
``.partial`` folder and renamed when whole, so a folder with a number for a name is always a finished run.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
from traitlets.config import Config

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.run.fingerprint import fingerprint, run_parameters
from descent.book.run.integrity import alone, damage, seal
from descent.book.run.parameters import read_chapter
from descent.evidence.files import dump_json, write_atomically

KERNEL = "python3"
VERSIONS_OF = ("tensorflow", "keras", "numpy", "scipy", "matplotlib", "papermill", "jupyter-book")


DIED = "the kernel died, as it does when it is killed or the machine is out of memory"


class ChapterError(Exception):
    """A cell of a chapter raised; the message is the exception's last line."""


def check_kernel() -> None:
    """Raise UserError unless the kernel that chapters name would run in this very interpreter's environment."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"  # else a user's own "python3" kernel would shadow ours
    remedy = f"run '{sys.executable} -m pip install ipykernel', or remove .venv and run make again"
    try:
        spec = KernelSpecManager().get_kernel_spec(KERNEL)
    except NoSuchKernel as error:
        raise UserError(f"no Jupyter kernel {KERNEL!r} in {sys.prefix}: {remedy}") from error
    command = spec.argv[0] if spec.argv else ""
    if Path(command).name == command:  # jupyter_client puts its own interpreter in place of a bare "python"
        command = sys.executable
    if Path(command).parent.resolve() != Path(sys.executable).parent.resolve():
        raise UserError(f"the Jupyter kernel {KERNEL!r} would run {command}, not {sys.executable}: {remedy}")


def execute_notebook(
    notebook: nbformat.NotebookNode,
    output: Path,
    parameters: Mapping[str, Any],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    progress_bar: bool = False,
    source: str = "",
) -> nbformat.NotebookNode:
    """Execute a notebook through papermill, writing the output after every cell.

    Args:
        notebook: what to run.
        output: where the executed notebook goes, complete or not.
        parameters: name -> value, checked beforehand.
        folder: the kernel's working folder.
        environment: variables to set for the kernel.
        progress_bar: draw papermill's bar, one tick a cell.
        source: the name to remember the notebook by.

    Returns:
        The executed notebook.

    Raises:
        ChapterError: a cell raised; the output file holds the traceback.
    """
    check_kernel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import papermill
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError

    variables = dict(environment or {})
    if os.environ.get("DESCENT_DATA"):  # a relative path is relative to here; the kernel works in the chapters' folder
        variables["DESCENT_DATA"] = str(Path(os.environ["DESCENT_DATA"]).expanduser().resolve())
    # A Unix socket with a name of its own: no ports to race for, and no socket that others can reach.
    with _variables(variables), tempfile.TemporaryDirectory(prefix="descent-kernel-") as sockets:
        try:
            executed = papermill.execute_notebook(
                notebook,
                str(output),
                parameters=dict(parameters),
                kernel_name=KERNEL,
                cwd=str(folder),
                progress_bar=progress_bar,
                start_timeout=120,
                # A kernel that is told to shut down logs an interrupt as an error; real ones end as exceptions.
                extra_arguments=["--IPKernelApp.log_level=50"],
                config=Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}}),
            )
        except PapermillExecutionError as error:
            raise ChapterError(f"{error.ename}: {error.evalue}") from error
        except DeadKernelError as error:
            _say_where_it_died(output)
            raise ChapterError(DIED) from error
    executed.metadata.papermill["input_path"] = source  # papermill would keep the whole input notebook here
    executed.metadata.papermill["output_path"] = output.name
    write_atomically(output, nbformat.writes(executed))
    return executed


def run(project: Project, profile: str, chapter: str, replicate: int) -> Path:
    """Run one replicate of a chapter as a profile says.

    Args:
        project: the checkout.
        profile: name of the profile.
        chapter: name of the chapter.
        replicate: from 0.

    Returns:
        The folder of the finished run: notebook.ipynb, measurements.json, timings.json, environment.json, figures/.

    Raises:
        UserError: a parameter is unknown or of the wrong type.
        ChapterError: a cell raised. The notebook with the traceback is then at ``Project.failed_path``.
        OSError: no space left, for one; what was written is then removed.
    """
    final = project.run_path(profile, chapter, replicate)
    busy = f"  {profile}/{chapter}/{replicate}: somebody else is making it: waiting"
    with alone(final.with_name(f"{replicate}.lock"), busy) as (_, waited):
        # A job outlives the build that was killed; whoever had to wait for it finds the work done.
        if waited and _is_current(final, fingerprint(project, profile, chapter, replicate)):
            return final
        try:
            return _run(project, profile, chapter, replicate, final)
        except OSError:
            shutil.rmtree(final.with_name(f"{replicate}.partial"), ignore_errors=True)
            raise


def _is_current(folder: Path, wanted: str) -> bool:
    environment = folder / "environment.json"
    return environment.is_file() and not damage(folder) and json.loads(environment.read_text())["fingerprint"] == wanted


def _run(project: Project, profile: str, chapter: str, replicate: int, final: Path) -> Path:
    parameters = run_parameters(project, profile, chapter, replicate)
    failed = project.failed_path(profile, chapter, replicate)
    partial = final.with_name(f"{replicate}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    threads = str(project.profile(profile).recipe(chapter).resources["threads"])
    progress = partial / "progress.txt"
    cache = project.build / "cache" / profile / chapter / str(replicate)
    variables = {
        # TensorFlow logs as an error that it will not fuse integer arithmetic; real ones end as exceptions
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        "DESCENT_RUN_DIR": str(partial),
        "DESCENT_CACHE_DIR": str(cache),
        "DESCENT_PROGRESS": str(progress),
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
    }
    provenance = {
        "profile": profile,
        "chapter": chapter,
        "replicate": replicate,
        "parameters": parameters,
        "fingerprint": fingerprint(project, profile, chapter, replicate),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "threads": int(threads),
        # then ``wall_seconds`` is the time of its last part only
        "resumed": cache.is_dir() and any(cache.iterdir()),
        **machine(project),
    }
    began = time.monotonic()
    try:
        with _reported(progress, f"{profile}/{chapter}/{replicate}"):
            execute_notebook(
                read_chapter(project.page(chapter)),
                partial / "notebook.ipynb",
                parameters,
                folder=project.root / "chapters",
                environment=variables,
                source=f"chapters/{chapter}.md",
            )
    except ChapterError:
        (partial / "notebook.ipynb").replace(failed)
        raise
    devices = partial / "devices.json"
    provenance["devices"] = devices.read_text().split('"')[1::2] if devices.is_file() else ["CPU"]
    provenance["wall_seconds"] = round(time.monotonic() - began, 2)
    # the largest of this process's children: the kernel (kilobytes on Linux, bytes on macOS)
    unit = 1 if platform.system() == "Darwin" else 1024
    provenance["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit // 2**20
    devices.unlink(missing_ok=True)
    progress.unlink(missing_ok=True)
    write_atomically(partial / "environment.json", dump_json(provenance))
    for name in ("measurements.json", "timings.json"):
        if not (partial / name).is_file():
            write_atomically(partial / name, dump_json({}))
    seal(partial)
    shutil.rmtree(final, ignore_errors=True)
    partial.replace(final)
    failed.unlink(missing_ok=True)
    return final


def _say_where_it_died(output: Path) -> None:
    """Put an error into the cell that was running when the kernel died, where a traceback would stand."""
    notebook = nbformat.read(output, as_version=4)
    begun = [cell for cell in notebook.cells if cell.metadata.get("papermill", {}).get("start_time")]
    if begun:  # papermill notes that its last cell ended, and nothing of how
        begun[-1].outputs.append(nbformat.v4.new_output("error", ename="DeadKernel", evalue=DIED, traceback=[DIED]))
    write_atomically(output, nbformat.writes(notebook))


def machine(project: Project) -> dict[str, Any]:
    """Return where and with what something is measured: commit, lock file, versions, processor."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(project.root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    lock = project.root / "requirements.lock"
    return {
        "commit": git("rev-parse", "HEAD") or "unknown",
        "dirty": bool(git("status", "--porcelain", "--untracked-files=no")),
        "lock_sha256": sha256(lock.read_bytes()).hexdigest(),
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in VERSIONS_OF}},
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
    }


def processor() -> str:
    """Return the name of the processor, or nothing where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


@contextmanager
def _variables(values: Mapping[str, str]) -> Iterator[None]:
    kept = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _reported(progress: Path, name: str, every: float = 15.0) -> Iterator[None]:
    """Repeat on standard error what the chapter last wrote to its progress file, while the block runs."""
    done = threading.Event()

    def watch() -> None:
        last = ""
        while not done.wait(every):
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
    """Run one job of the pipeline; return its exit status."""
    profile, chapter, replicate = arguments[0], arguments[1], int(arguments[2])
    name = f"{profile}/{chapter}/{replicate}"
    print(f"  {name}: running", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        run(Project.find(), profile, chapter, replicate)
    except (ChapterError, UserError) as error:
        print(f"  {name}: FAILED: {error}", file=sys.stderr, flush=True)
        return 1
    except OSError as error:
        print(f"  {name}: FAILED: {error.strerror}: {error.filename or 'while writing'}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print(f"  {name}: stopped", file=sys.stderr, flush=True)
        return 130
    print(f"  {name}: done in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
