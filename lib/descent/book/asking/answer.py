"""What runs answer: verdicts beside the book's, which of them flipped, and by which check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descent.book.asking.question import Question, Setting
from descent.book.report.found import ARCHIVED, Found, find, flips, judged, of_the_book, since
from descent.book.report.report import measured, sight, stale
from descent.book.run.run import Run
from descent.evidence import Verdict


@dataclass(frozen=True)
class Change:
    """A claim that ends otherwise than in the book, and the checks that made it so, in words."""

    claim: Verdict
    book: Verdict
    why: tuple[str, ...]

    @property
    def flips(self) -> bool:
        """Say whether both verdicts decide the claim."""
        return flips(self.claim, self.book)


@dataclass(frozen=True)
class Reply:
    """What one setting's runs say.

    Args:
        setting: which.
        verdicts: on the chapter's claims, in their order.
        found: its finished runs.
        missing: those that failed.
        changes: claims that end otherwise than in the book; those that both decide are flipped.
    """

    setting: Setting
    verdicts: list[Verdict]
    found: list[Found]
    missing: list[Run]
    changes: list[Change]


@dataclass(frozen=True)
class Answer:
    """All replies to a question; a notebook shows it as a page.

    Args:
        question: which.
        book: the book's verdicts in the same profile.
        source: which runs they are of, in words.
        replies: one for each setting, in the order of the grid.
    """

    question: Question
    book: list[Verdict]
    source: str
    replies: list[Reply]

    @property
    def missing(self) -> list[Run]:
        """Return the runs that failed."""
        return [run for reply in self.replies for run in reply.missing]

    def _repr_html_(self) -> str:
        from descent.book.asking.page import body

        return body(self)

    def __str__(self) -> str:
        from descent.book.asking.words import text

        return text(self)


def answer(question: Question) -> Answer:
    """Return the answer by what has been made."""
    project, chapter = question.project, question.chapter
    claims, counts_as = project.claims(), project.profile(question.profile).counts_as
    found, source = of_the_book(project, question.profile, chapter)
    if source == ARCHIVED and (names := since(project, question.profile, chapter, found)):
        source += f"; {stale(names)}"
    book = judged(claims, counts_as, chapter, found)
    replies = []
    for setting in question.settings:
        known = [(run, find(run, question.profile)) for run in setting.runs]
        here = [one for _, one in known if one]
        verdicts = judged(claims, counts_as, chapter, here)
        missing = [run for run, one in known if not one]
        replies.append(Reply(setting, verdicts, here, missing, changes(verdicts, book)))
    return Answer(question, book, source, replies)


def changes(here: Sequence[Verdict], book: Sequence[Verdict]) -> list[Change]:
    """Return the claims that end otherwise here than in the book, where both were judged."""
    return [
        Change(now, before, tuple(differences(now, before)))
        for now, before in zip(here, book, strict=True)
        if now.verdict != before.verdict and "not run" not in (now.verdict, before.verdict)
    ]


def differences(here: Verdict, book: Verdict) -> Iterator[str]:
    """Yield a line for each check that ends otherwise: from what to what, and what so many seeds would notice."""
    for now, before in zip(here.checks, book.checks, strict=True):
        if now["state"] != before["state"]:
            yield (
                f"{now['label']}: {before['state']} at {measured(before)} in the book, {now['state']} at "
                f"{measured(now)} here (expected {now['expected']}); {_seen(now, before, here.exact)}"
            )


def _seen(now: Mapping[str, Any], before: Mapping[str, Any], exact: bool) -> str:
    """Return whether these seeds could have noticed, in words."""
    if exact:
        return "exact, so one run decides"
    if now["state"] == "open":
        return now["why"]
    if now["detectable"] is None or before["measured"] is None:
        return f"{now['seeds']} seeds; what they would notice is not known"
    moved = abs(now["measured"] - before["measured"])
    word = "more" if moved > now["detectable"] else "less"
    size = f"{moved:.0%}" if now["expected"].endswith("in most runs") else f"{moved:.2g}"
    return f"it moved by {size}, {word} than the {sight(now)} that {now['seeds']} seeds notice four times in five"
