"""Robustness strips: under which of a chapter's declared alternatives each claim holds, and the first that flips it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from descent.book.alternatives import Alternative
from descent.book.project import Project
from descent.book.report.found import DECIDED, Found, flips, judged, made, of_the_book
from descent.book.report.report import SIGNS, anchor, badge, prose, slug, stale, table
from descent.book.run.run import Run, runs
from descent.book.run.why import changed_since
from descent.evidence import Claim, Verdict

PROFILE = "alternatives"


@dataclass(frozen=True)
class Strip:
    """One claim under its chapter's alternatives.

    Args:
        book: the verdict in the profile that they depart from.
        alternatives: what was declared, in order.
        verdicts: one each; None where it has not run.
    """

    book: Verdict
    alternatives: tuple[Alternative, ...]
    verdicts: tuple[Verdict | None, ...]

    @property
    def made(self) -> list[Verdict]:
        """Return the verdicts of alternatives that have run."""
        return [verdict for verdict in self.verdicts if verdict]

    @property
    def judged(self) -> bool:
        """Say whether any run measured what the claim is about."""
        return any(verdict.verdict != "not run" for verdict in (self.book, *self.made))

    @property
    def first_flip(self) -> Alternative | None:
        """Return the first alternative that decides the claim otherwise than the book; None if none does."""
        for alternative, verdict in zip(self.alternatives, self.verdicts, strict=True):
            if verdict and flips(verdict, self.book):
                return alternative
        return None

    @property
    def says(self) -> str:
        """Return in words in how many of them it holds, and which is the first that flips it."""
        if not self.made:
            return "none has run yet"
        if not self.judged:
            return "not measured in this profile"
        outcomes = [verdict.verdict for verdict in self.made]
        said = f"reproduced in {outcomes.count('reproduced')} of {len(outcomes)}"
        said += f", undecided in {count}" if (count := outcomes.count("undecided")) else ""
        if self.book.verdict not in DECIDED:
            return f"{said}; undecided in {self.book.profile}"
        if not set(outcomes) & set(DECIDED):
            return f"{said}; no choice decides it"
        return f"{said}; " + (f"first flipped by {flip.name}" if (flip := self.first_flip) else "never flipped")


def strips(project: Project, claims: Sequence[Claim], chapter: str) -> tuple[list[Strip], tuple[str, ...]]:
    """Return the strips of a chapter's claims, and what has changed since their archived runs were made, in words.

    Args:
        project: the checkout.
        claims: the book's.
        chapter: whose.

    Raises:
        UserError: a declaration or an archive is malformed.
    """
    declared = project.alternatives.get(chapter, ())
    if not declared or PROFILE not in project.profile_names():
        return [], ()
    profile = project.profile(PROFILE)
    kept = [_kept(run) for run in runs(project, PROFILE, chapter)]
    columns = [judged(claims, profile.counts_as, chapter, [found]) if found else None for found, _ in kept]
    of_book, _ = of_the_book(project, profile.alternatives_of or PROFILE, chapter)
    book = judged(claims, profile.counts_as, chapter, of_book)
    found = [
        Strip(verdict, declared, tuple(column[number] if column else None for column in columns))
        for number, verdict in enumerate(book)
    ]
    return found, tuple(dict.fromkeys(name for _, names in kept for name in names))


def strips_table(project: Project, claims: Sequence[Claim]) -> str:
    """Return the strips of all chapters as Markdown: each alternative a sign, with its name beneath the pointer."""
    parts = []
    for chapter in project.chapters:
        found, changed = strips(project, claims, chapter)
        if not found or not any(strip.made for strip in found):
            continue
        names = "; ".join(f"({number}) {prose(one.name)}" for number, one in enumerate(found[0].alternatives, 1))
        since = f" *{prose(stale(changed))}.*" if changed else ""
        rows = [
            (
                f'<a href="#{anchor(strip.book.id)}">{strip.book.id}</a>',
                badge(strip.book, linked=False),
                _signs(strip),
                strip.says,
            )
            for strip in found
            if strip.judged
        ]
        decided = [strip for strip in found if strip.book.verdict in DECIDED]
        flipped = sum(strip.first_flip is not None for strip in decided)
        head = ("Claim", f"Profile {found[0].book.profile}", "Alternatives", "In words")
        parts.append(
            f"````{{dropdown}} {chapter}: {flipped} of {len(decided)} decided claims flipped\n"
            f"[{chapter}](../chapters/{chapter}) under {names}.{since}\n\n{table(head, rows)}\n````"
        )
    return "\n\n".join(parts) or "*No alternative has run yet.*"


def strips_text(project: Project, chapters: Sequence[str]) -> str:
    """Return the strips of chapters as text for a terminal."""
    lines, claims = [], project.claims()
    for chapter in chapters:
        found, changed = strips(project, claims, chapter)
        if not any(strip.made for strip in found):
            lines += [f"{chapter}: none has run yet"] if found else []
            continue
        names = (f"{number}. {one.name}" for number, one in enumerate(found[0].alternatives, 1))
        lines.append(f"{chapter}: {'; '.join(names)}" + (f"; {stale(changed)}" if changed else ""))
        for strip in found:
            signs = " ".join(SIGNS[verdict.verdict] if verdict else "·" for verdict in strip.verdicts)
            lines.append(f"  {SIGNS[strip.book.verdict]} | {signs}  {strip.book.id}: {strip.says}")
    return "\n".join(lines)


def _kept(run: Run) -> tuple[Found | None, list[str]]:
    """Return what is known of an alternative's run; of an archived one also what has changed since it was made."""
    if found := made(run):
        return found, []
    archive = run.project.archive(PROFILE, run.chapter)
    asked = {name: _plain(value) for name, value in run.parameters.items()}
    for kept in archive.replicates if archive else ():
        if kept.environment["parameters"] == asked:
            return Found(dict(kept.measurements), kept.environment), changed_since(run, kept.environment, archived=True)
    return None, []


def _plain(value: object) -> object:
    """Return a value as JSON gives it back."""
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _signs(strip: Strip) -> str:
    signs = []
    for alternative, verdict in zip(strip.alternatives, strip.verdicts, strict=True):
        outcome = verdict.verdict if verdict else "not run"
        title = escape(f"{alternative.name}: {outcome}")
        signs.append(f'<span class="verdict verdict-{slug(outcome)}" title="{title}">{SIGNS[outcome]}</span>')
    return " ".join(signs)
