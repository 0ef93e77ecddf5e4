"""What a chapter says of itself, at the head of its file: its part of the book, its card, its words, its profiles.

    descent:
      part: Games
      card: {figure: regions, says: One sentence for the map of the book.}
      words: {term: Its definition.}
      symbols: [{symbol: $x$, code: x, meaning: what it is}]
      profiles:
        smoke: {parameters: {steps: 4}, replicates: 1, resources: {mem_mb: 2000}}

Nothing of it is needed: a chapter without profiles runs with the values of its parameters cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from descent.book.errors import UserError

RESOURCES = {"threads": 1, "mem_mb": 4000, "runtime": 30, "gpu": 0}


@dataclass(frozen=True)
class Recipe:
    """How a profile runs one chapter.

    Args:
        parameters: what it sets, over the values of the parameters cell.
        replicates: how many runs; each adds its number to the chapter's ``seed``.
        resources: threads, mem_mb (memory in MB), runtime (minutes), gpu (devices).
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    replicates: int = 1
    resources: Mapping[str, int] = field(default_factory=lambda: dict(RESOURCES))


@dataclass(frozen=True)
class Header:
    """The head of a page.

    Args:
        runs: whether it is a chapter, with code for a kernel to run, or a page of text.
        part: the part of the book in which ``_toc.yml`` lists it.
        card: ``figure`` (a name that the chapter saves) and ``says`` (a sentence), for the map of the book.
        words: term -> definition, for the glossary.
        symbols: each with ``symbol``, ``code`` and ``meaning``, for the table of notation.
        profiles: name of a profile -> recipe as written, unchecked.
    """

    runs: bool = False
    part: str = ""
    card: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    symbols: Sequence[Mapping[str, str]] = ()
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_header(path: Path) -> Header:
    """Read the head of a page.

    Raises:
        UserError: it is not what this module describes.
    """
    try:
        front = yaml.safe_load(front_matter(path.read_text())) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{path}: the header is not valid YAML: {str(error).splitlines()[0]}") from error
    said = front.get("descent") or {}
    known = {"part": str, "card": dict, "words": dict, "symbols": list, "profiles": dict}
    _check_keys(said, known, f"{path}: descent")
    for name, kind in known.items():
        if name in said and not isinstance(said[name], kind):
            raise UserError(f"{path}: descent: {name} is {said[name]!r}; it wants a {kind.__name__} in YAML")
    _check_keys(said.get("card", {}), ("figure", "says"), f"{path}: descent: card")
    for symbol in said.get("symbols", ()):
        if not isinstance(symbol, dict) or symbol.keys() != {"symbol", "code", "meaning"}:
            raise UserError(f"{path}: descent: a symbol is {symbol!r}; it wants symbol, code and meaning")
    return Header(runs="kernelspec" in front, **said)


def front_matter(text: str) -> str:
    """Return what stands between the two ``---`` at the head of a page; may be empty."""
    return text[4:].partition("\n---\n")[0] if text.startswith("---\n") else ""


def read_recipe(entries: Sequence[Mapping[str, Any] | None], where: str) -> Recipe:
    """Return the recipe that the entries give together, the later ones over the earlier ones.

    Args:
        entries: of a chapter's header and of a profile's file, as written.
        where: for the message.

    Raises:
        UserError: an entry is malformed.
    """
    parameters: dict[str, Any] = {}
    resources, replicates = dict(RESOURCES), 1
    for entry in entries:
        if entry is not None and not isinstance(entry, Mapping):
            raise UserError(f"{where}: {entry!r} is no recipe; it may hold parameters, replicates, resources")
        _check_keys(entry or {}, ("parameters", "replicates", "resources"), where)
        _check_keys((entry or {}).get("resources") or {}, RESOURCES, f"{where}: resources")
        parameters |= (entry or {}).get("parameters") or {}
        resources |= (entry or {}).get("resources") or {}
        replicates = (entry or {}).get("replicates", replicates)
    if not isinstance(replicates, int) or replicates < 1:
        raise UserError(f"{where}: replicates is {replicates!r}; it must be a whole number from 1")
    return Recipe(parameters, replicates, resources)


def _check_keys(entry: Any, known: Any, where: str) -> None:
    if not isinstance(entry, Mapping):
        raise UserError(f"{where} is {entry!r}; it wants entries: {', '.join(known)}")
    if unknown := entry.keys() - set(known):
        raise UserError(f"{where}: unknown entries {sorted(map(str, unknown))}; known are {', '.join(known)}")
