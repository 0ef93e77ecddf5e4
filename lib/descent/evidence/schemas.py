"""JSON Schemas of the evidence's files, made from the models that read and write them.

``python -m descent.evidence.schemas`` writes them to ``docs/schemas``; a test holds them to the code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from descent.evidence.archives import Archive, Values
from descent.evidence.claims import ClaimEntry
from descent.evidence.files import dump_json, write_if_changed
from descent.evidence.reports import Report

FOLDER = Path(__file__).parents[3] / "docs" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each kind of file."""
    kinds: dict[str, tuple[Any, str]] = {
        "claims": (list[ClaimEntry], "chapters/claims/<chapter>.yml"),
        "measurements": (Values, "measurements.json and timings.json of a run"),
        "archive": (Archive, "results/<profile>/<chapter>.json"),
        "report": (Report, "report.json"),
    }
    return {
        name: {"$schema": DIALECT, **TypeAdapter(kind).json_schema(), "title": title}
        for name, (kind, title) in kinds.items()
    }


def main() -> None:
    """Write the schemas."""
    for name, schema in schemas().items():
        write_if_changed(FOLDER / f"{name}.json", dump_json(schema))


if __name__ == "__main__":
    main()
