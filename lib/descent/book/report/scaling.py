"""How far the published scale goes: what it would take on many devices, from what single runs took on one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median
from typing import Any

from descent.book.project import Project
from descent.book.report.costs import duration, makespan, measured
from descent.book.report.report import code, plain, table
from descent.book.report.results import ARCHIVE_PROFILE
from descent.book.run.parameters import parameters_of, read_chapter
from descent.book.run.run import Run

SEEDS = 30
DEVICES = (1, 8, 64)


@dataclass(frozen=True)
class Cost:
    """What one chapter asks for.

    Args:
        chapter: its name.
        jobs: how many there are, none of which can be divided.
        seconds: what those that were measured took, in the order of the replicates; may be empty.
        limit: seconds that the profile allows one.
        inside: how many seeds a single job runs, if the chapter has a parameter ``seeds``.
        where: what it was measured on, and on which commit, and what should be known about that.
    """

    chapter: str
    jobs: int
    seconds: tuple[float, ...]
    limit: float
    inside: int | None = None
    where: str = ""

    def each(self, seeds_inside: int = 0) -> list[float]:
        """Return the seconds of each job: as measured; one that was not takes the median of those that were.

        Args:
            seeds_inside: that many at least in each job that has seeds inside; what it then takes at most, as if no
                second of it were spent otherwise.
        """
        if not self.seconds:
            return []
        known = self.seconds[: self.jobs]
        growth = max(1.0, seeds_inside / self.inside) if self.inside else 1.0
        return [growth * t for t in (*known, *[median(self.seconds)] * (self.jobs - len(known)))]


def costs(project: Project, profile: str, seeds: int) -> list[Cost]:
    """Return what each chapter asks for, if the profile made so many replicates of what it replicates at all."""
    return [_cost(project, profile, chapter, seeds) for chapter in project.chapters]


def times(jobs: Sequence[float], devices: int) -> tuple[float, float, float]:
    """Return when jobs are done, the speed-up over one device, and the efficiency; a device does one job at a time.

    Args:
        jobs: seconds each, at least one.
        devices: how many, all alike.
    """
    needed = makespan(((seconds, 1) for seconds in jobs), devices)
    return needed, sum(jobs) / needed, sum(jobs) / needed / devices


def enough(jobs: Sequence[float]) -> int:
    """Return the fewest devices that are done as soon as the longest job is: no further one makes a difference."""
    longest = max(jobs) * (1 + 1e-9)  # sums of seconds are rounded
    devices = ceil(sum(jobs) / longest)
    while times(jobs, devices)[0] > longest:
        devices += 1
    return devices


def scaling_tables(project: Project) -> str:
    """Return what the published scale costs by chapter, and what it takes on many devices, as Markdown."""
    if ARCHIVE_PROFILE not in project.profile_names():
        return f"*There is no profile {ARCHIVE_PROFILE}.*"
    found = costs(project, ARCHIVE_PROFILE, SEEDS)
    by_chapter = table(("Chapter", "Jobs", "One job", "Measured on"), [_row(cost) for cost in found])
    if not any(cost.seconds for cost in found):
        return f"{by_chapter}\n\n*No chapter was measured at this scale yet, so there is nothing to compute from.*"
    return f"{by_chapter}\n\n{_summary(found)}\n\n{_device_table(found)}"


def _cost(project: Project, profile: str, chapter: str, seeds: int) -> Cost:
    recipe = project.profile(profile).recipe(chapter)
    defaults = {name: known.default for name, known in parameters_of(read_chapter(project.page(chapter))).items()}
    parameters = Run(project, profile, chapter).parameters
    runs = measured(project, profile, chapter)
    return Cost(
        chapter=chapter,
        jobs=seeds if recipe.replicates > 1 else 1,
        seconds=tuple(run["wall_seconds"] for run in runs),
        limit=60.0 * recipe.resources["runtime"],
        inside=(defaults | parameters).get("seeds"),
        where="; ".join([*sorted({_where(run) for run in runs}), *_remarks(runs, parameters)]),
    )


def _remarks(runs: list[dict[str, Any]], parameters: dict[str, Any]) -> list[str]:
    remarks = []
    if any(_settings(run["parameters"]) != _settings(parameters) for run in runs):
        remarks.append("with other parameters than the profile has now")
    if any(run.get("resumed") for run in runs):
        remarks.append("**at least**: it went on from what an earlier attempt had kept")
    return remarks


def _settings(parameters: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in parameters.items() if name != "seed"}, sort_keys=True)


def _where(run: dict[str, Any]) -> str:
    commit = code(run["commit"]) + (" with changes" if run["dirty"] else "")
    machine = plain(f"{', '.join(run['devices'])}: {run['processor'] or run['machine']}")
    return f"{machine}, {run['threads']} of {run['cores']} cores, {commit}"


def _row(cost: Cost) -> tuple[str, str, str, str]:
    link = f"[{cost.chapter}](../chapters/{cost.chapter})"
    jobs = f"{cost.jobs}" + (f", {cost.inside} seeds inside" if cost.inside else "")
    if not cost.seconds:
        return link, jobs, f"never measured; at most {duration(cost.limit)}", "–"
    low, high = duration(min(cost.each())), duration(max(cost.each()))
    return link, jobs, low if low == high else f"{low} to {high}", cost.where


def _summary(found: Sequence[Cost]) -> str:
    """Return how much work was measured, its longest job, and what is missing from it."""
    jobs = [seconds for cost in found for seconds in cost.each()]
    longest = next(cost for cost in found if max(jobs) in cost.each())
    lines = [
        f"What was measured makes {len(jobs)} jobs and {duration(sum(jobs))} of work. The longest is one of "
        f"{longest.chapter}, {duration(max(jobs))}, so **{enough(jobs)} devices** are enough."
    ]
    missing = [cost for cost in found if not cost.seconds]
    if missing:
        names = ", ".join(f"{cost.chapter} ({cost.jobs} × {duration(cost.limit)})" for cost in missing)
        lines.append(
            f"Not in it, because never measured at this scale: {names}. A column of its own counts them at these "
            "limits, which are what the profile allows them."
        )
    return "\n\n".join(lines)


def _device_table(found: Sequence[Cost]) -> str:
    jobs = [seconds for cost in found for seconds in cost.each()]
    bounds: dict[str, list[float]] = {}  # head of a further column -> its jobs
    more = [seconds for cost in found for seconds in cost.each(SEEDS)]
    if more != jobs:
        bounds[f"{SEEDS} seeds inside too, at most"] = more
    missing = [cost.limit for cost in found if not cost.seconds for _ in range(cost.jobs)]
    if missing:
        bounds["With what is not measured, at its limit"] = jobs + missing
    rows = []
    for devices in sorted({*DEVICES, enough(jobs)}):
        needed, speedup, efficiency = times(jobs, devices)
        cells = [str(devices), duration(needed), f"{speedup:.3g}", f"{efficiency:.0%}"]
        rows.append([*cells, *(duration(times(bound, devices)[0]) for bound in bounds.values())])
    rows.append(
        ["$n$, each $s$ times as fast", "$T(n)/s$", "the same", "the same", *("divided by $s$" for _ in bounds)]
    )
    return table(("Devices", "Time", "Speed-up", "Efficiency", *bounds), rows)
