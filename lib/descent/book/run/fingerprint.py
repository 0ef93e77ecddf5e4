"""What a chapter's results depend on, part by part: run again when one of them changes, and only then.

The parts are the code cells, the parameters, the modules of ``lib/descent`` that the chapter imports (followed name by
name, through re-exports too), the files that their packages carry, the lines of the lock file, and the data. Prose,
comments and docstrings are in none of them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from descent.evidence.code import PACKAGE, code_state, digest, import_distances, meaning

Parts = dict[str, dict[str, str]]
IMAGES = f"{PACKAGE}.problems.images"


def parts(root: Path, notebook: nbformat.NotebookNode, parameters: Mapping[str, Any]) -> Parts:
    """Return all that a run depends on: kind of part -> name -> hash, or value where it is short.

    Args:
        root: the checkout.
        notebook: the chapter's text.
        parameters: what the run sets.
    """
    code = code_of(notebook)
    modules, files = code_state(root / "lib" / PACKAGE, code)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    lock = (root / "requirements.lock").read_text().splitlines()
    return {
        "cells": {str(number): digest(meaning(source)) for number, source in enumerate(cells, 1)},
        "parameters": {name: repr(value) for name, value in parameters.items()},
        "modules": modules,
        "files": files,
        "lock": dict(_pin(line) for line in lock if line.strip()),
        "data": _data_state() if IMAGES in modules else {},
    }


def fingerprint(parts: Parts) -> str:
    """Return the hash of all parts, 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def changes(before: Parts, after: Parts) -> list[tuple[str, str]]:
    """Return the parts that differ, as (kind, name), in the order of kinds; kinds of which nothing is known are not."""
    return [
        (kind, name)
        for kind in after
        if kind in before
        for name in sorted({*before[kind], *after[kind]}, key=lambda name: (len(name), name))
        if before[kind].get(name) != after[kind].get(name)
    ]


def code_of(notebook: nbformat.NotebookNode) -> str:
    """Return the code cells of a notebook, joined."""
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")


def distances(root: Path, notebook: nbformat.NotebookNode) -> dict[str, int]:
    """Return how many imports away from a chapter each module is that it depends on."""
    return import_distances(root / "lib" / PACKAGE, code_of(notebook))


def _pin(line: str) -> tuple[str, str]:
    """Return a line of the lock file as a package, with its marker, and a version."""
    pin, _, marker = (part.strip() for part in line.partition(";"))
    name, _, version = pin.partition("==")
    return f"{name}; {marker}" if marker else name, version


def _data_state() -> dict[str, str]:
    """Return size and time of each file in DESCENT_DATA."""
    folder = Path(os.environ.get("DESCENT_DATA", ""))
    if not os.environ.get("DESCENT_DATA") or not folder.is_dir():
        return {}
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): f"{path.stat().st_size} {path.stat().st_mtime_ns}" for path in files}
