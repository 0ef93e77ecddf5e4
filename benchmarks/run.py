"""Run every benchmark and keep one file: ``make bench``, or python benchmarks/run.py [--tiny] [NAME ...].

Each benchmark is a program of its own in a process of its own, so that its memory is its own; this one only collects.
It wants a quiet machine. ``--tiny`` makes each as short as it goes, to see that all of them still run. The page
chapters/benchmarks.md shows the file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from descent.book.project import Project
from descent.evidence.files import dump_json, write_atomically
from descent.evidence.provenance import provenance

HERE = Path(__file__).parent
PEERS = ("jax", "torch")

# name -> (what it shows, its arguments)
BENCHMARKS: dict[str, tuple[str, list[str]]] = {
    "sga": ("A gradient step and a step of SGA, both around RMSProp", ["--seconds", "0.5"]),
    "memory": ("Memory of these steps, each contender in a process of its own", []),
    "costs": ("What rules cost in gradients", []),
    "sweep": ("A sweep over step sizes", []),
    "implicit": ("Implicit steps: conjugate gradients on Hessian and Gauss-Newton products", []),
    "noise": ("Stable laws, estimators of the tail index, minibatch gradients", []),
    "learned": ("Meta-steps of learned optimisers, 20 inner steps", []),
    "two_layer": ("A wide two-layer network, by its pre-activations", ["--blocks", "3", "--seconds", "1"]),
    "federated": ("Rounds of federated learning with a hundred clients", ["--blocks", "3", "--seconds", "1"]),
    "rollouts": ("Episodes of a policy, ten thousand at once", []),
    "subnets": ("A round of independent subnets at the published width", ["--blocks", "3", "--seconds", "1"]),
    "competitive": ("A step of adaptive competitive descent", ["--blocks", "5", "--seconds", "0.5"]),
    "latents": ("A generator's step with importance-sampled latents", ["--blocks", "3", "--seconds", "1"]),
    "growth": ("How cost grows, and how much of the machine a large step uses", ["--blocks", "7"]),
}


def collect(names: list[str], tiny: bool) -> list[dict[str, Any]]:
    """Run benchmarks one after the other; return their tables.

    Raises:
        SystemExit: one failed; what it said stands on standard error.
    """
    tables = []
    for name in names:
        title, arguments = BENCHMARKS[name]
        print(f"{name}: {title}", file=sys.stderr, flush=True)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "rows.json"
            command = [sys.executable, str(HERE / f"{name}.py"), "--json", str(output)]
            done = subprocess.run([*command, *(["--tiny"] if tiny else arguments)], check=False)
            if done.returncode:
                raise SystemExit(f"{name}.py failed: its rows are not kept")
            rows = json.loads(output.read_text())
        seconds = round(time.perf_counter() - began, 1)
        tables.append({"name": name, "title": title, "seconds": seconds, "rows": rows})
    return tables


def peers() -> dict[str, str]:
    """Return the versions of those peers that are installed."""
    found = {}
    for name in PEERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", choices=[[], *BENCHMARKS], help="only these")
    parser.add_argument("--tiny", action="store_true", help="as short as it goes: to see that they run")
    parser.add_argument("--output", type=Path, help="default: results/benchmarks/latest.json")
    options = parser.parse_args()
    project = Project.find(HERE)
    output = options.output or project.root / "results" / "benchmarks" / "latest.json"
    about = {"started": datetime.now(UTC).isoformat(timespec="seconds"), "load": round(os.getloadavg()[0], 1)}
    about |= provenance(project.root)
    about["versions"] = {**about["versions"], **peers()}
    tables: list[dict[str, Any]] = []
    for name in options.only or list(BENCHMARKS):
        tables += collect([name], options.tiny)  # written one by one: what is measured stays, whatever comes after it
        write_atomically(output, dump_json({**about, "tiny": options.tiny, "tables": tables}))
    print(output)


if __name__ == "__main__":
    main()
