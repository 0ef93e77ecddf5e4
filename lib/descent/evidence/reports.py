"""The shape of ``report.json``: every verdict, this build's and at published scale, and which of them is the better."""

from __future__ import annotations

from typing import Any, Literal

from descent.evidence.validation import Model
from descent.evidence.verdicts import Outcome, Verdict


class ReportedClaim(Model):
    """One claim.

    Args:
        id: of the claim.
        kind: "finding", "theorem" or "control".
        verdict: by the best evidence there is.
        by: which that is.
        where: the same in words: scale, seeds, date.
        changed: what has changed since those runs were made, in words.
        this_build: this build's verdict.
        published_scale: that of the archived runs at published scale, if there are any.
    """

    id: str
    kind: Literal["finding", "theorem", "control"]
    verdict: Outcome
    by: Literal["published scale", "this build"]
    where: str
    changed: list[str]
    this_build: Verdict
    published_scale: Verdict | None


class Report(Model):
    """The whole report.

    Args:
        profile: of this build.
        tally: kind of claim -> outcome -> how many, by the best evidence.
        claims: in the order of the book.
        runs: chapter -> what its runs said of themselves, or "failed", or "not run".
    """

    profile: str
    tally: dict[Literal["finding", "theorem", "control"], dict[Outcome, int]]
    claims: list[ReportedClaim]
    runs: dict[str, list[dict[str, Any]] | Literal["failed", "not run"]]
