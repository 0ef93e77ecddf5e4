"""The evidence as Markdown: tables for chapters and for the report page, counts for the landing page."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from descent.book.report.results import Best, Evidence
from descent.evidence.claims import KINDS, Claim
from descent.evidence.verdicts import Verdict

SIGNS = {"reproduced": "✔", "partly": "◐", "not reproduced": "✘", "undecided": "?", "not run": "–"}
HEAD = ("Claim", "Kind", "Verdict", "Expected", "Measured", "Seeds", "Would notice")
MOST = " in most runs"
UNKNOWN = "it was made before runs kept what they depend on"  # as ``run.why`` says it
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


def plain(text: str) -> str:
    """Return what a machine, perhaps a stranger's, says of itself as Markdown that shows it as it stands."""
    return re.sub(r"([\\`*_{}\[\]<>&$~])", r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return the first ten letters of a hash, a stranger's perhaps, as code."""
    return f"`{text[:10].replace('`', '')}`"


def claims_table(evidence: Evidence, chapter: str, shown: int = 6) -> str:
    """Return what a chapter's sources claim and how it ended: findings first, more than ``shown`` claims folded."""
    rows = [
        (
            f'{prose(claim.statement)} <span class="what">{{cite:t}}`{claim.cite}`, {prose(claim.place)}</span>'
            f"<details><summary>What would bear it out</summary>{_expectations(claim)}</details>",
            badge(evidence.best[claim.id].verdict),
        )
        for claim in sorted(evidence.claims, key=lambda claim: KINDS.index(claim.kind))
        if claim.chapter == chapter
    ]
    head = ("Claim", "Verdict")
    if len(rows) <= shown:
        return _as_cards(table(head, rows))
    rest = f"````{{dropdown}} {len(rows) - shown} more claims\n\n{_as_cards(table(head, rows[shown:]))}\n````"
    return f"{_as_cards(table(head, rows[:shown]))}\n\n{rest}"


def verdict_table(evidence: Evidence, chapter: str) -> str:
    """Return the verdicts on a chapter's claims by the best evidence, in words, with this build's beside it."""
    here = {verdict.id: verdict for verdict in evidence.verdicts}
    rows = []
    for claim in evidence.claims:
        if claim.chapter == chapter:
            best = evidence.best[claim.id]
            rows.append(
                (
                    f"{prose(claim.statement)}{_checks(best.verdict)}",
                    f"{badge(best.verdict)}{_standing(best)}",
                    f"{prose(best.verdict.label)}: {measured(best.verdict)} "
                    f'<span class="bound">({prose(best.verdict.expected)})</span>',
                    badge(here[claim.id], linked=False) if best.published else "the same",
                )
            )
    return _as_cards(table(("Claim", "Verdict", "What decides it", f"This build ({evidence.profile.name})"), rows))


def by_need(evidence: Evidence) -> list[Claim]:
    """Return all claims: what did not come out first, findings before theorems and controls, else as in the book."""
    urgency = ("not reproduced", "partly", "undecided", "reproduced", "not run")
    return sorted(
        evidence.claims,
        key=lambda claim: (urgency.index(evidence.best[claim.id].verdict.verdict), KINDS.index(claim.kind)),
    )


def report_table(evidence: Evidence) -> str:
    """Return every verdict of the book by the best evidence there is, this build's beside it."""
    here = {verdict.id: verdict for verdict in evidence.verdicts}
    rows = []
    for claim in by_need(evidence):
        best, built = evidence.best[claim.id], here[claim.id]
        shown = best.verdict
        rows.append(
            (
                f'<span id="{anchor(claim.id)}" class="claim-id">[{claim.id}](../chapters/{claim.chapter})</span> '
                f"{prose(claim.statement)} ({{cite:t}}`{claim.cite}`, {prose(claim.place)}){_checks(shown)}",
                claim.kind,
                badge(shown, linked=False) + _standing(best),
                f'{prose(shown.expected)} <span class="what">{prose(shown.label)}</span>',
                measured(shown),
                str(shown.seeds),
                sight(shown),
                _beside(built) if best.published else "the same",
            )
        )
    head = (*HEAD, f"This build ({evidence.profile.name})")
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
            commit = code(first["commit"]) + (" with changes" if first["dirty"] else "")
            runs = f"{len(environments)} of {evidence.profile.recipe(chapter).replicates}"
            row = (link, runs, f"{seconds:.0f} s", f"{memory:,} MB", plain(", ".join(first["devices"])), commit)
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
    }
    rows = [(plain(name), plain(", ".join(sorted(values)))) for name, values in entries.items()]
    locks = {f"SHA-256 `{run['lock_sha256'][:16]}`" for run in runs}
    commits = {f"{code(run['commit'])}{' with uncommitted changes' if run['dirty'] else ''}" for run in runs}
    rows += [("requirements.lock", ", ".join(sorted(locks))), ("Commit", ", ".join(sorted(commits)))]
    return table(("What", "Which"), rows)


def terminal_table(verdicts: Iterable[Verdict]) -> str:
    """Return verdicts as aligned text."""
    rows = [("claim", "expected", "measured", "seeds", "verdict")]
    for v in verdicts:
        rows.append((v.id, v.expected, measured(v), str(v.seeds), f"{SIGNS[v.verdict]} {v.verdict}"))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def measured(result: Verdict | Mapping[str, Any]) -> str:
    """Return what was measured with its interval, if it has one; of a check of most runs, their share."""
    values = result if isinstance(result, Mapping) else vars(result)
    value, ends = values["measured"], values["interval"]
    if value is None:
        return "–"
    form = "{:.0%} of runs" if values["expected"].endswith(MOST) else "{:.4g}"
    if ends is None or ends[0] == ends[1]:
        return form.format(value)
    low, high = (form.replace(" of runs", "").format(end) for end in ends)
    return f"{form.format(value)} [{low}, {high}]"


def sight(result: Verdict | Mapping[str, Any]) -> str:
    """Return the smallest departure from its bound that the seeds would have noticed."""
    values = result if isinstance(result, Mapping) else vars(result)
    if values["detectable"] is None:
        return "exact" if values.get("exact") else "–"
    return f"{values['detectable']:.0%} of runs" if values["expected"].endswith(MOST) else f"{values['detectable']:.2g}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    if len(lines) == 2:
        return "*No claims yet.*"
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _as_cards(markdown: str) -> str:
    """Return a table whose rows are cards on a phone, the verdict first (``claims-table`` in book.css)."""
    return f":::{{div}} claims-table\n{markdown}\n:::"


def _expectations(claim: Claim) -> str:
    checks = dict.fromkeys(f"{check.label}: {check.expectation}" for check in claim.checks)
    return "<br>".join(prose(check) for check in checks)


def _beside(built: Verdict) -> str:
    """Return what this build says beside better evidence."""
    missing = built.verdict == "not run"
    return badge(built, linked=False) + ("" if missing else f" {measured(built)}{_why(built)}")


def _standing(best: Best) -> str:
    """Return below a badge: why, by which runs, and what has changed since."""
    said = _why(best.verdict) + f' <span class="why">{prose(best.where)}</span>'
    if best.changed:
        said += f' <span class="why stale">{prose(stale(best.changed))}</span>'
    return said


def stale(changed: Sequence[str], most: int = 4) -> str:
    """Return what has changed since a run, in words, the first few of it."""
    if UNKNOWN in changed:
        return f"whether its code has changed since is not known: {UNKNOWN}"
    more = len(changed) - most
    return f"changed since: {', '.join(changed[:most])}" + (f" and {more} more" if more > 0 else "")


def _why(verdict: Verdict) -> str:
    return f' <span class="why">{prose(verdict.why)}</span>' if verdict.why else ""


def _checks(verdict: Verdict) -> str:
    """Return each check with the reason for its bound, folded away."""
    items = "".join(
        f"<li>{prose(check['label'])} (`{check['measurement']}`), expected {prose(check['expected'])}, measured "
        f"{measured(check)}: {check['state']}{_open(check)}. {prose(check['reason'])}</li>"
        for check in verdict.checks
    )
    return f" <details><summary>Checks and reasons</summary><ul>{items}</ul></details>"


def _open(check: Mapping[str, Any]) -> str:
    seen = f"; a departure of {sight(check)} would have been noticed" if check["detectable"] is not None else ""
    return (f", {prose(check['why'])}" if check["state"] == "open" else "") + seen
