"""The evidence behind a build: what ran, what was measured, what was judged; today's and the archived."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat

from descent.book.errors import UserError
from descent.book.project import Profile, Project
from descent.book.run.run import Run, runs
from descent.book.run.why import changed_since
from descent.evidence import Claim, Verdict, judge
from descent.evidence.archives import Archive
from descent.evidence.files import dump_json, write_if_changed
from descent.evidence.verdicts import merge

ARCHIVE_PROFILE = "paper"


@dataclass(frozen=True)
class Best:
    """The best evidence on a claim.

    Args:
        verdict: what it says.
        published: whether it is of archived runs at published scale, and not of this build.
        where: of which runs, in words.
        changed: what has changed since they were made, in words.
    """

    verdict: Verdict
    published: bool
    where: str
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Runs and verdicts of one profile, and the archived ones at published scale."""

    project: Project
    profile: Profile

    @cached_property
    def claims(self) -> list[Claim]:
        """Return all claims in the order of the chapters."""
        return self.project.claims()

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Return this build's verdicts, one per claim."""
        measured = {chapter: merge(self.replicates(chapter, "measurements.json")) for chapter in self.project.chapters}
        verdicts = judge(self.claims, measured, self.profile.counts_as)
        if self.profile.name != self.profile.counts_as:
            return [Verdict(**{**verdict.as_dict(), "profile": self.profile.name}) for verdict in verdicts]
        return verdicts

    @cached_property
    def archived(self) -> dict[str, Verdict]:
        """Return the verdicts of the archived runs at published scale, by claim."""
        measured = {
            chapter: merge([run.measurements for run in archive.replicates])
            for chapter, archive in self.archives.items()
        }
        claims = [claim for claim in self.claims if claim.chapter in measured]
        return {verdict.id: verdict for verdict in judge(claims, measured, ARCHIVE_PROFILE)}

    @cached_property
    def archives(self) -> dict[str, Archive]:
        """Return the archived runs at published scale, by chapter.

        Raises:
            UserError: a file is no archive.
        """
        found = {chapter: self.project.archive(ARCHIVE_PROFILE, chapter) for chapter in self.project.chapters}
        return {chapter: archive for chapter, archive in found.items() if archive is not None}

    @cached_property
    def best(self) -> dict[str, Best]:
        """Return the best evidence on each claim: archived runs at published scale where they tell, else this build's.

        Archived runs tell unless they measured nothing of the claim, or leave open what this build decides.
        """
        return {verdict.id: self._best(verdict, self.archived.get(verdict.id)) for verdict in self.verdicts}

    def _best(self, here: Verdict, there: Verdict | None) -> Best:
        told = ("reproduced", "partly", "not reproduced")
        if there is None or there.verdict == "not run" or (there.verdict not in told and here.verdict in told):
            return Best(here, False, f"this build, {self.profile.name}")
        runs = [run.environment for run in self.archives[here.chapter].replicates]
        began = max((run["started"] for run in runs if "started" in run), default="")
        day = f", {datetime.fromisoformat(began):%d %B %Y}".replace(", 0", ", ") if began else ""
        seeds = f", {there.seeds} seed{'s' * (there.seeds > 1)}" if there.seeds and not there.exact else ""
        return Best(there, True, f"published scale{seeds}{day}", self.changed.get(here.chapter, ()))

    @cached_property
    def changed(self) -> dict[str, tuple[str, ...]]:
        """Return what has changed since the archived runs at published scale were made, in words, by chapter."""
        found = {}
        for chapter, archive in self.archives.items():
            names: dict[str, None] = {}
            for number, run in enumerate(archive.replicates):
                now = Run(self.project, ARCHIVE_PROFILE, chapter, run.environment.get("replicate", number))
                names |= dict.fromkeys(changed_since(now, run.environment, archived=True))
            found[chapter] = tuple(names)
        return found

    def verdict(self, claim_id: str, page: str) -> Verdict:
        """Return the verdict on a claim, by the best evidence there is.

        Raises:
            UserError: no such claim; ``page`` says who asked.
        """
        if claim_id in self.best:
            return self.best[claim_id].verdict
        raise UserError(f"chapters/{page}.md: no claim {claim_id!r} in chapters/claims/; check the spelling")

    def runs(self, chapter: str) -> list[Path]:
        """Return the folders of the chapter's finished runs that the profile asks for, unless it failed since."""
        wanted = runs(self.project, self.profile.name, chapter)
        return [run.path for run in wanted if (run.path / "environment.json").is_file() and not run.failed.is_file()]

    def replicates(self, chapter: str, name: str) -> list[dict[str, Any]]:
        """Return one JSON file of each finished run of a chapter."""
        return [read_json(path / name) for path in self.runs(chapter)]

    def notebook(self, chapter: str) -> tuple[nbformat.NotebookNode | None, bool]:
        """Return the executed notebook of the first replicate and whether it failed; (None, False) before any run."""
        run = Run(self.project, self.profile.name, chapter)
        for path, is_failed in ((run.failed, True), (run.path / "notebook.ipynb", False)):
            if path.is_file():
                try:
                    return nbformat.read(path, as_version=4), is_failed
                except ValueError as error:
                    raise UserError(f"{path} is damaged: remove {path.parent} and run make book again") from error
        return None, False

    def write_verdicts(self) -> Path:
        """Write ``verdicts.json`` beside the profile's runs and return its path."""
        path = self.project.build / "runs" / self.profile.name / "verdicts.json"
        write_if_changed(path, dump_json([verdict.as_dict() for verdict in self.verdicts]))
        return path


def read_json(path: Path) -> dict[str, Any]:
    """Return what a file of a finished run holds.

    Raises:
        UserError: it is missing or damaged.
    """
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is missing or damaged: remove {path.parent} and run make book again") from error
