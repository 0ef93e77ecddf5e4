"""How many claims ended how, by the best evidence there is: in a line, as a bar, as badges; findings first, apart."""

from __future__ import annotations

from collections import Counter

from descent.book.report.report import SIGNS, slug
from descent.book.report.results import Evidence
from descent.evidence.claims import KINDS
from descent.evidence.verdicts import OUTCOMES

KIND_NAMES = {"finding": "published findings", "theorem": "theorems", "control": "controls of this book"}


def tally(evidence: Evidence) -> dict[str, dict[str, int]]:
    """Return how many claims ended how by the best evidence: kind -> outcome -> number, findings first."""
    found = {kind: Counter[str]() for kind in KINDS}
    for best in evidence.best.values():
        found[best.verdict.kind][best.verdict.verdict] += 1
    return {kind: {o: found[kind][o] for o in OUTCOMES if found[kind][o]} for kind in KINDS if found[kind]}


def counts(evidence: Evidence) -> str:
    """Return how many claims ended how, findings first and apart."""
    said = []
    for kind, outcomes in tally(evidence).items():
        number = sum(outcomes.values())
        said.append(
            f"Of {number} {KIND_NAMES[kind]}: {', '.join(f'{n} {outcome}' for outcome, n in outcomes.items())}."
        )
    return " ".join(said) or "No claims yet."


def glance(evidence: Evidence) -> str:
    """Return how the findings ended, as a bar and labels that lead to those rows; theorems and controls in a line each.

    A *finding* is what was published of an experiment. That theorems hold, and this book's own controls, is no news.
    """
    found, *others = tally(evidence).items() or [("finding", {})]
    bar = "".join(f'<span class="bar-{slug(o)}" style="flex-grow: {n}"></span>' for o, n in found[1].items())
    labels = "".join(
        f'<li><a class="verdict-{slug(o)}" href="report.html?kind={found[0]}&amp;verdict={slug(o)}">'
        f"<strong>{n}</strong> {SIGNS[o]} {o}</a></li>"
        for o, n in found[1].items()
    )
    lines = "".join(
        f'<p class="glance-others"><a href="report.html?kind={kind}">{KIND_NAMES[kind].capitalize()}</a>: '
        f"{', '.join(f'{n} {o}' for o, n in outcomes.items())}</p>"
        for kind, outcomes in others
    )
    return (
        f'<div class="glance"><p>{KIND_NAMES[found[0]].capitalize()}, by the best evidence there is:</p>'
        f'<div class="glance-bar" aria-hidden="true">{bar}</div><ul>{labels}</ul>{lines}</div>'
    )


def badges(evidence: Evidence, chapter: str, link: bool = False) -> str:
    """Return how a chapter's claims ended, a badge for each outcome; ``link`` leads to those rows of the report."""
    found = Counter(best.verdict.verdict for best in evidence.best.values() if best.verdict.chapter == chapter)
    parts = []
    for o in OUTCOMES:
        if found[o]:
            kind, text = f"verdict verdict-{slug(o)}", f"{SIGNS[o]} {found[o]} {o}"
            address = f"report.html?chapter={chapter}&amp;verdict={slug(o)}"
            parts.append(
                f'<a class="{kind}" href="{address}">{text}</a>' if link else f'<span class="{kind}">{text}</span>'
            )
    return " ".join(parts)
