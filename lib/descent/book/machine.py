"""What of this machine a process may use: its affinity and its container's limits count, not what the machine has."""

from __future__ import annotations

import os
from pathlib import Path

GROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Return how many cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _limit("cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        cores = min(cores, max(1, int(quota) // int(period)))
    return cores


def memory_mb() -> int:
    """Return the memory that this process may use: the machine's, or its container's if that is less."""
    size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _limit("memory.max")
    return (min(size, int(limit)) if limit.isdigit() else size) // 2**20


def _limit(name: str) -> str:
    path = GROUP / name
    return path.read_text().strip() if path.is_file() else ""


if __name__ == "__main__":
    print(usable_cores())
