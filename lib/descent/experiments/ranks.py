"""Experiments as real processes, one rank of MPI each: how they are started, what they say, what goes between them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np


class RankError(Exception):
    """A run of processes that ended before its last round; the message is one line."""


def received(comm: Any, like: np.ndarray, source: int) -> np.ndarray:
    """Wait for an array without keeping the core busy, which ranks that share it need.

    Args:
        comm: mpi4py's communicator.
        like: an array of the same shape and dtype.
        source: the rank that sends it.
    """
    while not comm.Iprobe(source=source):
        time.sleep(1e-3)
    found = np.empty_like(like)
    comm.Recv(found, source=source)
    return found


def run_ranks(
    count: int,
    call: Sequence[str],
    kept: Callable[[], str],
    launcher: str = "mpirun",
    counted: bool = True,
) -> int | None:
    """Run a module of Python as ranks, each of one thread.

    Args:
        count: how many ranks.
        call: the module's name, and its arguments.
        kept: says which round is kept, where one is; asked if a rank ends before its time.
        launcher: the command that starts ranks: "mpirun", or a cluster's own, such as "srun --mpi=pmix".
        counted: let Open MPI count bytes, where it can.

    Returns:
        The bytes that ranks handed to each other, counted by Open MPI's own monitoring of messages; None where the
        launcher is another, or has no such component.

    Raises:
        RankError: a rank ended before its time, or there is no MPI. One line.
    """
    words = shlex.split(launcher)
    if shutil.which(words[0]) is None or find_spec("mpi4py") is None:
        raise RankError(
            f"{words[0]} or mpi4py is missing: install an MPI (Debian: openmpi-bin) and pip install '.[mpi]'"
        )
    with tempfile.TemporaryDirectory() as folder:
        if Path(words[0]).name in ("mpirun", "mpiexec"):
            words += ["--oversubscribe", *(["--allow-run-as-root"] if os.geteuid() == 0 else [])]
            words += _monitoring(Path(folder) / "sent") if counted else []
        environment = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
        environment |= {name: value for name, value in os.environ.items() if not _is_half_of_slurm(name)}
        done = subprocess.run(
            [*words, "-n", str(count), sys.executable, "-m", *call],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        if done.returncode:
            raise RankError(f"{who_died(done.stderr)}; {kept()}: the same command goes on from there")
        return _counted(Path(folder), "sent") if counted else None


def be_rank(work: Callable[[], None]) -> int:
    """Do a rank's work; what goes wrong is one line, and ends all ranks."""
    from mpi4py import MPI

    try:
        work()
    except Exception as error:
        print(f"rank {MPI.COMM_WORLD.rank}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        MPI.COMM_WORLD.Abort(1)
    return 0


def who_died(log: str) -> str:
    """Return which rank ended the run and how, in a few words, from what rank and launcher have said."""
    if said := re.search(r"^rank (\d+): (.*)$", log, re.MULTILINE):
        return f"rank {said[1]} ended the run: {said[2]}"
    if said := re.search(r"process rank (\d+) .*exited on signal (\d+)", log):
        return f"rank {said[1]} died of signal {said[2]}"
    words = " ".join(line for line in map(str.strip, log.splitlines()) if re.search(r"\w", line))
    return f"the ranks ended: {words[:300] or 'nothing was said'}"


def _is_half_of_slurm(name: str) -> bool:
    """Return whether a variable is of those that Snakemake leaves of a job's: mpirun would ask for the others."""
    return name.startswith("SLURM_") and "SLURM_NODELIST" not in os.environ


def _monitoring(prefix: Path) -> list[str]:
    settings = {
        "pml_monitoring_enable": "2",
        "pml_monitoring_enable_output": "3",
        "pml_monitoring_filename": str(prefix),
    }
    return [word for name, value in settings.items() for word in ("--mca", name, value)]


def _counted(folder: Path, prefix: str) -> int | None:
    """Return the bytes of messages between ranks in the files that Open MPI leaves, one for each rank."""
    lines = [line for path in folder.glob(f"{prefix}.*.prof") for line in path.read_text().splitlines()]
    sent = [re.match(r"E\t\d+\t\d+\t(\d+) bytes", line) for line in lines]
    return sum(int(found[1]) for found in sent if found) if lines else None
