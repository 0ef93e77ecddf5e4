"""The evidence as Markdown: tables for chapters and for the report page."""

from collections import Counter
from collections.abc import Iterable, Sequence

from descent.book.evidence import Evidence
from descent.evidence.verdicts import OUTCOMES, Verdict

SIGNS = {"reproduced": "✔", "partly": "◐", "not reproduced": "✘", "undecided": "?", "not run": "–"}


def badge(verdict: Verdict) -> str:
    """Return a verdict as a small coloured word, sign first so that colour is not needed to read it."""
    kind = verdict.verdict.replace(" ", "-")
    return f"[{SIGNS[verdict.verdict]} {verdict.verdict}]{{.verdict .verdict-{kind}}}"


def claims_table(evidence: Evidence, chapter: str) -> str:
    """Return what a chapter's sources claim and what would bear each out."""
    rows = [
        (claim.statement, f"{{cite:t}}`{claim.cite}`, {claim.place}", "; ".join(c.expectation for c in claim.checks))
        for claim in evidence.claims
        if claim.chapter == chapter
    ]
    return _table(("Claim", "Source", "Expected"), rows)


def verdict_table(evidence: Evidence, chapter: str) -> str:
    """Return the verdicts of this run on a chapter's claims, each check with its reason."""
    rows = []
    for verdict in evidence.verdicts:
        if verdict.chapter == chapter:
            for index, check in enumerate(verdict.checks):
                rows.append(
                    (
                        f"**{verdict.id}**" if index == 0 else "",
                        f"`{check['measurement']}`",
                        check["expected"],
                        _measured(check["measured"], check["interval"]),
                        str(check["seeds"]),
                        badge(verdict) + (f" ({verdict.why})" if verdict.why else "") if index == 0 else "",
                    )
                )
    return _table(("Claim", "Measurement", "Expected", "Measured", "Seeds", "Verdict"), rows)


def report_table(evidence: Evidence) -> str:
    """Return every verdict of the book: this build's, and the one at published scale beside it."""
    rows = []
    for claim, verdict in zip(evidence.claims, evidence.verdicts, strict=True):
        archived = evidence.archived.get(verdict.id)
        rows.append(
            (
                f"[{verdict.id}](../chapters/{verdict.chapter})",
                f"{verdict.statement} ({{cite:t}}`{claim.cite}`, {claim.place})",
                verdict.expected,
                _measured(verdict.measured, verdict.interval),
                str(verdict.seeds),
                badge(verdict) + (f" ({verdict.why})" if verdict.why else ""),
                badge(archived) + f" {_measured(archived.measured, archived.interval)}" if archived else "–",
            )
        )
    head = ("Claim", "Statement", "Expected", "Measured", "Seeds", f"Verdict ({evidence.profile.name})", "Paper scale")
    return _table(head, rows)


def status_table(evidence: Evidence) -> str:
    """Return what each chapter's runs took, and on what."""
    rows = []
    for chapter in evidence.project.chapters:
        environments = evidence.replicates(chapter, "environment.json")
        if environments:
            seconds = sum(run["wall_seconds"] for run in environments)
            memory = max(run["peak_memory_mb"] for run in environments)
            first = environments[0]
            commit = first["commit"][:10] + (" with changes" if first["dirty"] else "")
            rows.append(
                (
                    f"[{chapter}](../chapters/{chapter})",
                    f"{len(environments)} of {evidence.profile.recipe(chapter).replicates}",
                    f"{seconds:.0f} s",
                    f"{memory:,} MB",
                    ", ".join(first["devices"]),
                    f"TensorFlow {first['versions']['tensorflow']}, Python {first['versions']['python']}",
                    commit,
                )
            )
        else:
            failed = evidence.notebook(chapter)[1]
            status = "**failed**" if failed else "not run"
            rows.append((f"[{chapter}](../chapters/{chapter})", status, "", "", "", "", ""))
    return _table(("Chapter", "Runs", "Wall time", "Peak memory", "Devices", "Software", "Commit"), rows)


def counts(evidence: Evidence) -> str:
    """Return how many claims ended how, in one line."""
    found = Counter(verdict.verdict for verdict in evidence.verdicts)
    parts = [f"{found[outcome]} {outcome}" for outcome in OUTCOMES if found[outcome]]
    return f"Of {len(evidence.verdicts)} claims: {', '.join(parts)} (profile {evidence.profile.name})."


def terminal_table(verdicts: Iterable[Verdict]) -> str:
    """Return verdicts as aligned text."""
    rows = [("claim", "expected", "measured", "seeds", "verdict")]
    for v in verdicts:
        rows.append(
            (v.id, v.expected, _measured(v.measured, v.interval), str(v.seeds), f"{SIGNS[v.verdict]} {v.verdict}")
        )
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _measured(value: float | None, interval: Sequence[float] | None) -> str:
    if value is None:
        return "–"
    if interval is None or interval[0] == interval[1]:
        return f"{value:.5g}"
    return f"{value:.4g} [{interval[0]:.4g}, {interval[1]:.4g}]"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    if len(lines) == 2:
        return "*No claims yet.*"
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
