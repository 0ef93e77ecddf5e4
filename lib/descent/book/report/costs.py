"""What runs cost: how long they took, here or where they were archived, and when a number of them is done."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable
from typing import Any

from descent.book.project import Project
from descent.book.run.run import Run


def measured(project: Project, profile: str, chapter: str) -> list[dict[str, Any]]:
    """Return where and how long a chapter's runs ran: those in the build folder, else those archived."""
    paths = sorted(Run(project, profile, chapter).path.parent.glob("[0-9]*/environment.json"))
    here = [json.loads(path.read_text()) for path in paths if path.parent.name.isdigit()]
    archive = None if here else project.archive(profile, chapter)
    return [run.environment for run in archive.replicates] if archive else here


def makespan(jobs: Iterable[tuple[float, int]], cores: int) -> float:
    """Return when the last job ends if each starts as soon as its cores are free, the longest first.

    Args:
        jobs: (seconds, cores) each; one that asks for more cores than there are gets all.
        cores: of the machine.
    """
    waiting = sorted(((seconds, min(wanted, cores)) for seconds, wanted in jobs), reverse=True)
    running: list[tuple[float, int]] = []  # (when it ends, cores it holds)
    now, free = 0.0, cores
    while waiting or running:
        chosen = next((job for job in waiting if job[1] <= free), None)
        if chosen:
            waiting.remove(chosen)
            heapq.heappush(running, (now + chosen[0], chosen[1]))
            free -= chosen[1]
        else:
            now, freed = heapq.heappop(running)
            free += freed
    return now


def duration(seconds: float) -> str:
    """Return a time as a person says it: 40 s, 7 min, 3.5 h, 11 days."""
    for limit, unit, name, digits in ((90, 1, "s", 0), (5400, 60, "min", 0), (172800, 3600, "h", 1)):
        if seconds < limit:
            return f"{seconds / unit:.{digits}f} {name}"
    return f"{seconds / 86400:.3g} days"
