"""What of this machine a process may use: its affinity and its container's limits count, not what the machine has."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

LEAST_SPACE_MB = 1000  # of addresses; with less some libraries ask for memory again and again, for ever
GROUP, SELF = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for limit in _limits("cpu.max"):
        quota, _, period = limit.partition(" ")
        if quota.isdigit() and period.isdigit():
            cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def memory_mb() -> int:
    """Return the memory that this process may use: the machine's, or its container's if that is less."""
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([size, *(int(limit) for limit in _limits("memory.max") if limit.isdigit())]) // 2**20


def address_space_mb() -> int | None:
    """Return what ``ulimit -v`` leaves this process, or None where it sets no limit."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit // 2**20


def _limits(name: str) -> Iterator[str]:
    """Yield a limit of this process's control group, and of those around it."""
    own = next((line[3:] for line in _read(SELF).splitlines() if line.startswith("0::")), "/").lstrip("/")
    for folder in (Path(own), *Path(own).parents):
        yield _read(GROUP / folder / name).strip()


def _read(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


if __name__ == "__main__":
    print(usable_cores())
