"""The report as files that leave the book: JSON for programs, one HTML file to send by mail."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from latex2mathml.converter import convert
from markupsafe import Markup, escape

from descent.book.report.citations import Citations
from descent.book.report.report import HEAD, MATHS, SIGNS, anchor, by_need, measured, sight, slug, stale
from descent.book.report.results import Evidence
from descent.book.report.tallies import counts, tally

RUN_HEAD = ("Chapter", "Replicate", "Seconds", "Peak memory", "Machine", "TensorFlow", "Commit", "Parameters")


def report_data(evidence: Evidence) -> dict[str, Any]:
    """Return the whole report as plain data, of the shape that ``evidence.reports`` documents."""
    runs = {
        chapter: evidence.replicates(chapter, "environment.json")
        or ("failed" if evidence.notebook(chapter)[1] else "not run")
        for chapter in evidence.project.chapters
    }
    claims = []
    for verdict in evidence.verdicts:
        best, archived = evidence.best[verdict.id], evidence.archived.get(verdict.id)
        claims.append(
            {
                "id": verdict.id,
                "kind": verdict.kind,
                "verdict": best.verdict.verdict,
                "by": "published scale" if best.published else "this build",
                "where": best.where,
                "changed": list(best.changed),
                "this_build": verdict.as_dict(),
                "published_scale": archived.as_dict() if archived else None,
            }
        )
    return {"profile": evidence.profile.name, "tally": tally(evidence), "claims": claims, "runs": runs}


def report_html(evidence: Evidence, style: str, script: str) -> str:
    """Return the report as one HTML file that needs no other.

    Args:
        evidence: what to report.
        style: the style sheet to put inside.
        script: the script that filters and sorts.
    """
    citations = Citations(*evidence.project.bibliographies)
    here = {verdict.id: verdict for verdict in evidence.verdicts}
    rows = [
        {
            "anchor": anchor(claim.id),
            "claim": claim,
            "source": f"{citations.textual(claim.cite)}, {claim.place}",
            "best": evidence.best[claim.id],
            "here": here[claim.id],
        }
        for claim in by_need(evidence)
    ]
    keys = sorted({claim.cite for claim in evidence.claims if claim.cite in citations.entries})
    return (
        _templates()
        .get_template("report.html.jinja")
        .render(
            title="Report: Descent and Its Discontents",
            style=Markup(style),
            script=Markup(script),
            back="",
            profile=evidence.profile.name,
            counts=counts(evidence),
            signs=SIGNS,
            head=(*HEAD, f"This build ({evidence.profile.name})"),
            rows=rows,
            run_head=RUN_HEAD,
            runs=_runs(evidence),
            references=[citations.reference(key) for key in keys],
        )
    )


def document(title: str, body: str, style: str, script: str = "", back: str = "") -> str:
    """Return a page of its own: no theme, nothing outside itself, light or dark as the reader's system is.

    Args:
        title: as text.
        body: as HTML.
        style: the style sheet to put inside.
        script: the same.
        back: HTML above the body.
    """
    page = _templates().get_template("document.html.jinja")
    return page.render(title=title, body=Markup(body), style=Markup(style), script=Markup(script), back=Markup(back))


def with_mathml(text: str) -> Markup:
    """Return text as HTML, escaped, with what stands between dollars as MathML."""
    parts = MATHS.split(text)
    return Markup("").join(Markup(_mathml(part[1:-1])) if i % 2 else escape(part) for i, part in enumerate(parts))


@cache
def _mathml(tex: str) -> str:
    return convert(tex)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("descent.book.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    templates.filters |= {"maths": with_mathml, "measured": measured, "sight": sight, "slug": slug, "stale": stale}
    return templates


def _runs(evidence: Evidence) -> list[tuple[str, ...]]:
    return [
        (
            chapter,
            str(run["replicate"]),
            f"{run['wall_seconds']:.0f}",
            f"{run['peak_memory_mb']:,} MB",
            f"{run['processor'] or run['machine']}, {run['threads']} threads, {', '.join(run['devices'])}",
            run["versions"]["tensorflow"],
            run["commit"][:10] + (" with changes" if run["dirty"] else ""),
            json.dumps(run["parameters"]),
        )
        for chapter in evidence.project.chapters
        for run in evidence.replicates(chapter, "environment.json")
    ]
