"""The latest benchmarks as tables for the book: what ``make bench`` measured, where, on which commit, goals first."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.report.report import code, plain, prose, table


class Goal(NamedTuple):
    """A bound on one row's ratio.

    Args:
        what: in words.
        program: the table the row is in.
        setting: of the row.
        row: its name.
        bound: of the ratio.
        at_most: whether the bound is an upper one.
    """

    what: str
    program: str
    setting: str
    row: str
    bound: float
    at_most: bool = True


SMALL, LARGE = "4x64, batch 128", "6x384, batch 256"
GOALS = [
    *(
        Goal("Gradient step no slower than JAX's", "sga", size, "gradient step: JAX / simulator", 1.0, False)
        for size in (SMALL, LARGE)
    ),
    *(
        Goal("SGA faster than JAX's plain formula", "sga", size, "SGA step: JAX, plain formula / simulator", 1.3, False)
        for size in (SMALL, LARGE)
    ),
    Goal(
        "SGA ten times faster than PyTorch's eager mode at width 64",
        "sga",
        SMALL,
        "SGA step: PyTorch eager, 1 thread / simulator",
        10.0,
        False,
    ),
    *(
        Goal(what, "costs", size + zero_sum, f"{row} / gradient", bound)
        for what, zero_sum, row, bound in (
            ("Aligned SGA, in gradients", "", "SGA, aligned", 3.5),
            ("SGA with fixed lambda, in gradients", "", "SGA, fixed lambda", 2.6),
            ("SGA in a zero-sum game, in gradients", ", zero-sum", "SGA", 1.9),
        )
        for size in (SMALL, LARGE)
    ),
    *(
        Goal(
            f"Implicit step of {k}, at most 3 gradients a product and 3 more",
            "implicit",
            "784-64-10, batch 200",
            f"implicit step, {k} product{'s' * (k > 1)} ({kind}) / gradient",
            3.0 * k + 3.0,
        )
        for kind in ("Hessian", "Gauss-Newton")
        for k in (1, 5, 20)
    ),
    *(
        Goal(
            "Meta-step 20 times faster than eager", "learned", name, "eager, one task / compiled, one task", 20.0, False
        )
        for name in ("multiscale average", "k momentums", "LSTM", "RNNprop")
    ),
    Goal(
        "Clients as lanes ten times faster than a loop over them",
        "federated",
        "100 clients, 20 rounds of 4",
        "PyTorch, loop over clients / clients as lanes",
        10.0,
        False,
    ),
    Goal(
        "A round of independent subnets at most 1.3 times the matrix products of its pieces",
        "subnets",
        "4096-4096-35, 8 workers",
        "a round / products of its pieces",
        1.3,
    ),
    Goal(
        "A step of ACGD with 5 iterations at most 6 of Adam's",
        "competitive",
        SMALL,
        "ACGD, 5 iterations, XLA / Adam",
        6.0,
    ),
    Goal(
        "ACGD no slower than the published package",
        "competitive",
        f"{SMALL}, solved to 1e-6",
        "published package, 1 thread / ACGD",
        1.0,
        False,
    ),
    Goal(
        "A step with importance-sampled latents at most 3.5 plain ones, scores and flow counted",
        "latents",
        "batch 256",
        "weighted step / plain step",
        3.5,
    ),
]


def benchmark_tables(project: Project) -> str:
    """Return every table of the latest benchmark, below a line that says where it was measured."""
    path = project.root / "results" / "benchmarks" / "latest.json"
    if not path.is_file():
        return "*Not measured yet: run `make bench` on a quiet machine.*"
    try:
        return _tables(json.loads(path.read_text()))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} holds no benchmarks ({type(error).__name__}: {error}): run make bench again"
        ) from error


def _tables(found: dict[str, Any]) -> str:
    parts = [_provenance(found), f"## Goals\n\n{goals_table(found['tables'])}"]
    for entry in found["tables"]:
        columns = _columns(entry["rows"])
        rows = [
            [prose(row["setting"]) or "–", prose(row["row"]), *(_cell(row, column) for column in columns)]
            for row in entry["rows"]
        ]
        parts.append(f"## {prose(entry['title'])}\n\n{table(('Setting', 'What', *columns), rows)}")
    return "\n\n".join(parts)


def goals_table(tables: list[dict[str, Any]]) -> str:
    """Return each goal with what was measured and whether that meets it; a row left out is *not measured*.

    A ratio meets a goal when its median does. Where the bound lies inside the middle half, the cell says so.
    """
    rows = {(entry["name"], row["setting"], row["row"]): row for entry in tables for row in entry["rows"]}
    lines = []
    for goal in GOALS:
        bound = f"{'at most' if goal.at_most else 'at least'} {goal.bound:g}"
        row = rows.get((goal.program, goal.setting, goal.row))
        if row is None:
            lines.append([prose(goal.what), goal.setting, bound, "–", "–", "not measured"])
            continue
        met = row["ratio"] <= goal.bound if goal.at_most else row["ratio"] >= goal.bound
        verdict = "met" if met else "**not met**"
        if row["low"] < goal.bound < row["high"]:
            verdict += ", within the spread"
        counted = f"{row['counted']:.2f}" if "counted" in row else "–"
        lines.append(
            [
                prose(goal.what),
                goal.setting,
                bound,
                f"{row['ratio']:.2f} ({_cell(row, 'Middle half')})",
                counted,
                verdict,
            ]
        )
    return table(("Goal", "Setting", "Bound", "Measured (middle half)", "Counted", "Verdict"), lines)


def _provenance(found: dict[str, Any]) -> str:
    commit = code(found["commit"]) + (" with uncommitted changes" if found["dirty"] else "")
    versions = ", ".join(f"{name} {version}" for name, version in sorted(found["versions"].items()))
    seconds = sum(entry["seconds"] for entry in found["tables"])
    short = (
        " The turns were cut short to see that everything runs: **these figures mean nothing.**"
        if found["tiny"]
        else ""
    )
    machine = plain(
        f"on {found['processor'] or found['machine']}, "
        f"{found['cores']} cores, load {found['load']} when it began, in {seconds / 60:.1f} minutes; {versions}."
    )
    return f"Measured on {plain(found['started'][:10])} at commit {commit}, {machine}{short}"


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    wanted = {
        "Milliseconds": "milliseconds",
        "Ratio": "ratio",
        "Middle half": "low",
        "Counted": "counted",
        "Exponent": "exponent",
        "Megabytes": "megabytes",
    }
    return [column for column, key in wanted.items() if any(key in row for row in rows)]


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "Middle half":
        return f"{_short(row['low'])} to {_short(row['high'])}" if "low" in row else "–"
    value = row.get(column.lower())
    if value is None:
        return "–"
    if column == "Exponent":
        return f"{value:.2f} ± {row['error']:.2f}"
    return _short(value) if column in ("Ratio", "Counted") else f"{value:,.4g}"


def _short(value: float) -> str:
    """Return a ratio with two digits after the point, or with none where it is in the thousands."""
    return f"{value:.2f}" if value < 1000 else f"{value:,.0f}"
