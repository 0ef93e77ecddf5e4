"""The evidence as Markdown: tables for chapters and for the report page, counts for the landing page."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from descent.book.report.results import Evidence
from descent.evidence.claims import Claim
from descent.evidence.verdicts import OUTCOMES, Verdict

SIGNS = {"reproduced": "✔", "partly": "◐", "not reproduced": "✘", "undecided": "?", "not run": "–"}
MATHS = re.compile(r"(\$[^$]+\$)")


def badge(verdict: Verdict, linked: bool = True) -> str:
    """Return a verdict as a small coloured word that leads to the report; the sign tells it apart without colour."""
    kind = f"verdict verdict-{slug(verdict.verdict)}"
    text = f"{SIGNS[verdict.verdict]} {verdict.verdict}"
    if linked:
        return f'<a class="{kind}" href="report.html#{anchor(verdict.id)}">{text}</a>'
    return f'<span class="{kind}">{text}</span>'


def slug(text: str) -> str:
    """Return text fit for a class or an address."""
    return text.replace(" ", "-")


def anchor(claim_id: str) -> str:
    """Return the name of a claim's row on the report page."""
    return f"claim-{claim_id}"


def prose(text: str) -> str:
    """Return plain text as Markdown that shows it as it stands; mathematics between dollars is kept."""
    parts = MATHS.split(text)
    return "".join(part if i % 2 else re.sub(r"([\\*_`\[\]<>])", r"\\\1", part) for i, part in enumerate(parts))


def claims_table(evidence: Evidence, chapter: str) -> str:
    """Return what a chapter's sources claim and what would bear each out."""
    rows = [
        (prose(claim.statement), f"{{cite:t}}`{claim.cite}`, {prose(claim.place)}", _expectations(claim))
        for claim in evidence.claims
        if claim.chapter == chapter
    ]
    return table(("Claim", "Source", "Expected"), rows)


def verdict_table(evidence: Evidence, chapter: str) -> str:
    """Return the verdicts of this run on a chapter's claims, check by check."""
    rows = []
    for verdict in evidence.verdicts:
        if verdict.chapter == chapter:
            for index, check in enumerate(verdict.checks):
                rows.append(
                    (
                        f"**{verdict.id}** {badge(verdict)}{_why(verdict)}" if index == 0 else "",
                        f'{_code(check["measurement"])} <span class="bound">{prose(check["expected"])}</span>',
                        measured(check["measured"], check["interval"]),
                        str(check["seeds"]),
                    )
                )
    return table(("Verdict", "Check", "Measured", "Seeds"), rows)


def report_table(evidence: Evidence) -> str:
    """Return every verdict of the book: this build's, and the one at published scale beside it."""
    rows = []
    for claim, verdict in zip(evidence.claims, evidence.verdicts, strict=True):
        archived = evidence.archived.get(verdict.id)
        rows.append(
            (
                f'<span id="{anchor(verdict.id)}" class="claim-id">'
                f"[{verdict.id}](../chapters/{verdict.chapter})</span> "
                f"{prose(claim.statement)} ({{cite:t}}`{claim.cite}`, {prose(claim.place)}){_checks(verdict)}",
                prose(verdict.expected),
                measured(verdict.measured, verdict.interval),
                str(verdict.seeds),
                badge(verdict, linked=False) + _why(verdict),
                f"{badge(archived, linked=False)} {measured(archived.measured, archived.interval)}{_why(archived)}"
                if archived
                else "–",
            )
        )
    head = ("Claim", "Expected", "Measured", "Seeds", f"This build ({evidence.profile.name})", "Published scale")
    return f":::{{div}} report-table\n{table(head, rows)}\n:::"


def status_table(evidence: Evidence) -> str:
    """Return what each chapter's runs took, and on what."""
    rows = []
    for chapter in evidence.project.chapters:
        environments = evidence.replicates(chapter, "environment.json")
        link = f"[{chapter}](../chapters/{chapter})"
        if environments:
            seconds = sum(run["wall_seconds"] for run in environments)
            memory = max(run["peak_memory_mb"] for run in environments)
            first = environments[0]
            commit = first["commit"][:10] + (" with changes" if first["dirty"] else "")
            runs = f"{len(environments)} of {evidence.profile.recipe(chapter).replicates}"
            row = (link, runs, f"{seconds:.0f} s", f"{memory:,} MB", ", ".join(first["devices"]), f"`{commit}`")
        else:
            failed = evidence.notebook(chapter)[1]
            row = (link, "**failed**" if failed else "not run", "–", "–", "–", "–")
        rows.append(row)
    return table(("Chapter", "Runs", "Wall time", "Peak memory", "Devices", "Commit"), rows)


def environment_list(evidence: Evidence) -> str:
    """Return what the runs ran on: machines, software, and the lock file that fixes the rest."""
    runs = [run for chapter in evidence.project.chapters for run in evidence.replicates(chapter, "environment.json")]
    if not runs:
        return "*Nothing has run yet.*"
    names = sorted({name for run in runs for name in run["versions"]})
    entries = {
        "Machine": {f"{run['processor'] or run['machine']}, {run['cores']} cores, {run['system']}" for run in runs},
        **{name: {run["versions"].get(name, "–") for run in runs} for name in names},
        "requirements.lock": {f"SHA-256 `{run['lock_sha256'][:16]}`" for run in runs},
        "Commit": {f"`{run['commit'][:10]}`{' with uncommitted changes' if run['dirty'] else ''}" for run in runs},
    }
    return table(("What", "Which"), [(name, ", ".join(sorted(values))) for name, values in entries.items()])


def counts(evidence: Evidence) -> str:
    """Return how many claims ended how, in one line."""
    found = Counter(verdict.verdict for verdict in evidence.verdicts)
    parts = [f"{found[outcome]} {outcome}" for outcome in OUTCOMES if found[outcome]]
    return f"Of {len(evidence.verdicts)} claims: {', '.join(parts)} (profile {evidence.profile.name})."


def glance(verdicts: Sequence[Verdict]) -> str:
    """Return how many claims ended how, as a bar and its labels, each of which leads to those rows of the report."""
    found = Counter(verdict.verdict for verdict in verdicts)
    shown = [outcome for outcome in OUTCOMES if found[outcome]]
    bar = "".join(f'<span class="bar-{slug(o)}" style="flex-grow: {found[o]}"></span>' for o in shown)
    labels = "".join(
        f'<li><a class="verdict-{slug(o)}" href="report.html?verdict={slug(o)}">'
        f"<strong>{found[o]}</strong> {SIGNS[o]} {o}</a></li>"
        for o in shown
    )
    return f'<div class="glance"><div class="glance-bar" aria-hidden="true">{bar}</div><ul>{labels}</ul></div>'


def terminal_table(verdicts: Iterable[Verdict]) -> str:
    """Return verdicts as aligned text."""
    rows = [("claim", "expected", "measured", "seeds", "verdict")]
    for v in verdicts:
        rows.append(
            (v.id, v.expected, measured(v.measured, v.interval), str(v.seeds), f"{SIGNS[v.verdict]} {v.verdict}")
        )
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def measured(value: float | None, interval: Sequence[float] | None) -> str:
    """Return a measurement with its interval, if it has one."""
    if value is None:
        return "–"
    if interval is None or interval[0] == interval[1]:
        return f"{value:.5g}"
    return f"{value:.4g} [{interval[0]:.4g}, {interval[1]:.4g}]"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    if len(lines) == 2:
        return "*No claims yet.*"
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _expectations(claim: Claim) -> str:
    return prose("; ".join(dict.fromkeys(check.expectation for check in claim.checks)))


def _code(name: str) -> str:
    """Return a long name that a narrow column may break after an underscore."""
    return f"<code>{name.replace('_', '_<wbr>')}</code>"


def _why(verdict: Verdict) -> str:
    return f' <span class="why">{prose(verdict.why)}</span>' if verdict.why else ""


def _checks(verdict: Verdict) -> str:
    """Return each check with the reason for its bound, folded away."""
    items = "".join(
        f"<li>`{check['measurement']}` {prose(check['expected'])}, measured "
        f"{measured(check['measured'], check['interval'])}: {prose(check['reason'])}</li>"
        for check in verdict.checks
    )
    return f" <details><summary>Checks and reasons</summary><ul>{items}</ul></details>"
