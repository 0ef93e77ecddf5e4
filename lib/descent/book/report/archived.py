"""What runs at published scale measured, seed by seed, as a table in a chapter."""

from __future__ import annotations

from collections.abc import Mapping

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.report.report import code, plain, prose, table


def archived_table(project: Project, chapter: str, rows: Mapping[str, str]) -> str:
    """Return measurements of a chapter's archived runs, one column per run that made any of them.

    Args:
        project: the checkout.
        chapter: whose runs.
        rows: what a row is called -> name of the measurement.

    Raises:
        UserError: no archived run measured one of them.
    """
    archive = project.archive("paper", chapter)
    if archive is None:
        return "*No run at published scale is kept yet.*"
    runs = archive.replicates
    for name in rows.values():
        if not any(name in run.measurements for run in runs):
            raise UserError(
                f"chapters/{chapter}.md: no run in results/paper/{chapter}.json measured {name!r}; check the spelling"
            )
    runs = [run for run in runs if any(name in run.measurements for name in rows.values())]
    heads = [plain(f"seed {run.environment['parameters'].get('seed', k)}") for k, run in enumerate(runs)]
    lines = [[prose(label), *(_cell(run.measurements.get(name)) for run in runs)] for label, name in rows.items()]
    commits = ", ".join(sorted({code(run.environment["commit"]) for run in runs}))
    return f"{table(('', *heads), lines)}\n\nRuns at published scale, made at commit {commits}."


def _cell(value: float | list[float] | None) -> str:
    values = value if isinstance(value, list) else [] if value is None else [value]
    return ", ".join(f"{number:,.4g}" for number in values) or "–"
