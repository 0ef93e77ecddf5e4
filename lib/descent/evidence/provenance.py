"""Where a result comes from: commit, lock file, versions, machine."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from collections.abc import Sequence
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

VERSIONS_OF = ("tensorflow", "keras", "numpy", "scipy", "matplotlib", "papermill", "jupyter-book")


def provenance(root: Path, paths: Sequence[str | Path] = (), versions: Sequence[str] = VERSIONS_OF) -> dict[str, Any]:
    """Return where and with what something is made; to be asked before the work.

    Args:
        root: the checkout.
        paths: what must be as committed for the result to count as the commit's; everything, if none is named.
        versions: of which packages, where they are installed.
    """
    return {
        "commit": git(root, "rev-parse", "HEAD") or "unknown",
        "dirty": bool(git(root, "status", "--porcelain", "--untracked-files=no", "--", *map(str, paths))),
        "lock_sha256": lock_sha256(root),
        "versions": {"python": platform.python_version(), **_installed(versions)},
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
    }


def lock_sha256(root: Path) -> str:
    """Return the hash of the file that pins every version."""
    lock = root / "requirements.lock"
    return sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "unknown"


def git(root: Path, *arguments: str) -> str:
    """Return what git says, or nothing where there is none that can be started, or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def processor() -> str:
    """Return the name of the processor, or nothing where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def peak_memory_mb(who: int = resource.RUSAGE_SELF) -> int:
    """Return the most memory that this process held, or with ``RUSAGE_CHILDREN`` the largest of its children."""
    unit = 1 if platform.system() == "Darwin" else 1024  # bytes on macOS, kilobytes on Linux
    return resource.getrusage(who).ru_maxrss * unit // 2**20


def _installed(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
