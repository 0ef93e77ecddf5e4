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
from descent.evidence import Claim, Verdict, judge
from descent.evidence.verdicts import merge

ARCHIVED = "archived runs"
DECIDED = ("reproduced", "partly", "not reproduced")


@dataclass(frozen=True)
class Found:
    """A run's measurements, its environment, and the folder where it lies; an archived one has none."""

    measurements: dict[str, Any]
    environment: dict[str, Any]
    folder: Path | None = None


def made(run: Run) -> Found | None:
    """Return a run of this build, if it has been made, whole, and of today's code and parameters."""
    if changed(run) == [] and not damage(run.path):
        return _read(run.path)
    return None


def find(run: Run, profile: str) -> Found | None:
    """Return what is known of a run: made itself, or made in another profile with the same parameters and code.

    Args:
        run: wanted.
        profile: where its twin may be.
    """
    if known := made(run):
        return known
    for twin in runs(run.project, profile, run.chapter):
        if twin.path.is_dir() and twin.parameters == run.parameters and (known := made(twin)):
            return known
    archive = run.project.archive(profile, run.chapter)
    for kept in archive.replicates if archive else ():
        if not changed_since(run, kept.environment, archived=True):
            return Found(dict(kept.measurements), kept.environment)
    return None


def of_the_book(project: Project, profile: str, chapter: str) -> tuple[list[Found], str]:
    """Return the book's own runs of a chapter in a profile, and in words which these are.

    Runs of this build come first while they are current, then archived ones, then older ones of this build.
    """
    wanted = list(runs(project, profile, chapter))
    finished = [run for run in wanted if (run.path / "environment.json").is_file()]
    names = [name for run in finished for name in changed(run) or ()]
    archive = project.archive(profile, chapter)
    if archive and (names or len(finished) < len(wanted)):
        return [Found(dict(kept.measurements), kept.environment) for kept in archive.replicates], ARCHIVED
    if finished:
        return [_read(run.path) for run in finished], "this build's runs" + (f"; {stale(names)}" if names else "")
    return [], f"none, for want of runs: make book PROFILE={profile} CHAPTER={chapter}"


def since(project: Project, profile: str, chapter: str, found: Sequence[Found]) -> list[str]:
    """Return what has changed since archived runs were made, in words."""
    names: dict[str, None] = {}
    for number, kept in enumerate(found):
        now = Run(project, profile, chapter, kept.environment.get("replicate", number))
        names |= dict.fromkeys(changed_since(now, kept.environment, archived=True))
    return list(names)


def flips(here: Verdict, book: Verdict) -> bool:
    """Say whether a claim is decided in both places, and otherwise; what is undecided flips nothing."""
    return here.verdict != book.verdict and here.verdict in DECIDED and book.verdict in DECIDED


def judged(claims: Sequence[Claim], counts_as: str, chapter: str, found: Sequence[Found]) -> list[Verdict]:
    """Return the verdicts on a chapter's claims by runs, of a profile that counts as so large."""
    own = [claim for claim in claims if claim.chapter == chapter]
    return judge(own, {chapter: merge([one.measurements for one in found])}, counts_as)


def _read(folder: Path) -> Found:
    return Found(read_json(folder / "measurements.json"), read_json(folder / "environment.json"), folder)
