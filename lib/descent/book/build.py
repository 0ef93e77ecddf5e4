"""Make the book: run what must run, judge, stage, render. Everything but the runs is cheap and always up to date."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import yaml

from descent.book.errors import UserError
from descent.book.pages.stage import stage
from descent.book.project import Project
from descent.book.report.results import Evidence
from descent.book.run.integrity import alone, discard_damaged
from descent.book.run.kernel import check_kernel
from descent.book.run.run import Run
from descent.book.run.why import why
from descent.evidence.files import write_atomically


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
    profile = project.profile(profile_name)
    for chapter in project.known(chapters):
        _ = Run(project, profile_name, chapter).parameters  # checked
    project.claims()
    check_kernel()
    where = _cluster(project, cluster) if cluster else ["--cores", str(cores)]
    busy = "another build is running here: waiting for it"
    with alone(project.build / ".lock", busy) as (lock, _):  # the one that waited then finds the work done
        discard_damaged(project, profile_name)
        for line in why(project, profile_name, project.known(chapters), current=False):
            print(f"  {line}", file=sys.stderr)
        ran = run_chapters(project, profile_name, [*where, *extra], chapters, lock)
        evidence = Evidence(project, profile)
        evidence.write_verdicts()
        rendered = render(project, stage(project, evidence))
    return 0 if ran and rendered else 1


def run_chapters(project: Project, profile_name: str, where: Sequence[str], chapters: Sequence[str], lock: int) -> bool:
    """Run every job whose fingerprint changed, through Snakemake; say whether all went well."""
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(project.root / "Snakefile")),
        *("--directory", str(project.root), "--keep-going", "--rerun-incomplete", "--nolock"),
        *("--rerun-triggers", "params", "--quiet", "all", "--config", f"profile={profile_name}"),
        *([f"chapters={' '.join(chapters)}"] if chapters else []),
        *where,
    ]
    # Snakemake holds the lock too: if it outlives this process, the next build still waits for it.
    process = subprocess.Popen(command, cwd=project.root, pass_fds=[lock])
    try:
        return process.wait() == 0
    except KeyboardInterrupt:
        process.wait()  # Snakemake got the same signal; let it end its jobs
        raise


def _cluster(project: Project, name: str) -> list[str]:
    """Return the arguments that send Snakemake's jobs to a cluster."""
    folder = project.root / "profiles" / name
    if not (folder / "config.yaml").is_file():
        known = ", ".join(sorted(path.parent.name for path in folder.parent.glob("*/config.yaml"))) or "none"
        raise UserError(f"no cluster {name!r}: there is no {folder / 'config.yaml'}; there are {known}")
    executor = yaml.safe_load((folder / "config.yaml").read_text())["executor"]
    if executor != "local" and find_spec(f"snakemake_executor_plugin_{executor.replace('-', '_')}") is None:
        remedy = f"{sys.executable} -m pip install --constraint requirements.lock --editable '.[{name}]'"
        raise UserError(f"Snakemake's plugin for {executor!r} is not installed: run '{remedy}'")
    return ["--workflow-profile", str(folder)]


def render(project: Project, site: Path) -> bool:
    """Render the staged site unless the pages already show it; say whether it went without a warning."""
    mark = project.html / ".staged"
    state = _state(site)
    if mark.is_file() and mark.read_text() == state:
        print(f"{project.html / 'index.html'} is up to date", file=sys.stderr)
        return True
    shutil.rmtree(project.html, ignore_errors=True)  # the mark too; and no page that is no more stays behind
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
    write_atomically(mark, state)
    print(f"rendered {project.html / 'index.html'}", file=sys.stderr)
    return True


def _state(site: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in site.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(site)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    # Pages include pieces of the library.
    for path in sorted((site / "lib").resolve().rglob("*.py")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
