"""Faults on the small book: after each, the next build gives the right book, and nothing half-written was used."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

# The first chapter says who runs it, and waits for as long as the file "hold" is there.
HOLD = """import os
import pathlib, time
with pathlib.Path('kernels').open('a') as file: print(os.getpid(), file=file)
while pathlib.Path('hold').exists(): time.sleep(0.05)
print("""


@pytest.fixture(scope="module")
def built(book):
    book.edit(book.chapter("first"), "print(", HOLD)
    book.run("book", "--cores", "3")
    return book


def kernels(book):
    return [int(line) for line in (book.root / "chapters/kernels").read_text().split()]


def is_right(book):
    """Say whether everything that a reader sees is whole, and what these chapters give."""
    verdicts = json.loads((book.root / "_build/runs/quick/verdicts.json").read_text())
    assert [(v["verdict"], v["seeds"]) for v in verdicts] == [("reproduced", 1), ("reproduced", 2)]
    assert "measured 10.0" in book.page("first") and "measured 10.0" in book.page("second")
    assert "did not finish" not in book.page("first")
    assert "2 reproduced" in (book.root / "_build/html/chapters/index.html").read_text()
    assert not list((book.root / "_build/runs").rglob("*.partial")) + list(
        (book.root / "_build/runs").rglob("*failed*")
    )
    return True


def alive(pid):
    """Say whether a process is there and no zombie."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def held(book):
    """Change the first chapter, start a build, and give it and its kernel's number once the chapter waits."""
    hold, before = book.root / "chapters/hold", len(kernels(book))
    hold.touch()
    path = book.chapter("first")
    path.write_text(path.read_text().replace("import os", "import os, os", 1))
    process = book.start("book", "--cores", "3")
    try:
        deadline = time.monotonic() + book.patience
        while len(kernels(book)) == before:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        yield process, kernels(book)[-1]
    finally:
        hold.unlink(missing_ok=True)
        if process.poll() is None:
            process.kill()


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_kernel_fails_its_chapter_and_no_other(built):
    with held(built) as (build, kernel):
        os.kill(kernel, signal.SIGKILL)
        _, stderr = build.communicate(timeout=built.patience)
    assert build.returncode == 1 and "the kernel died" in stderr and "Traceback" not in stderr
    assert built.result("first").exists()  # the last good run is kept, and not shown
    page = re.sub("<[^>]*>", "", built.page("first"))
    assert "did not finish" in page and "the kernel died" in page
    built.run("book")
    assert is_right(built)


def test_a_job_that_outlives_snakemake_is_waited_for_and_its_work_used(built):
    with held(built) as (build, kernel):
        (snakemake,) = children(build.pid)
        os.kill(snakemake, signal.SIGKILL)
        assert build.wait(timeout=built.patience) == 1
        assert alive(kernel) and not built.mark("first").exists()
        before = len(kernels(built))
        again = built.start("book", "--cores", "3")
        line = ""
        while "somebody else is making it" not in line:
            line = again.stderr.readline()
            assert line, "the second build ended, or said nothing, while the first one's job went on"
        (built.root / "chapters/hold").unlink()
        _, stderr = again.communicate(timeout=built.patience)
    assert again.returncode == 0, stderr
    assert len(kernels(built)) == before  # it did not run twice
    assert is_right(built)


def test_snakemake_that_outlives_the_command_keeps_the_next_build_waiting(built):
    with held(built) as (build, _):
        before = len(kernels(built))
        build.kill()
        build.wait()
        again = built.start("book", "--cores", "3")
        assert "another build is running here" in again.stderr.readline()
        (built.root / "chapters/hold").unlink()
        _, stderr = again.communicate(timeout=built.patience)
    assert again.returncode == 0, stderr
    assert len(kernels(built)) == before and is_right(built)


def test_two_builds_at_once_make_each_run_once(built):
    before = len(kernels(built))
    with held(built) as (one, _):
        two = built.start("book", "--cores", "3")
        assert "another build is running here" in two.stderr.readline()
        (built.root / "chapters/hold").unlink()
        assert (one.wait(timeout=built.patience), two.wait(timeout=built.patience)) == (0, 0)
    assert len(kernels(built)) == before + 1 and is_right(built)


@pytest.mark.parametrize(
    "names", [("measurements.json", "notebook.ipynb"), ("figures/a-line.svg", "environment.json")], ids=" and ".join
)
def test_a_corrupted_file_of_a_finished_run_is_noticed_and_the_run_made_again(built, names):
    """One file in each of the second chapter's replicates, one bit in its middle."""
    measured = [built.result("second", "measurements.json", replicate=r).read_bytes() for r in (0, 1)]
    for replicate, name in enumerate(names):
        path = built.result("second", name, replicate=replicate)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    stamps = built.stamps("first")
    done = built.run("book")
    for replicate, name in enumerate(names):
        assert f"second/{replicate}: {name} is damaged" in done.stderr
    assert built.stamps("first") == stamps
    assert [built.result("second", "measurements.json", replicate=r).read_bytes() for r in (0, 1)] == measured
    assert is_right(built)


@pytest.mark.parametrize("room", [40_000, 2_000_000], ids=["during the runs", "while staging"])
def test_a_full_disk_is_named_and_nothing_half_written_is_used(built, room):
    """A file system of its own for the build folder, with so much room left: for no run, or for the runs alone."""
    folder = built.root / "_build"
    kept = folder.rename(built.root / f"kept-{room}")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        folder.rmdir()
        kept.rename(folder)
        pytest.skip(f"no file system of a few kilobytes may be mounted here: {done.stderr.strip()}")
    try:
        done = built.run("book", "--cores", "1", check=False)
        assert done.returncode in (1, 2) and "No space left on device" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
        for finished in folder.glob("runs/quick/*/[0-9]/"):
            assert (finished / "sha256sums.txt").is_file()
        subprocess.run(["mount", "-o", "remount,size=200m", str(folder)], check=True)
        built.run("book")
        assert is_right(built)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()
        kept.rename(folder)
        built.run("book")
