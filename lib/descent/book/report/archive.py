"""Keep what finished runs measured, for every later build to show: ``descent archive``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from descent.book.errors import UserError
from descent.book.report.published import keep
from descent.book.report.results import Evidence, read_json
from descent.evidence.files import dump_json, write_if_changed


def archive(evidence: Evidence, chapter: str) -> Path:
    """Copy measurements of a chapter's finished runs and pictures of the first, with their provenance, to ``results``.

    Returns:
        The file written.

    Raises:
        UserError: not every replicate has run, or one ran on changed files that no commit holds.
    """
    evidence.project.known([chapter])
    wanted = evidence.profile.recipe(chapter).replicates
    finished = evidence.runs(chapter)
    if len(finished) < wanted:
        raise UserError(
            f"{chapter}: {len(finished)} of {wanted} replicates have run in the {evidence.profile.name} profile; "
            f"run 'make book PROFILE={evidence.profile.name} CHAPTER={chapter}' first"
        )
    replicates = []
    for run in finished:
        replicate = measured(run)
        environment = replicate["environment"]
        if environment["commit"] == "unknown":
            raise UserError(
                f"{run}: no git could tell which commit it is of, so nobody could repeat it: run it in a clone of "
                "the repository, with git installed and the folder yours ('git status' says what is wrong)"
            )
        if environment["dirty"]:
            raise UserError(f"{run}: made from uncommitted changes, so nobody could repeat it: commit and run again")
        replicates.append(replicate)
    kept: dict[str, Any] = {"chapter": chapter, "profile": evidence.profile.name, "replicates": replicates}
    if pictures := keep(evidence.project, evidence.profile.name, chapter, finished[0] / "figures"):
        kept["figures"] = pictures
    path = evidence.project.root / "results" / evidence.profile.name / f"{chapter}.json"
    write_if_changed(path, dump_json(kept))
    return path


def measured(run: Path) -> dict[str, Any]:
    """Return what a finished run measured, and where and when, as archives keep it."""
    environment = read_json(run / "environment.json")
    for kind in ("lock", "data"):  # long, and told by hash and commit; this machine's own
        environment.get("parts", {}).pop(kind, None)
    return {
        "measurements": read_json(run / "measurements.json"),
        "timings": read_json(run / "timings.json"),
        "environment": environment,
    }
