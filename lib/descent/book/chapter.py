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

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from descent.book.errors import UserError
from descent.book.text import read_text, read_yaml
from descent.evidence.validation import Model, one_line

Kind = TypeVar("Kind", bound=BaseModel)
Text = Annotated[str, Field(strict=True)]
Whole = Annotated[int, Field(strict=True, ge=1)]


class Resources(Model):
    """What a run asks for: threads, mem_mb (memory in MB), runtime (minutes), gpu (devices)."""

    threads: Annotated[Whole, Field(le=1024)] = 1
    mem_mb: Whole = 4000
    runtime: Whole = 30
    gpu: Annotated[int, Field(strict=True, ge=0)] = 0


class RecipeEntry(Model):
    """A recipe as written, in a chapter's head or a profile's file; what it leaves out is said elsewhere."""

    parameters: dict[Text, Any] = Field(default_factory=dict)
    replicates: Annotated[Whole, Field(le=10_000)] = 1
    resources: dict[Text, Any] = Field(default_factory=dict)


class Card(Model):
    """A chapter's card on the map of the book: ``figure`` (a name that it saves) and ``says`` (a sentence)."""

    figure: Text = ""
    says: Text = ""


class Symbol(Model):
    """A line of the table of notation."""

    symbol: Text
    code: Text
    meaning: Text


@dataclass(frozen=True)
class Recipe:
    """How a profile runs one chapter.

    Args:
        parameters: what it sets, over the values of the parameters cell.
        replicates: how many runs; each adds its number to the chapter's ``seed``.
        resources: threads, mem_mb (memory in MB), runtime (minutes), gpu (devices).
        settings: of a profile of alternatives, what each replicate sets besides, in the place of another seed.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    replicates: int = 1
    resources: Mapping[str, int] = field(default_factory=lambda: Resources().model_dump())
    settings: tuple[Mapping[str, Any], ...] = ()


class Header(Model):
    """The head of a page: what stands there under ``descent``, and whether the page has code for a kernel to run.

    Args:
        part: the part of the book in which ``_toc.yml`` lists it.
        card: what the map of the book shows.
        words: term -> definition, for the glossary.
        symbols: for the table of notation.
        profiles: name of a profile -> recipe as written, unchecked.
        runs: whether it is a chapter, or a page of text; the file doesn't say it.
    """

    part: Text = ""
    card: Card = Card()
    words: dict[Text, Text] = Field(default_factory=dict)
    symbols: tuple[Symbol, ...] = ()
    profiles: dict[Text, Any] = Field(default_factory=dict)
    runs: bool = False


def read_header(path: Path) -> Header:
    """Read the head of a page.

    Raises:
        UserError: it is not what this module describes.
    """
    text = read_text(path)
    head = front_matter(text)
    if text.startswith("---\n") and not head:
        raise UserError(f"{path}: the header has no end, or nothing in it: close it by a line '---'")
    front = read_yaml(head, f"{path}: the header is") or {}
    if not isinstance(front, dict):
        raise UserError(f"{path}: the header is {front!r}; it wants entries, like 'kernelspec: ...'")
    if not isinstance(front.get("kernelspec", {}), dict):
        raise UserError(f"{path}: kernelspec is {front['kernelspec']!r}; it wants {{name: python3, ...}}")
    said = front.get("descent") or {}
    if isinstance(said, dict):
        said = {**said, "runs": "kernelspec" in front}
    return checked(Header, said, f"{path}: descent")


def front_matter(text: str) -> str:
    """Return what stands between the two ``---`` at the head of a page; may be empty."""
    match = re.match(r"---[ \t]*\n(.*?\n)??---[ \t]*(?:\n|$)", text, re.DOTALL)
    return (match[1] or "") if match else ""


def read_recipe(entries: Sequence[Mapping[str, Any] | None], where: str) -> Recipe:
    """Return the recipe that the entries give together, the later ones over the earlier ones.

    Args:
        entries: of a chapter's header and of a profile's file, as written.
        where: for the message.

    Raises:
        UserError: an entry is malformed.
    """
    parameters: dict[str, Any] = {}
    resources: dict[str, Any] = {}
    replicates = 1
    for entry in entries:
        if isinstance(entry, dict):  # "parameters:" with nothing behind it
            entry = {name: value for name, value in entry.items() if value is not None}
        said = checked(RecipeEntry, entry or {}, where)
        parameters |= said.parameters
        resources |= said.resources
        replicates = said.replicates if "replicates" in said.model_fields_set else replicates
    return Recipe(parameters, replicates, checked(Resources, resources, f"{where}: resources").model_dump())


def checked(kind: type[Kind], value: Any, where: str) -> Kind:
    """Return what was written as a record.

    Args:
        kind: of the record.
        value: what was written.
        where: the file, and the place in it, for the message.

    Raises:
        UserError: a key is missing, unknown or of another kind than it should be.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise UserError(f"{where}: {one_line(error, kind).strip()}") from error
