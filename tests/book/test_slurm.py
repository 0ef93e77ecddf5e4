"""The small book on a real Slurm of one node: jobs through sbatch, one killed in the middle and taken up again."""

import os
import re
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE = ROOT / "tests" / "cluster" / "slurm_node.sh"
MISSING = [program for program in ("slurmctld", "slurmd", "munged", "sbatch") if not shutil.which(program)]

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"no Slurm here: {', '.join(MISSING)} not installed (slurm-wlm, munge)"),
    pytest.mark.skipif(
        find_spec("snakemake_executor_plugin_slurm") is None, reason="the extra 'slurm' is not installed"
    ),
    pytest.mark.skipif(os.getuid() != 0, reason="only root can start a node that runs jobs"),
]
THROUGH_SBATCH = ("book", "--cluster", "slurm", "--snakemake", "--slurm-init-seconds-before-status-checks", "2")
HOLD = "import pathlib, time\nwhile pathlib.Path('hold').exists(): time.sleep(0.1)\nprint("


@pytest.fixture(scope="module")
def jobs(tmp_path_factory, book):
    """Start the node; return a function that lists its finished jobs as (name of the run, state)."""
    folder = tmp_path_factory.mktemp("slurm")
    with (folder / "start.log").open("w") as log:
        started = subprocess.run([NODE, "start", folder, "2", "9000"], stderr=log, timeout=60)
    if started.returncode:  # a container may forbid what its daemons need
        pytest.skip(f"Slurm is installed, but does not start here: {(folder / 'start.log').read_text()[-500:]}")
    shutil.copytree(ROOT / "profiles" / "slurm", book.root / "profiles" / "slurm")
    yield lambda: re.findall(r"JobState=(\w+)", (folder / "jobs.txt").read_text())
    subprocess.run(["scancel", "--state=RUNNING", "--full"], env=book.environment, check=False)
    subprocess.run([NODE, "stop", folder], check=True)


def results(book):
    """Return what was measured and judged, as bytes: file -> content."""
    return {
        str(path): path.read_bytes()
        for path in (book.root / "_build/runs").rglob("*s.json")
        if path.name != "timings.json"
    }


def test_a_job_killed_in_the_middle_is_taken_up_and_all_is_as_in_a_local_build(book, jobs):
    book.edit(book.chapter("first"), "print(", HOLD)
    book.run("book", "--cores", "2")
    local = results(book)
    shutil.rmtree(book.root / "_build")
    shutil.rmtree(book.root / ".snakemake")

    (book.root / "chapters" / "hold").touch()
    build = book.start(*THROUGH_SBATCH)
    partial = book.result("first").parent.with_name("0.partial") / "notebook.ipynb"
    try:
        deadline = time.monotonic() + book.patience
        # the run that is held has begun, and the other two have come to their end
        while not (partial.is_file() and jobs().count("COMPLETED") == 2):
            assert build.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        running = subprocess.run(
            ["squeue", "--noheader", "--format=%A"], env=book.environment, capture_output=True, text=True, check=True
        ).stdout.split()
        assert len(running) == 1
        subprocess.run(["scancel", "--signal=KILL", "--full", *running], env=book.environment, check=True)
        _, stderr = build.communicate(timeout=book.patience)
    finally:
        if build.poll() is None:
            build.kill()
    assert build.returncode == 1, stderr
    assert not book.result("first").exists()
    kept = [book.result("second", replicate=r).stat().st_mtime_ns for r in (0, 1)]

    (book.root / "chapters" / "hold").unlink()
    book.run(*THROUGH_SBATCH)
    assert [book.result("second", replicate=r).stat().st_mtime_ns for r in (0, 1)] == kept
    assert len(jobs()) == 4 and jobs().count("COMPLETED") == 3  # three runs, one of them twice
    assert results(book) == local and len(local) == 4  # measurements of three runs, and the verdicts
    assert "measured 10.0" in book.page("first") and "reproduced" in book.page("second")


def test_an_unknown_cluster_is_one_clear_line(book, jobs):
    done = book.run("book", "--cluster", "moon", check=False)
    assert done.returncode == 2 and "there are slurm" in done.stderr and done.stderr.count("\n") == 1
