"""A chapter's parameters: what they are, and the one door for values: a profile's, a command line's, a replicate's."""

from __future__ import annotations

import ast
import io
import math
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat

from descent.book.errors import UserError
from descent.book.text import read_text, read_yaml

LARGEST = 2**63  # whole numbers stay below: TensorFlow and NumPy count in 64 bits
SEEDS = 2_000_001  # a chapter's own runs have seeds a thousand times as large, of 32 bits
WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "text", type(None): "a number or null"}


@dataclass(frozen=True)
class Parameter:
    """One assignment of a parameters cell: its name, its value, and the comment behind it."""

    name: str
    default: Any
    help: str

    @property
    def type_name(self) -> str:
        """Return the type of the default, as Python names it."""
        return type(self.default).__name__


def read_chapter(path: Path) -> nbformat.NotebookNode:
    """Return a chapter, as text or as a notebook that was made of it, as a notebook.

    Raises:
        UserError: the file does not exist, or is neither.
    """
    if not path.is_file():
        raise UserError(f"no chapter at {path}: give the path of a file in chapters/")
    if path.suffix not in (".md", ".ipynb"):
        raise UserError(f"{path} is no chapter: give the path of a .md file in chapters/, or of a notebook made of one")
    text = read_text(path)
    try:
        notebook = jupytext.reads(text, fmt=path.suffix.removeprefix("."))
    except Exception as error:  # of five libraries, on somebody's file
        raise UserError(f"{path} is no notebook: {' '.join(str(error).split())[:300]}") from error
    if "kernelspec" not in notebook.metadata:
        raise UserError(f"{path} is a page without code: it has no kernelspec in its header, so it can't be run")
    # Editors write what they like here; the kernel is this environment's in any case.
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata.pop("language_info", None)
    notebook.metadata.pop("descent", None)  # what the page says of itself is ``chapter.read_header``'s to read
    return notebook


def parameters_of(notebook: nbformat.NotebookNode, where: object = "the parameters cell") -> dict[str, Parameter]:
    """Return the parameters of a notebook, in order.

    Args:
        notebook: its code cells tagged ``parameters`` hold assignments of literals, each with a comment.
        where: the chapter, for the message.

    Raises:
        UserError: something else stands there, which nobody could set, or a value that nothing could be held to.
    """
    found: dict[str, Parameter] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ()):
            try:
                body = ast.parse(cell.source).body
            except (SyntaxError, ValueError, RecursionError) as error:
                raise UserError(f"{where}: the parameters cell is not Python: {error}") from error
            comments = _comments(cell.source)
            for node in body:
                name, value = _assignment(node, f"{where}: parameters, line {node.lineno}")
                if name in found:
                    raise UserError(f"{where}: parameter {name} stands twice: remove one of the two")
                found[name] = Parameter(name, value, comments.get(node.end_lineno or node.lineno, ""))
    if "seed" in found and type(found["seed"].default) is not int:
        raise UserError(f"{where}: the default of seed is {found['seed'].default!r}; it wants a whole number")
    return found


def parse_values(pairs: list[tuple[str, str]], known: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return command-line pairs as values, read as YAML: ``500``, ``1e-3``, ``[1, 2]``, ``true``, ``text``.

    Args:
        pairs: name and value.
        known: the chapter's parameters; one that takes text takes what YAML would read otherwise, too.
    """
    values = {}
    for name, text in pairs:
        value = read_yaml(text, f"parameter {name}: {text[:80]!r}")
        wants_text = name in known and isinstance(known[name].default, str)
        values[name] = text if wants_text and not isinstance(value, str) else value
    return values


def validate(values: Mapping[str, Any], known: Mapping[str, Parameter], where: str) -> dict[str, Any]:
    """Return values fit for a chapter, whole numbers made floats where the chapter wants floats.

    Args:
        values: name -> value.
        known: the chapter's parameters.
        where: the chapter or profile, for the message.

    Raises:
        UserError: a name is unknown, a value, or an item in it, is of another type than the default's, or a number is
            not finite or too large; or a seed is negative or too large; or a count is less than 1.
    """
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise UserError(f"{where}: unknown parameter {name!r}; known are {', '.join(known) or 'none'}")
        default = known[name].default
        try:
            checked[name] = fit(value, default)
            if not name.endswith("seed") and default != [] and _counts(default) and not _counts(checked[name]):
                raise ValueError("a count, at least 1, as the default is")
            if name == "seed" and not 0 <= checked[name] < SEEDS:
                raise ValueError("a whole number from 0 to 2,000,000, whose thousandfold has 32 bits")
        except ValueError as error:
            raise UserError(
                f"{where}: parameter {name} takes a value of type {known[name].type_name} (default {_short(default)}): "
                f"{error}; got {_short(value)}"
            ) from error
    return checked


def _counts(value: Any) -> bool:
    """Say whether a value is a whole number from 1, or a list of such: so many steps, seeds, images."""
    items = value if isinstance(value, list | tuple) else (value,)
    return all(type(item) is int and item >= 1 for item in items)


def fit(value: Any, like: Any) -> Any:
    """Return a value as one of the type of another: a whole number as a float, a list as a tuple.

    Args:
        value: as YAML, or Python, gave it.
        like: the default. The items of a list are held to those of the default's: each is like one of them.

    Raises:
        ValueError: it is of another type; the message says what is wanted.
    """
    kind = type(like)
    if kind in (list, tuple):
        if not isinstance(value, list | tuple):
            raise ValueError("a list")
        return kind(_item(item, like) for item in value)
    if kind is dict:
        if not isinstance(value, dict) or not value.keys() <= like.keys():
            raise ValueError(f"entries for {', '.join(map(str, like))}")
        return {name: fit(value[name], like[name]) for name in value}
    if kind not in WANTED:
        raise ValueError("a plain value")
    if value is None and like is None:
        return None
    if like is None:  # it stands for a number that there may be
        return fit(value, 0 if type(value) is int else 0.0)
    if kind is float and type(value) is int and abs(value) < LARGEST:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(WANTED[kind])
    if kind is float and not math.isfinite(value):
        raise ValueError("a finite number")
    if kind is int and abs(value) >= LARGEST:
        raise ValueError("a whole number of at most 64 bits")
    return value


def _item(item: Any, like: list | tuple) -> Any:
    """Return an item of a list as the first of the default's items that it is like; of an empty default, as it is."""
    wanted = ""
    for one in like or ("", 0, 0.0, True):
        try:
            return fit(item, one)
        except ValueError as error:
            wanted = wanted or str(error)
    raise ValueError(f"a list, each item {wanted}")


def _assignment(node: ast.stmt, where: str) -> tuple[str, Any]:
    if not isinstance(node, ast.Assign) or len(node.targets) > 1 or not isinstance(node.targets[0], ast.Name):
        raise UserError(f"{where}: write each parameter as 'name = value', without annotation, and nothing else here")
    name = node.targets[0].id
    try:
        value = ast.literal_eval(node.value)
        fit(value, value)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(
            f"{where}: the default of {name} must be a plain finite number, text, true or false, or a list of such"
        ) from error
    return name, value


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: t.string.lstrip("#").strip() for t in tokens if t.type == tokenize.COMMENT}


def _short(value: Any) -> str:
    try:
        said = repr(value)
    except (ValueError, RecursionError):
        said = f"a {type(value).__name__} too large to print"
    return said if len(said) <= 80 else f"{said[:77]}..."
