"""A chapter's parameters: what they are, and values checked against them before anything runs."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import yaml
from jupytext.myst import MystMetadataParsingError

from descent.book.errors import UserError


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
    """Return a text chapter as a notebook.

    Raises:
        UserError: the file does not exist or is not a text notebook.
    """
    if not path.is_file():
        raise UserError(f"no chapter at {path}: give the path of a file in chapters/")
    try:
        notebook = jupytext.read(path)
    except MystMetadataParsingError as error:
        raise UserError(f"{path}: {' '.join(str(error).split())[:300]}") from error
    if "kernelspec" not in notebook.metadata:
        raise UserError(f"{path} is a page without code: it has no kernelspec in its header, so it can't be run")
    notebook.metadata.pop("descent", None)  # what the page says of itself is ``chapter.read_header``'s to read
    return notebook


def parameters_of(notebook: nbformat.NotebookNode) -> dict[str, Parameter]:
    """Return the parameters of a notebook, in order.

    Args:
        notebook: its code cells tagged ``parameters`` hold assignments of literals, each with a comment.
    """
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ()):
            lines = cell.source.splitlines()
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    comment = lines[(node.end_lineno or node.lineno) - 1].partition("#")[2].strip()
                    name = node.targets[0].id
                    found[name] = Parameter(name, ast.literal_eval(node.value), comment)
    return found


def parse_values(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Return command-line pairs as values, read as YAML: ``500``, ``1e-3``, ``[1, 2]``, ``true``, ``text``."""
    values = {}
    for name, text in pairs:
        try:
            values[name] = float(text) if _is_float(text) else yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"parameter {name}: can't read the value {text!r}") from error
    return values


def validate(values: Mapping[str, Any], known: Mapping[str, Parameter], where: str) -> dict[str, Any]:
    """Return values fit for a chapter, whole numbers made floats where the chapter wants floats.

    Args:
        values: name -> value.
        known: the chapter's parameters.
        where: the chapter or profile, for the message.

    Raises:
        UserError: a name is unknown or a value has the wrong type.
    """
    checked = {}
    for name, value in values.items():
        if name not in known:
            raise UserError(f"{where}: unknown parameter {name!r}; known are {', '.join(known) or 'none'}")
        default = known[name].default
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if isinstance(default, tuple) and isinstance(value, list):
            value = tuple(value)
        if default is not None and value is not None and type(value) is not type(default):
            raise UserError(
                f"{where}: parameter {name} takes a value of type {known[name].type_name} (default {default!r}), "
                f"got {value!r}"
            )
        checked[name] = value
    return checked


def _is_float(text: str) -> bool:
    # YAML 1.1 takes 1e-3 for a string.
    try:
        float(text)
    except ValueError:
        return False
    return not text.lstrip("+-").isdigit()
