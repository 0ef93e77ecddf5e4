"""Make the book: run what must run, judge, stage, render. Everything but the runs is cheap and always up to date."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import nbformat
import psutil

from descent.book.errors import UserError
from descent.book.machine import memory_mb
from descent.book.pages.stage import check_pages, stage
from descent.book.project import Project
from descent.book.report.results import Evidence
from descent.book.run.integrity import alone, discard_damaged
from descent.book.run.kernel import check_kernel
from descent.book.run.parameters import read_chapter
from descent.book.run.run import Run, runs
from descent.book.run.surroundings import check_folder, furnish
from descent.book.run.why import changed, reason
from descent.book.text import NAME, read_text, read_yaml
from descent.evidence.files import write_atomically

BUSY = "another build is running here: waiting for it"


def build(
    project: Project,
    profile_name: str,
    cores: int,
    chapters: Sequence[str] = (),
    extra: Sequence[str] = (),
    cluster: str | None = None,
) -> int:
    """Make the book in one profile.

    Args:
        project: the checkout.
        profile_name: which profile.
        cores: how many runs may share the machine.
        chapters: which chapters to run; none means all. The rest of the book shows what it last had.
        extra: further arguments for Snakemake.
        cluster: a folder of profiles/ with Snakemake's settings for a cluster; ``cores`` does not bound it.

    Returns:
        0; or 1 if a chapter failed or the rendering warned. Every chapter that can finish has, and has its page.

    Raises:
        UserError: something is wrong that can be known before any long work.
    """
    project.check_writable()
    check_cores(cores)
    profile = project.profile(profile_name)
    wanted = [run for chapter in project.known(chapters) for run in runs(project, profile_name, chapter)]
    check_before(project, wanted)
    where = _cluster(project, cluster) if cluster else here(cores)
    with alone(project.build / ".lock", BUSY) as (lock, waited):  # the one that waited then finds the work done
        if waited:  # its chapters may have been edited meanwhile
            wanted = [Run(Project(project.root), run.profile, run.chapter, run.replicate) for run in wanted]
        discard_damaged(project, profile_name)
        due = due_of(wanted)
        ran = True
        if due or extra:
            check_pages(Evidence(project, profile))
            for run in due:
                print(f"  {reason(run)}", file=sys.stderr)
            ran = run_chapters(project, [*where, *extra], wanted if extra else due, lock)
        # Alternatives stand in strips beside the profile that they depart from.
        evidence = Evidence(project, project.profile(profile.alternatives_of) if profile.alternatives_of else profile)
        evidence.write_verdicts()
        rendered = render(project, stage(project, evidence))
    return 0 if ran and rendered else 1


def check_cores(cores: int) -> None:
    """Raise UserError unless so many cores could be used."""
    if cores < 1:
        raise UserError(f"--cores is {cores}; it wants a whole number from 1")


def check_before(project: Project, wanted: Sequence[Run]) -> None:
    """Find out what can be known before any long work: that all that runs depend on can be read.

    Raises:
        UserError: it can't.
    """
    if not os.access(os.environ.get("HOME") or "?", os.W_OK):
        os.environ |= furnish(project.build / "home")  # where Snakemake keeps what it has read
    for run in wanted:
        _ = run.fingerprint
    project.claims()
    check_kernel()
    check_folder(project.root / "chapters")
    for path in (project.root / "chapters").glob("*.py"):
        raise UserError(f"{path}: nobody would see it change: move it to lib/descent, whose modules are watched")


def due_of(wanted: Sequence[Run]) -> list[Run]:
    """Return the runs that must be made, and set the marks: that a file is there is all that Snakemake has to know."""
    due = [run for run in wanted if changed(run) != []]
    for run in wanted:
        if run in due:
            run.mark.unlink(missing_ok=True)
        else:
            run.mark.touch()
            run.failed.unlink(missing_ok=True)
    return due


def run_chapters(project: Project, where: Sequence[str], due: Sequence[Run], lock: int) -> bool:
    """Make runs, through Snakemake; say whether all went well.

    The jobs' own lines are passed on. What else Snakemake says is told only if a run ended without a word, for then
    the fault is Snakemake's, or the cluster's.
    """
    log = project.build / "snakemake.log"
    log.unlink(missing_ok=True)  # a job that has outlived its build may still write there
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(project.root / "Snakefile")),
        *("--directory", str(project.root), "--keep-going", "--ignore-incomplete", "--nolock"),
        *("--rerun-triggers", "mtime", "--quiet", "host", "progress", "reason", "rules"),
        *where,
        *("--", *(str(run.mark.relative_to(project.root)) for run in due)),
    ]
    said: list[str] = []
    ours = tuple({f"  {run.profile}/" for run in due})
    with log.open("w") as written, log.open() as read:
        # Snakemake holds the lock too: if it outlives this process, the next build still waits for it.
        process = subprocess.Popen(command, cwd=project.root, pass_fds=[lock], stdout=written, stderr=written)
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            status = None
            while status is None:
                with suppress(subprocess.TimeoutExpired):
                    status = process.wait(0.1)
                for line in read:
                    said.append(line.rstrip())
                    if line.startswith(ours):
                        print(said[-1], file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            process.wait()  # Snakemake got the same signal; let it end its jobs
            raise
        finally:
            signal.signal(signal.SIGTERM, before)
    told = {line.split(": ")[0].strip() for line in said if line.startswith(ours) and ": FAILED: " in line}
    undone = [run for run in due if not run.mark.is_file()]
    for run in undone:
        if not run.failed.is_file():
            write_atomically(run.failed, nbformat.writes(_not_begun(run)))
    silent = [str(run) for run in undone if str(run) not in told]
    if silent or (status and not undone):
        rest = [line for line in said if line and not line.startswith(ours)]
        most = 1 if any(line.startswith("Traceback") for line in rest) else 20
        names = f"{', '.join(silent[:3])}{', ...' * (len(silent) > 3)}" or "Snakemake"
        print("\n".join(rest[-most:]), file=sys.stderr)
        print(f"  {names}: FAILED: the lines above say why, and all of {log}", file=sys.stderr)
    return status == 0 and not undone


def _stop(*_: object) -> None:
    """Stop as on Ctrl-C, which a terminal sends to jobs and kernels too."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.send_signal(signal.SIGINT)
    raise KeyboardInterrupt


def _not_begun(run: Run) -> nbformat.NotebookNode:
    """Return what stands for the notebook of a run that ended before its first cell, lest its page show an older."""
    notebook = read_chapter(run.page)
    says = "The run ended before its first cell; what the build printed says why."
    error = nbformat.v4.new_output("error", ename="NotRun", evalue=says, traceback=[says])
    for cell in [cell for cell in notebook.cells if cell.cell_type == "code"][:1]:
        cell.outputs = [error]
    return notebook


def here(cores: int) -> list[str]:
    """Return the arguments that keep Snakemake's jobs to this machine's cores and memory."""
    return ["--cores", str(cores), "--resources", f"mem_mb={memory_mb()}"]


def _cluster(project: Project, name: str) -> list[str]:
    """Return the arguments that send Snakemake's jobs to a cluster."""
    folder = project.root / "profiles" / name
    path = folder / "config.yaml"
    if not NAME.fullmatch(name) or not path.is_file():
        known = ", ".join(sorted(path.parent.name for path in folder.parent.glob("*/config.yaml"))) or "none"
        raise UserError(f"no cluster {name!r}: there is no {path}; there are {known}")
    settings = read_yaml(read_text(path), path)
    executor = settings.get("executor") if isinstance(settings, dict) else None
    if not isinstance(executor, str):
        raise UserError(f"{path}: it wants 'executor: slurm', or another of Snakemake's executors")
    if executor != "local" and find_spec(f"snakemake_executor_plugin_{executor.replace('-', '_')}") is None:
        remedy = f"{sys.executable} -m pip install --constraint requirements.lock --editable '.[{name}]'"
        raise UserError(f"Snakemake's plugin for {executor!r} is not installed: run '{remedy}'")
    return ["--workflow-profile", str(folder)]


def render(project: Project, site: Path) -> bool:
    """Render the staged site unless the pages already show it; say whether it went without a warning."""
    mark = project.html / ".staged"
    state = _state(site)
    if mark.is_file() and mark.read_text() == f"{state} {_state(project.html)}":
        print(f"{project.html / 'index.html'} is up to date", file=sys.stderr)
        return True
    if project.html.is_dir():
        shutil.rmtree(project.html)  # the mark too; and no page that is no more stays behind
    else:
        project.html.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-c", "from jupyter_book.cli.main import main; main()"),
        *("build", str(site), "--path-output", str(project.root)),
        # All pages, always: a page that is not read again keeps links to where the bibliography used to be.
        *("--all", "-W", "-n", "--keep-going", "-q"),
    ]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-8000:] + done.stderr[-8000:], file=sys.stderr)
        print("the pages were rendered with the warnings above; they count as errors", file=sys.stderr)
        return False
    write_atomically(mark, f"{state} {_state(project.html)}")
    print(f"rendered {project.html / 'index.html'}", file=sys.stderr)
    return True


def _state(folder: Path) -> str:
    """Return a hash of all files of a folder, the mark apart."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".staged"):
        digest.update(str(path.relative_to(folder)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    # Pages include pieces of the library.
    for path in sorted((folder / "lib").resolve().rglob("*.py")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
