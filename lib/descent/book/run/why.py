"""Why a run would be made: which of the parts that it depends on have changed since it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from descent.book.project import Project
from descent.book.run.fingerprint import Parts, changes, distances
from descent.book.run.parameters import read_chapter
from descent.book.run.run import Run, runs
from descent.evidence.code import PACKAGE
from descent.evidence.provenance import lock_sha256

MOST = 6  # names a line
SAME = "nothing has changed"


def why(project: Project, profile: str, chapters: Sequence[str], current: bool = True) -> Iterator[str]:
    """Yield a line for each run: what a build would do about it, and why.

    Args:
        project: the checkout.
        profile: name of the profile.
        chapters: which.
        current: say so of runs that are up to date, too.
    """
    for chapter in chapters:
        for run in runs(project, profile, chapter):
            line = reason(run)
            if current or not line.endswith(SAME):
                yield line


def reason(run: Run) -> str:
    """Return in a line what a build would do about a run, and why."""
    names = changed(run)
    if names is None:
        return f"{run}: runs: it has not run yet" + (" to its end" if run.failed.is_file() else "")
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"{run}: runs again: {'; '.join(names[:MOST])}{more}" if names else f"{run}: {SAME}"


def changed(run: Run) -> list[str] | None:
    """Return what has changed since a run was made, in words; None if it never was."""
    try:
        environment = json.loads((run.path / "environment.json").read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(environment, dict):
        return None
    return changed_since(run, environment)


def changed_since(run: Run, environment: Mapping[str, Any], archived: bool = False) -> list[str]:
    """Return what has changed since a run, here or archived, was made, in words; nothing if nothing has.

    Args:
        run: as it would be made now.
        environment: what the older run said of itself, ``environment.json``.
        archived: it may have been made elsewhere, where data have other times, and they may be missing here.
    """
    if environment.get("fingerprint") == run.fingerprint:
        return []
    before: Parts | None = environment.get("parts")
    if before is None:
        return ["it was made before runs kept what they depend on"]
    after = run.parts
    if archived:
        before, after = ({**parts, "data": _sizes(parts, before, after)} for parts in (before, after))
    away = distances(run.project.root, read_chapter(run.page))
    names = _cells(before, after)
    say = {
        "parameters": "parameter {}",
        "files": f"file lib/{PACKAGE}/{{}}",
        "lock": "requirements.lock: {}",
        "data": "data {}",
    }
    for kind, name in changes(before, after):
        if kind == "modules":
            names.append(_module(name, away.get(name)))
        elif kind in say:
            names.append(say[kind].format(name))
    if "lock" not in before and environment.get("lock_sha256") not in (None, lock_sha256(run.project.root)):
        names.append("requirements.lock")
    return names


def _sizes(parts: Parts, *both: Parts) -> dict[str, str]:
    """Return the sizes of the data files that both know."""
    known = set.intersection(*(set(other.get("data", {})) for other in both))
    return {name: state.split()[0] for name, state in parts.get("data", {}).items() if name in known}


def _module(name: str, distance: int | None) -> str:
    if distance is None:
        return f"module {name}, which is no longer imported"
    return f"module {name}" + ("" if distance == 1 else f", {distance} imports away")


def _cells(before: Parts, after: Parts) -> list[str]:
    """Return the code cells that differ, by their numbers; one that is put in changes none of those behind it."""
    # a file has its keys in the order of letters: 1, 10, 11, 2
    old, new = (
        [cells[key] for key in sorted(cells, key=int)] for cells in (b.get("cells", {}) for b in (before, after))
    )
    names = []
    for kind, a, b, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "delete":
            names.append(f"{b - a} code cell{'s' * (b - a > 1)} removed before code cell {first + 1}")
        elif kind != "equal":
            names += [f"code cell {number}" for number in range(first + 1, last + 1)]
    return names
