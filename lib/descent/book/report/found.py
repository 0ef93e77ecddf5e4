"""What is known of a run without making it: it has been made, or the book's twin of it has, here or in an archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from descent.book.project import Project
from descent.book.report.report import stale
from descent.book.report.results import read_json
from descent.book.run.integrity import damage
from descent.book.run.run import Run, runs
from descent.book.run.why import changed, changed_since
from descent.evidence import Verdict, judge
from descent.evidence.verdicts import merge


@dataclass(frozen=True)
class Found:
    """A run's measurements, its environment, and the folder where it lies; an archived one has none."""

    measurements: dict[str, Any]
    environment: dict[str, Any]
    folder: Path | None = None


def find(run: Run, profile: str) -> Found | None:
    """Return what is known of a run: made itself, or made in another profile with the same parameters and code.

    Args:
        run: wanted.
        profile: where its twin may be.
    """
    twins = (twin for twin in runs(run.project, profile, run.chapter) if twin.parameters == run.parameters)
    for made in (run, *twins):
        if changed(made) == [] and not damage(made.path):
            return _made(made.path)
    archive = run.project.archive(profile, run.chapter)
    for kept in archive.replicates if archive else ():
        if not changed_since(run, kept.environment, archived=True):
            return Found(dict(kept.measurements), kept.environment)
    return None


def of_the_book(project: Project, profile: str, chapter: str) -> tuple[list[Verdict], str]:
    """Return the book's own verdicts on a chapter in a profile, and which runs they are of, in words.

    Runs of this build come first while they are current, then archived ones, then older ones of this build.
    """
    wanted = list(runs(project, profile, chapter))
    made = [_made(run.path) for run in wanted if (run.path / "environment.json").is_file()]
    names = [name for run in wanted for name in changed(run) or ()]
    archive = project.archive(profile, chapter)
    found, source = made, f"this build's runs; {stale(names)}" if names else "this build's runs"
    if archive and (names or len(made) < len(wanted)):
        found = [Found(dict(kept.measurements), kept.environment) for kept in archive.replicates]
        since: dict[str, None] = {}
        for number, kept in enumerate(found):
            now = Run(project, profile, chapter, kept.environment.get("replicate", number))
            since |= dict.fromkeys(changed_since(now, kept.environment, archived=True))
        source = "archived runs" + (f"; {stale(list(since))}" if since else "")
    if not found:
        source = f"none, for want of runs: make book PROFILE={profile} CHAPTER={chapter}"
    return judged(project, profile, chapter, found), source


def judged(project: Project, profile: str, chapter: str, found: Sequence[Found]) -> list[Verdict]:
    """Return the verdicts on a chapter's claims by runs."""
    claims = [claim for claim in project.claims() if claim.chapter == chapter]
    measured = merge([one.measurements for one in found])
    return judge(claims, {chapter: measured}, project.profile(profile).counts_as)


def _made(folder: Path) -> Found:
    return Found(read_json(folder / "measurements.json"), read_json(folder / "environment.json"), folder)
