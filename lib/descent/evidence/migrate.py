"""Bring archived runs to today's keys: ``python -m descent.evidence.migrate results``.

What was measured stays as it was, number for number, and each file says under ``changed`` what was done to it. Running
it again changes nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from descent.evidence.files import dump_json, write_if_changed
from descent.evidence.measurements import KEY, plain_key

RENAMED = (
    "Keys of measurements and timings were rewritten in plain characters (descent.evidence.measurements.plain_key)."
)
STRUCK = (
    "Measurements 'tuned_*' of runs that tuned nothing were struck: they repeated other measurements of the same run, "
    "and a table took them for those of tuned runs."
)


def migrate(data: dict[str, Any]) -> dict[str, Any]:
    """Return an archive with today's keys; the same object if it has them already.

    Raises:
        ValueError: two keys of a run would become one.
    """
    done = []
    replicates = []
    for run in data["replicates"]:
        renamed = {**run, **{kind: _renamed(run[kind]) for kind in ("measurements", "timings") if kind in run}}
        if any(renamed[kind].keys() != run[kind].keys() for kind in ("measurements", "timings") if kind in run):
            done.append(RENAMED)
        if data.get("chapter") == "sga-vs-gmm" and not _tuned(run):
            kept = {
                kind: {key: value for key, value in renamed[kind].items() if not key.startswith("tuned_")}
                for kind in ("measurements", "timings")
            }
            if any(kept[kind].keys() != renamed[kind].keys() for kind in kept):
                done.append(STRUCK)
            renamed |= kept
        replicates.append(renamed)
    if not done:
        return data
    return {**data, "replicates": replicates, "changed": [*data.get("changed", []), *dict.fromkeys(done)]}


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    new = {key if KEY.fullmatch(key) else plain_key(key): value for key, value in values.items()}
    if len(new) < len(values):
        raise ValueError(f"two of the keys {sorted(values)} would become one")
    return new


def _tuned(run: dict[str, Any]) -> bool:
    """Say whether a run of the chapter sga-vs-gmm chose learning rates; by default it does not."""
    asked = run["environment"]["parameters"]
    return bool(asked.get("tuning_steps")) and asked.get("seed", 0) == asked.get("all_methods_seed", 0)


def main(folder: Path) -> None:
    """Migrate every archive below a folder, and name those that changed."""
    for path in sorted(folder.glob("*/*.json")):
        data = json.loads(path.read_text())
        if "replicates" in data and write_if_changed(path, dump_json(migrate(data))):
            print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results"))
