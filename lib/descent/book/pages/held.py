"""Sentences that are held to runs, and numbers that come from them.

    Three runs of three find all modes {holds}`min(sga_modes_seen) = 16; paper`.
    OMD stops at {value}`printed_omd_high:.2f`.

``{holds}`` says of which profile's runs the sentence before it was written, and what must be true of them. It shows
nothing, unless this build has such runs and they refute it: then the page says so, where the reader reads it. The
archived runs of that profile are what the sentence was written of; the check of the chapters fails if it is not true of
them, or if they are not kept.

A condition compares two terms by <, <=, >, >= or =; ``and`` joins several. A term is a number or ``mean(key)``,
``min(key)``, ``max(key)`` of a measurement over seeds; a bare key is its mean. ``chapter/key`` is another chapter's.

``{value}`` shows a term of this build, or else of the archived runs at published scale. Where a profile follows, as in
{value}`min(key):.2f; paper`, it is that profile's archived runs', whatever was built; the check fails if they lack it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from html import escape
from typing import NamedTuple

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.report.results import ARCHIVE_PROFILE, Evidence
from descent.book.text import read_text
from descent.evidence.archives import Archive
from descent.evidence.verdicts import merge

HOLDS = re.compile(r"[ \t\n]*\{holds\}`([^`]+)`")
VALUE = re.compile(r"\{value\}`([^`:]+):([^`;]+)(?:;\s*([^`]+))?`")
CONDITION = re.compile(r"(.+?)\s*(<=|>=|<|>|=)\s*(.+)")
TERM = re.compile(r"(?:(mean|min|max)\()?((?:[a-z0-9-]+/)?[a-z0-9_.]+)\)?")
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
}
OF: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
}

Measured = Callable[[str], Mapping[str, Sequence[float]]]  # a chapter's measurements over all its seeds


class Held(NamedTuple):
    """What a sentence is held to: conditions, each left, comparison, right; and the profile of whose runs it speaks."""

    conditions: tuple[tuple[str, str, str], ...]
    profile: str


def expand_held(text: str, page: str, evidence: Evidence) -> str:
    """Return Markdown with every ``{holds}`` and ``{value}`` filled in."""

    def note(match: re.Match) -> str:
        held = read(match[1], page)
        if held.profile != evidence.profile.name or not _built(evidence, _chapter(held, page)):
            return ""
        found = refuted(held, page, lambda chapter: _built(evidence, chapter))
        return (
            f' <span class="not-held">({_origin(evidence.project, page, held)}; in this build {found})</span>'
            if found
            else ""
        )

    return _numbers(HOLDS.sub(note, text), page, evidence)


def without_notes(text: str, page: str, evidence: Evidence) -> str:
    """Return Markdown with every ``{value}`` filled in and no ``{holds}``, for a notebook that leaves the book."""
    return _numbers(HOLDS.sub("", text), page, evidence)


def check_held(project: Project) -> list[str]:
    """Return what is wrong with the book's sentences, a line each: not true of the archived runs, or not kept."""
    wrong = []
    for page in project.pages:
        text = read_text(project.page(page))
        for match in VALUE.finditer(text):
            if match[3] and _kept_number(project, match, page) is None:
                wrong.append(f"chapters/{page}.md: {match[0]} is not in results/{match[3].strip()}; archive such a run")
        for match in HOLDS.finditer(text):
            try:
                held = read(match[1], page)
                found = refuted(held, page, partial(_kept, project, profile=held.profile))
            except UserError as error:
                wrong.append(str(error))
                continue
            if found:
                where = f"results/{held.profile}"
                wrong.append(f"chapters/{page}.md: {{holds}}`{match[1]}` is not true of the runs in {where}: {found}")
    return wrong


def read(text: str, page: str) -> Held:
    """Read what stands between the backticks of ``{holds}``.

    Raises:
        UserError: it is no condition; ``page`` says where.
    """
    said, _, profile = (part.strip() for part in text.partition(";"))
    conditions = [CONDITION.fullmatch(part.strip()) for part in said.split(" and ")]
    if not profile or not all(c and _is_term(c[1]) and _is_term(c[3]) for c in conditions):
        example = "{holds}`min(key) > 0.5 and key < 2; quick`"
        raise UserError(f"chapters/{page}.md: {{holds}}`{text}` can't be read; write it as in {example}")
    return Held(tuple((c[1], c[2], c[3]) for c in conditions if c), profile)


def refuted(held: Held, page: str, measured: Measured) -> str:
    """Return what refutes a sentence, in words; empty where nothing does.

    Args:
        held: what it says.
        page: where it stands.
        measured: a chapter's measurements by its name.
    """
    for left, comparison, right in held.conditions:
        sides = []
        for term in (left, right):
            value = _number(term, page, measured)
            if value is None:
                return f"{term} is not measured"
            sides.append(value)
        if not COMPARE[comparison](*sides):
            shown = " and ".join(
                f"{term} is {x:.4g}" for term, x in zip((left, right), sides, strict=True) if not _plain(term)
            )
            return shown or f"{left} {comparison} {right} is false"
    return ""


def _numbers(text: str, page: str, evidence: Evidence) -> str:
    def number(match: re.Match) -> str:
        if match[3]:
            value = _kept_number(evidence.project, match, page)
        else:
            places = (partial(_built, evidence), partial(_kept, evidence.project, profile=ARCHIVE_PROFILE))
            found = (_number(_term(match, page), page, measured) for measured in places)
            value = next((x for x in found if x is not None), None)
        return "–" if value is None else _shown(value, match[2].strip(), page)

    return VALUE.sub(number, text)


def _kept_number(project: Project, match: re.Match, page: str) -> float | None:
    """Return the number that a ``{value}`` with a profile asks for, or None where that profile's runs lack it."""
    return _number(_term(match, page), page, partial(_kept, project, profile=match[3].strip()))


def _term(match: re.Match, page: str) -> str:
    if not _is_term(match[1]):
        raise UserError(f"chapters/{page}.md: {match[0]} can't be read; write it as in {{value}}`min(key):.2f; paper`")
    return match[1]


def _number(term: str, page: str, measured: Measured) -> float | None:
    if _plain(term):
        return float(term)
    match = TERM.fullmatch(term)
    assert match is not None  # ``read`` has looked
    chapter, key = _place(match[2], page)
    values = measured(chapter).get(key)
    return OF[match[1] or "mean"](values) if values else None


def _plain(term: str) -> bool:
    try:
        float(term)
    except ValueError:
        return False
    return True


def _is_term(term: str) -> bool:
    match = TERM.fullmatch(term)
    return _plain(term) or (match is not None and bool(match[1]) == term.endswith(")"))


def _place(name: str, page: str) -> tuple[str, str]:
    chapter, slash, key = name.rpartition("/")
    return (chapter if slash else page), key


def _built(evidence: Evidence, chapter: str) -> Mapping[str, Sequence[float]]:
    return merge(evidence.replicates(chapter, "measurements.json"))


def _archive(project: Project, chapter: str, profile: str) -> Archive | None:
    return project.archive(profile, chapter)


def _kept(project: Project, chapter: str, profile: str) -> Mapping[str, Sequence[float]]:
    archive = _archive(project, chapter, profile)
    return merge([run.measurements for run in archive.replicates]) if archive else {}


def _chapter(held: Held, page: str) -> str:
    """Return the chapter whose runs a sentence is first of all about."""
    match = TERM.fullmatch(held.conditions[0][0])
    return _place(match[2], page)[0] if match and not _plain(held.conditions[0][0]) else page


def _origin(project: Project, page: str, held: Held) -> str:
    """Return of which run a sentence was written."""
    archive = _archive(project, _chapter(held, page), held.profile)
    if archive is None:
        return "written of a run that is not kept"
    run = archive.replicates[0].environment
    started = run.get("started")
    day = f"{datetime.fromisoformat(started):%d %B %Y}".lstrip("0") if started else "an earlier day"
    return f"written of the run of {day}, commit {escape(run['commit'][:10])}"


def _shown(value: float, form: str, page: str) -> str:
    try:
        return format(value, form)
    except ValueError as error:
        raise UserError(f"chapters/{page}.md: {{value}} has the format {form!r}: {error}") from error
