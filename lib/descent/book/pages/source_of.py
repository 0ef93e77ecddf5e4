"""The piece of a source file that a page shows: what ``{literalinclude}`` would take, for what leaves the book."""

from __future__ import annotations

import ast
from pathlib import Path

from descent.book.errors import UserError
from descent.book.text import read_text


def source_of(path: Path, qualname: str = "", lines: str = "") -> str:
    """Return a piece of a Python file.

    Args:
        path: the file.
        qualname: a function or class, ``SGA.step`` for a method; all of the file, if empty.
        lines: of that, counted from 1, as in ``1-3,7``; all of them, if empty.

    Raises:
        UserError: the file, the name or a line is not there.
    """
    text = _text(path).splitlines()
    if qualname:
        first, last = place_of(path, qualname)
        text = text[first - 1 : last]
    chosen = _chosen(lines, len(text), path) if lines else range(len(text))
    return "\n".join(text[k] for k in chosen).strip("\n")


def place_of(path: Path, qualname: str) -> tuple[int, int]:
    """Return the first and the last line of a definition, decorators included; arguments as of ``source_of``."""
    try:
        node: ast.Module | ast.FunctionDef | ast.ClassDef = ast.parse(_text(path))
    except SyntaxError as error:
        raise UserError(f"{path} is not Python, so nothing of it can be shown: {error}") from error
    first = last = 1
    for name in qualname.split("."):
        found = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name]
        if not found:
            raise UserError(f"{path} does not define {qualname!r}: correct the :pyobject: that asks for it")
        node = found[0]
        first = min([found[0].lineno, *(decorator.lineno for decorator in found[0].decorator_list)])
        last = found[0].end_lineno or first
    return first, last


def _text(path: Path) -> str:
    if not path.is_file():
        raise UserError(f"{path} does not exist: correct the literalinclude that asks for it")
    return read_text(path)


def _chosen(lines: str, count: int, path: Path) -> list[int]:
    chosen: list[int] = []
    for part in lines.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            numbers = range(int(first or 1), (int(last or count) if dash else int(first)) + 1)
        except ValueError:
            numbers = range(0)
        if not numbers or numbers[0] < 1 or numbers[-1] > count:
            raise UserError(f"{path}: there are no lines {part.strip()!r} among the {count} asked for: correct :lines:")
        chosen += [number - 1 for number in numbers]
    return chosen
