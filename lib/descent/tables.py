"""Tables for notebooks: rows of values in, Markdown out, with as many digits as a reader can use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

DIVERGED, NEVER = "diverged", "never"


def text(value: Any, form: str | int = 3) -> str:
    """Return a value as a cell.

    Args:
        value: text stays; None is "never", a number that is not finite "diverged"; an integer has its digits grouped;
            other numbers are written by ``form``.
        form: significant digits, or a format such as ".1%".
    """
    if value is None:
        return NEVER
    if isinstance(value, str):
        return value
    value = value.item() if hasattr(value, "item") else value
    if not np.isfinite(value):
        return DIVERGED
    if isinstance(form, str):
        return format(value, form)
    if isinstance(value, int):
        return f"{value:,}"
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e6:
        decimals = form - 1 - int(np.floor(np.log10(abs(float(f"{value:.{form - 1}e}")))))
        return f"{round(value, decimals):,.{max(0, decimals)}f}"
    mantissa, power = f"{value:.{form - 1}e}".split("e")
    return f"{mantissa}e{int(power)}"


def spread(values: Any, low: float | None = None, high: float | None = None, form: str = ".2f") -> str:
    """Return "mean [low, high]" of values over seeds; without bounds, the least and the largest."""
    values = np.asarray(values, float)
    low, high = (values.min() if low is None else low), (values.max() if high is None else high)
    return f"{text(values.mean(), form)} [{text(low, form)}, {text(high, form)}]"


@dataclass(frozen=True)
class Table:
    """A table that a notebook shows, and that prints as Markdown.

    Args:
        head: headings.
        rows: cells, as text.
        below: a line or more under the table.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    below: str = ""

    def __str__(self) -> str:
        marks = ["--:" if k and self._numeric(k) else "---" for k in range(len(self.head))]
        lines = [self.head, marks, *self.rows]
        table = "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)
        return f"{table}\n\n{self.below}" if self.below else table

    def _repr_markdown_(self) -> str:
        return str(self)

    def _numeric(self, column: int) -> bool:
        cells = [row[column] for row in self.rows]
        return bool(cells) and all(
            cell[:1] in "+-\u2212\u2013.0123456789" or cell in (DIVERGED, NEVER) for cell in cells
        )


def table(
    rows: Mapping[str, Mapping[str, Any]] | Sequence[Sequence[Any]],
    head: Sequence[str] | Mapping[str, str | tuple[str, str | int]] = (),
    form: str | int = 3,
    below: str = "",
) -> Table:
    """Make a table.

    Args:
        rows: row name -> (key -> value), where ``head`` maps keys to headings; or lists of cells.
        head: key -> heading or (heading, form), for named rows, whose names make the first column; or the headings.
        form: how numbers are written where the heading doesn't say, see ``text``.
        below: a line or more under the table.

    >>> print(table({"SGD": {"loss": 0.12345, "steps": 1200}, "Adam": {"loss": float("nan"), "steps": None}}))
    |  | loss | steps |
    | --- | --: | --: |
    | SGD | 0.123 | 1,200 |
    | Adam | diverged | never |
    """
    if not isinstance(rows, Mapping):
        return Table(list(head), [[text(cell, form) for cell in row] for row in rows], below)
    if not isinstance(head, Mapping):
        head = {key: key for key in dict.fromkeys(key for row in rows.values() for key in row)}
    columns = {key: (given, form) if isinstance(given, str) else given for key, given in head.items()}
    cells = [
        [name, *(text(values.get(key, ""), own) for key, (_, own) in columns.items())] for name, values in rows.items()
    ]
    return Table(["", *(heading for heading, _ in columns.values())], cells, below)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
