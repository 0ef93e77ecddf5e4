"""Certificates side by side: a table of claims by devices, where those that should end alike and don't are marked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from descent.evidence.certificates.verify import Verified
    from descent.evidence.verdicts import Verdict

MARK = "≠"
NONE = "–"
LEGEND = (
    f"{MARK}: certificates of one profile, with the same parameters and the same claim, end otherwise. Certificates of "
    "other profiles, parameters or claims stand beside them and are not compared."
)
STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1a1a1a }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #ccc; padding: .4rem .6rem; text-align: left; vertical-align: top }
thead th { border-bottom: 2px solid #444 } tr.differs { background: #fff1d6 } li { overflow-wrap: anywhere }
small { color: #555; display: block; font-weight: normal } .mark { font-weight: bold; color: #8a3b00 }
td::before { content: attr(data-on); display: none; font-weight: bold }
@media (max-width: 40rem) {
  thead { display: none } tr, th, td { display: block; border: 0 } td::before { display: block }
  tr { border-bottom: 2px solid #888; padding: .5rem 0 } th, td, p { overflow-wrap: anywhere }
}
@media (prefers-color-scheme: dark) {
  body { background: #161616; color: #eee } small { color: #bbb } .mark { color: #ffb366 }
  tr.differs { background: #47310c } thead th { border-color: #bbb }
}
"""


@dataclass(frozen=True)
class Row:
    """A claim: its verdict by each certificate, None where one says nothing of it, and whether they disagree."""

    claim: str
    statement: str
    verdicts: tuple[Verdict | None, ...]
    differs: bool


@dataclass(frozen=True)
class Devices:
    """The table of certificates; those that do not hold are named and left out."""

    found: Sequence[Verified]

    @cached_property
    def columns(self) -> list[Verified]:
        """Return the certificates that hold."""
        return [verified for verified in self.found if verified.holds and verified.certificate]

    @cached_property
    def rows(self) -> list[Row]:
        """Return a row per claim, in the order of the certificates, those in which they disagree first."""
        by_claim = [{verdict.id: verdict for verdict in column.verdicts} for column in self.columns]
        asked = [_asked(column) for column in self.columns]
        rows = []
        for name in dict.fromkeys(name for verdicts in by_claim for name in verdicts):
            verdicts = tuple(column.get(name) for column in by_claim)
            ends: dict[str, set[str]] = {}
            for place, verdict in enumerate(verdicts):
                if verdict and verdict.verdict != "not run":
                    ends.setdefault(asked[place][name], set()).add(verdict.verdict)
            statement = next(verdict.statement for verdict in verdicts if verdict)
            rows.append(Row(name, statement, verdicts, any(len(outcomes) > 1 for outcomes in ends.values())))
        return sorted(rows, key=lambda row: not row.differs)

    @property
    def summary(self) -> str:
        """Return how many claims end otherwise somewhere, in a line."""
        differing = sum(row.differs for row in self.rows)
        return f"{differing} of {len(self.rows)} claims end otherwise on another device."

    def text(self) -> str:
        """Return the table for a terminal."""
        letters = [_letter(k) for k in range(len(self.columns))]
        width = max((len(row.claim) for row in self.rows), default=0)
        lines = [f"{letter}: {' · '.join(_head(column))}" for letter, column in zip(letters, self.columns, strict=True)]
        lines += ["", f"  {'':{width}}  {' '.join(f'{letter:14}' for letter in letters)}".rstrip()]
        for row in self.rows:
            cells = (verdict.verdict if verdict else NONE for verdict in row.verdicts)
            mark = MARK if row.differs else " "
            lines.append(f"{mark} {row.claim:{width}}  {' '.join(f'{cell:14}' for cell in cells)}".rstrip())
        return "\n".join([*lines, "", self.summary, LEGEND])

    def html(self) -> str:
        """Return the table as one page without scripts or foreign requests."""
        heads = "".join(f"<th scope=col>{'<br>'.join(map(escape, _head(column)))}</th>" for column in self.columns)
        names = [" · ".join(_head(column)[:2]) for column in self.columns]
        body = "\n".join(_html_row(row, names) for row in self.rows)
        left_out = "".join(
            f"<li>{escape(f'{verified.path.name}: {problem}')}</li>"
            for verified in self.found
            for problem in verified.problems[:1]
        )
        missing = f"<h2>Left out, because they do not hold</h2><ul>{left_out}</ul>" if left_out else ""
        numbers = "".join(f"<li>{escape(f'{c.path.name}: {c.number}')}</li>" for c in self.columns)
        return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Claims by devices</title><style>{STYLE}</style></head><body><main>
<h1>Claims by devices</h1>
<p>{escape(self.summary)} {escape(LEGEND)}</p>
<div class="wide" tabindex="0"><table><thead><tr><th scope=col>Claim</th>{heads}</tr></thead>
<tbody>
{body}
</tbody></table></div>
{missing}<h2>Certificates</h2><ul>{numbers}</ul>
<p>Every verdict was judged again from the measurements in its certificate.
That these were made as they say, only runs show.</p>
</main></body></html>
"""


def _head(column: Verified) -> list[str]:
    certificate = column.certificate
    assert certificate is not None
    return [column.path.name, "; ".join(certificate.devices), f"profile {certificate.profile}", column.number[:12]]


def _asked(column: Verified) -> dict[str, str]:
    """Return for each claim what must be the same for its verdicts to be: profile, parameters, the claim itself."""
    certificate = column.certificate
    assert certificate is not None
    parameters = {
        chapter: [run.environment.get("parameters") for run in certificate.runs[chapter]]
        for chapter in certificate.runs
    }
    return {
        claim.id: json.dumps([certificate.profile, parameters[claim.chapter], repr(_bare(claim))], sort_keys=True)
        for claim in certificate.claims
    }


def _bare(record: Any) -> Any:
    """Return a claim as plain data, whatever holds it."""
    if isinstance(record, tuple):
        return [_bare(one) for one in record]
    return sorted((key, _bare(value)) for key, value in vars(record).items()) if hasattr(record, "__dict__") else record


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"A{place}"


def _html_row(row: Row, names: Sequence[str]) -> str:
    mark = f'<span class="mark" title="devices disagree">{MARK} </span>' if row.differs else ""
    pairs = zip(names, row.verdicts, strict=True)
    cells = "".join(f'<td data-on="{escape(name)}">{"".join(_cell(verdict))}</td>' for name, verdict in pairs)
    kind = ' class="differs"' if row.differs else ""
    return f"<tr{kind}><th scope=row>{mark}{escape(row.claim)}<small>{escape(row.statement)}</small></th>{cells}</tr>"


def _cell(verdict: Verdict | None) -> Iterator[str]:
    if verdict is None:
        yield NONE
        return
    yield escape(verdict.verdict)
    if verdict.measured is not None:
        ends = ", ".join(map(_short, verdict.interval or ()))
        seen = f" [{ends}]" if ends and not verdict.exact else ""
        said = f"{verdict.label}: {_short(verdict.measured)}{seen}, expected {verdict.expected}"
        yield f"<small>{escape(said)}</small>"


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")  # at which no line breaks
