"""An answer as HTML: for a notebook, and as one page to send, which says that it is a reader's run."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from descent.book.asking.answer import Answer, Reply
from descent.book.asking.words import summary
from descent.book.report.citations import Citations
from descent.book.report.report import SIGNS, measured, slug
from descent.book.report.report_file import document, with_mathml

LARGEST = 400_000  # bytes of a figure as lines; one of more is embedded as pixels


def page(answer: Answer) -> str:
    """Return the page to send: nothing outside itself, figures, command and provenance within."""
    path = answer.question.project.root / "chapters" / "_static" / "plain.css"
    style = path.read_text() if path.is_file() else ""
    return document(f"A reader's run of {answer.question.chapter}", body(answer, whole=True), style)


def body(answer: Answer, whole: bool = False) -> str:
    """Return the answer as HTML.

    Args:
        answer: to which question.
        whole: with figures and provenance, as a page of its own.
    """
    figures = [[(path.stem, _embedded(path)) for path in _figures(reply)] if whole else [] for reply in answer.replies]
    project = answer.question.project
    citations = Citations(*project.bibliographies)
    sources = {claim.id: f"{citations.textual(claim.cite)}, {claim.place}" for claim in project.claims()}
    template = _templates().get_template("answer.html.jinja")
    return template.render(
        answer=answer, asked=answer.question, signs=SIGNS, sources=sources, whole=whole, figures=figures
    )


def _figures(reply: Reply) -> list[Path]:
    """Return the figures that a setting's first run has drawn; an archived one keeps none."""
    folder = next((one.folder for one in reply.found if one.folder), None)
    return sorted((folder / "figures").glob("*.svg")) if folder else []


def _embedded(svg: Path) -> str:
    png = svg.with_suffix(".png")
    large = svg.stat().st_size > LARGEST and png.is_file()
    kind, path = ("png", png) if large else ("svg+xml", svg)
    return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("descent.book.asking", "."), autoescape=True, undefined=StrictUndefined
    )
    templates.filters |= {"maths": with_mathml, "measured": measured, "slug": slug, "summary": summary}
    return templates
