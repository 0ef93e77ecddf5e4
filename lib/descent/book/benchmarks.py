"""The latest benchmarks as tables for the book: what ``make bench`` measured, where, and on which commit."""

from __future__ import annotations

import json
from typing import Any

from descent.book.project import Project
from descent.book.report import prose, table


def benchmark_tables(project: Project) -> str:
    """Return every table of the latest benchmark, below a line that says where it was measured."""
    path = project.root / "results" / "benchmarks" / "latest.json"
    if not path.is_file():
        return "*Not measured yet: run `make bench` on a quiet machine.*"
    found = json.loads(path.read_text())
    parts = [_provenance(found)]
    for entry in found["tables"]:
        columns = _columns(entry["rows"])
        rows = [
            [row["setting"] or "–", prose(row["row"]), *(_cell(row, column) for column in columns)]
            for row in entry["rows"]
        ]
        parts.append(f"## {prose(entry['title'])}\n\n{table(('Setting', 'What', *columns), rows)}")
    return "\n\n".join(parts)


def _provenance(found: dict[str, Any]) -> str:
    commit = f"`{found['commit'][:10]}`" + (" with uncommitted changes" if found["dirty"] else "")
    versions = ", ".join(f"{name} {version}" for name, version in sorted(found["versions"].items()))
    short = (
        " The turns were cut short to see that everything runs: **these figures mean nothing.**"
        if found["tiny"]
        else ""
    )
    return (
        f"Measured on {found['started'][:10]} at commit {commit}, on {found['processor'] or found['machine']}, "
        f"{found['cores']} cores, load {found['load']} when it began; {versions}.{short}"
    )


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    wanted = {"Milliseconds": "milliseconds", "Ratio": "ratio", "Middle half": "low", "Megabytes": "megabytes"}
    return [column for column, key in wanted.items() if any(key in row for row in rows)]


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "Middle half":
        return f"{row['low']:.2f} to {row['high']:.2f}" if "low" in row else "–"
    value = row.get(column.lower())
    return "–" if value is None else f"{value:.2f}" if column == "Ratio" else f"{value:,.4g}"
