"""Run every benchmark and keep one file: ``make bench``, or python benchmarks/run.py [--tiny] [--output FILE].

Each benchmark is a program of its own in a process of its own; this one only collects. It wants a quiet machine, and
takes about seven minutes on two cores. ``--tiny`` makes each as short as it goes, to see that all of them still run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from descent.book.execute import machine
from descent.book.project import Project
from descent.evidence.files import dump_json, write_atomically

HERE = Path(__file__).parent
Rows = list[dict[str, Any]]


def ratios(found: list[dict]) -> Rows:
    """Return the rows of sga.py as they are."""
    return [
        {key: row[key] for key in ("row", "setting", "milliseconds", "ratio", "low", "high") if key in row}
        for row in found
    ]


def products(found: dict) -> Rows:
    """Return the rows of implicit.py: a step's cost in gradients."""
    return [
        {
            "row": f"{name} products / gradient",
            "setting": "784-64-10, batch 200",
            "ratio": figures["gradients"],
            "low": figures["middle_half"][0],
            "high": figures["middle_half"][1],
        }
        for name, figures in found["figures"].items()
    ]


def seconds(found: dict) -> Rows:
    """Return the rows of noise.py."""
    rows = [{"row": name, "setting": "", "milliseconds": 1e3 * value} for name, value in found["seconds"].items()]
    return [*rows, {"row": "peak memory of these", "setting": "", "megabytes": float(found["peak_mb"])}]


def meta_steps(found: dict) -> Rows:
    """Return the rows of learned.py: the meta-step compiled, and how many times faster than eager per task."""
    rows: Rows = []
    for name, figures in found.items():
        if not isinstance(figures, dict):
            rows.append({"row": "peak memory of these", "setting": "", "megabytes": float(figures)})
            continue
        for key, value in figures.items():
            if key.startswith("times faster"):
                rows.append(
                    {"row": f"eager / {key.partition(': ')[2]}", "setting": name, "ratio": float(value["wall"])}
                )
            else:
                rows.append({"row": key, "setting": name, "milliseconds": 1e3 * float(value["wall s"])})
    return rows


# name -> (what it shows, its arguments, those of --tiny, how its JSON becomes rows)
BENCHMARKS: dict[str, tuple[str, list[str], list[str], Callable[[Any], Rows]]] = {
    "sga": (
        "A step of SGA around RMSProp, and the product that it adds to a gradient",
        ["--blocks", "11", "--seconds", "0.4"],
        ["--blocks", "1", "--seconds", "0.01"],
        ratios,
    ),
    "implicit": (
        "Implicit steps: conjugate gradients on Hessian and Gauss-Newton products",
        [],
        ["--blocks", "1", "--seconds", "0.01"],
        products,
    ),
    "noise": ("Stable laws, estimators of the tail index, minibatch gradients", [], [], seconds),
    "learned": ("Meta-steps of learned optimisers, 20 inner steps", [], [], meta_steps),
}


def collect(names: list[str], tiny: bool) -> list[dict[str, Any]]:
    """Run benchmarks one after the other; return their tables.

    Raises:
        SystemExit: one failed; what it said stands on standard error.
    """
    tables = []
    for name in names:
        title, arguments, short, rows = BENCHMARKS[name]
        print(f"{name}: {title}", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "rows.json"
            writes = "--json" in (HERE / f"{name}.py").read_text()
            command = [sys.executable, str(HERE / f"{name}.py"), *(short if tiny else arguments)]
            command += ["--json", str(output)] if writes else []
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                raise SystemExit(f"{name}.py failed: nothing is kept")
            tables.append(
                {"name": name, "title": title, "rows": rows(json.loads(output.read_text() if writes else done.stdout))}
            )
    return tables


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", choices=[[], *BENCHMARKS], help="only these")
    parser.add_argument("--tiny", action="store_true", help="as short as it goes: to see that they run")
    parser.add_argument("--output", type=Path, help="default: results/benchmarks/latest.json")
    options = parser.parse_args()
    project = Project.find(HERE)
    output = options.output or project.root / "results" / "benchmarks" / "latest.json"
    about = {"started": datetime.now(UTC).isoformat(timespec="seconds"), "load": round(os.getloadavg()[0], 1)}
    tables = collect(options.only or list(BENCHMARKS), options.tiny)
    write_atomically(output, dump_json({**about, **machine(project), "tiny": options.tiny, "tables": tables}))
    print(output)


if __name__ == "__main__":
    main()
