"""The report as files that leave the book: JSON for programs, one HTML file to send by mail."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from descent.book.report.citations import Citations
from descent.book.report.plain_maths import plain
from descent.book.report.report import SIGNS, anchor, counts, measured, slug
from descent.book.report.results import Evidence
from descent.evidence.verdicts import Verdict

HEAD = ("Claim", "Expected", "Measured", "Seeds", "This build", "Published scale")


def report_data(evidence: Evidence) -> dict[str, Any]:
    """Return the whole report as plain data: every verdict, the one at published scale beside it, and every run."""
    runs = {
        chapter: evidence.replicates(chapter, "environment.json")
        or ("failed" if evidence.notebook(chapter)[1] else "not run")
        for chapter in evidence.project.chapters
    }
    claims = []
    for verdict in evidence.verdicts:
        archived = evidence.archived.get(verdict.id)
        claims.append({**verdict.as_dict(), "published_scale": archived.as_dict() if archived else None})
    return {"profile": evidence.profile.name, "claims": claims, "runs": runs}


def report_html(evidence: Evidence, style: str, script: str) -> str:
    """Return the report as one HTML file that needs no other.

    Args:
        evidence: what to report.
        style: the style sheet to put inside.
        script: the script that filters and sorts.
    """
    citations = Citations(*evidence.project.bibliographies)
    rows = "\n".join(
        _row(verdict, evidence.archived.get(verdict.id), f"{citations.textual(claim.cite)}, {claim.place}")
        for claim, verdict in zip(evidence.claims, evidence.verdicts, strict=True)
    )
    keys = sorted({claim.cite for claim in evidence.claims if claim.cite in citations.entries})
    references = "\n".join(f"<li>{escape(citations.reference(key))}</li>" for key in keys)
    heads = "".join(f'<th scope="col">{name}</th>' for name in HEAD)
    body = f"""<h1>Report</h1>
<p>Descent and Its Discontents. {escape(counts(evidence))}</p>
<div class="report-table"><div class="pst-scrollable-table-container"><table>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div></div>
<h2>Runs</h2>
<div class="pst-scrollable-table-container"><table>
<thead><tr>{"".join(f'<th scope="col">{n}</th>' for n in RUN_HEAD)}</tr></thead>
<tbody>
{_runs(evidence)}
</tbody>
</table></div>
<h2>References</h2>
<ul class="references">
{references}
</ul>"""
    return document("Report: Descent and Its Discontents", body, style, script)


def document(title: str, body: str, style: str, script: str = "", back: str = "") -> str:
    """Return a page of its own: no theme, nothing outside itself, light or dark as the reader's system is."""
    scripts = f"<script>\n{script}\n</script>" if script else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{style}
</style>
</head>
<body>
<main>
{back}
{body}
</main>
{scripts}
</body>
</html>
"""


RUN_HEAD = ("Chapter", "Replicate", "Seconds", "Peak memory", "Machine", "TensorFlow", "Commit", "Parameters")


def _row(verdict: Verdict, archived: Verdict | None, source: str) -> str:
    checks = "".join(
        f"<li><code>{escape(check['measurement'])}</code> {escape(check['expected'])}, measured "
        f"{measured(check['measured'], check['interval'])}: {escape(plain(check['reason']))}</li>"
        for check in verdict.checks
    )
    first = (
        f'<span class="claim-id">{escape(verdict.id)} ({escape(verdict.chapter)})</span> '
        f"{escape(plain(verdict.statement))} "
        f"({escape(plain(source))})<details><summary>Checks and reasons</summary><ul>{checks}</ul></details>"
    )
    cells = (
        first,
        escape(verdict.expected),
        measured(verdict.measured, verdict.interval),
        str(verdict.seeds),
        _badge(verdict),
        f"{_badge(archived)} {measured(archived.measured, archived.interval)}" if archived else "–",
    )
    return f'<tr id="{anchor(verdict.id)}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _badge(verdict: Verdict) -> str:
    why = f' <span class="why">{escape(verdict.why)}</span>' if verdict.why else ""
    outcome = verdict.verdict
    return f'<span class="verdict verdict-{slug(outcome)}">{SIGNS[outcome]} {outcome}</span>{why}'


def _runs(evidence: Evidence) -> str:
    rows = []
    for chapter in evidence.project.chapters:
        for run in evidence.replicates(chapter, "environment.json"):
            cells = (
                chapter,
                str(run["replicate"]),
                f"{run['wall_seconds']:.0f}",
                f"{run['peak_memory_mb']:,} MB",
                f"{run['processor'] or run['machine']}, {run['threads']} threads, {', '.join(run['devices'])}",
                run["versions"]["tensorflow"],
                run["commit"][:10] + (" with changes" if run["dirty"] else ""),
                json.dumps(run["parameters"]),
            )
            rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    return "\n".join(rows)
