"""What code a piece of code depends on: the modules of this package that it imports, directly or through one another.

Imports are followed name by name, through re-exports too. Code counts by its meaning: comments, docstrings and layout
are not in a hash. Files that a package carries beside its modules (weights, tables) count like modules.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "descent"
LIBRARY = Path(__file__).parents[1]
DIGITS = 16


def digest(content: str | bytes) -> str:
    """Return the first 16 hexadecimal digits of a SHA-256."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()[:DIGITS]


@cache
def meaning(source: str) -> str:
    """Return Python source as text that comments, docstrings and layout do not change, nor the Python that reads it."""
    try:
        tree = ast.parse(_plain(source))
    except SyntaxError:  # it says so when it runs
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:]
    return "\n".join([_written(tree), *filter(_is_magic, source.splitlines())])


def code_state(library: Path, source: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the hashes of what a source text depends on: of modules by their names, of other files by their paths.

    Args:
        library: the package's folder.
        source: Python; lines that only IPython understands are passed over.
    """
    modules = sorted(import_distances(library, source))
    texts = {module: module_path(library, module).read_text() for module in modules}
    files = {str(path.relative_to(library)): digest(path.read_bytes()) for path in _data_files(library, modules)}
    return {module: digest(meaning(text)) for module, text in texts.items()}, files


def imported_modules(library: Path, source: str) -> list[str]:
    """Return the modules that a source text depends on, sorted; arguments as of ``import_distances``."""
    return sorted(import_distances(library, source))


def import_distances(library: Path, source: str) -> dict[str, int]:
    """Return how many imports away each module is that a source text depends on; 1 for those that it names itself.

    Args:
        library: the package's folder.
        source: Python; lines that only IPython understands are passed over.

    A name that a package's ``__init__`` merely re-exports counts as an import of the module that defines it, and of no
    other: a chapter that imports one rule does not depend on the rest.
    """
    found: dict[str, int] = {}
    frontier, distance = set(direct_imports(library, source)), 1
    while frontier:
        found |= dict.fromkeys(frontier, distance)
        texts = ((module, module_path(library, module)) for module in frontier)
        named = {m for module, path in texts for m in _imports(library, path.read_text(), path.stem, module)}
        frontier = {m for m in named if m not in found and module_path(library, m).is_file()}
        distance += 1
    return found


def direct_imports(library: Path, source: str) -> tuple[str, ...]:
    """Return the modules of the package that a source text names itself, sorted."""
    return tuple(sorted(m for m in _imports(library, source, "", "") if module_path(library, m).is_file()))


def module_path(library: Path, module: str) -> Path:
    """Return the file of a module of the package (``descent.rules`` is ``rules/__init__.py``)."""
    base = library.joinpath(*module.split(".")[1:])
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@cache
def _imports(library: Path, source: str, stem: str, module: str) -> frozenset[str]:
    try:
        nodes = ast.walk(ast.parse(_plain(source)))
    except SyntaxError:  # it says so when it runs
        return frozenset()
    return frozenset(name for node in nodes for name in _named(library, node, stem == "__init__", module))


def _named(library: Path, node: ast.AST, is_package: bool, module: str) -> Iterator[str]:
    """Yield the modules of the package that a statement of a module imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
    elif isinstance(node, ast.ImportFrom):
        names = module.split(".")
        parent = names[: len(names) - node.level + is_package] if node.level else []
        origin = ".".join([*parent, *([node.module] if node.module else [])])
        if origin.split(".")[0] == PACKAGE:
            for alias in node.names:
                yield from _resolve(library, origin, alias.name)


def _resolve(library: Path, origin: str, name: str) -> set[str]:
    """Return the module that ``from origin import name`` depends on."""
    if module_path(library, f"{origin}.{name}").is_file():
        return {f"{origin}.{name}"}
    path = module_path(library, origin)
    if path.name == "__init__.py" and path.is_file():
        for node in ast.walk(ast.parse(path.read_text())):  # what is imported for its type, and later, too
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    if name == (alias.asname or alias.name) and node.module.split(".")[0] == PACKAGE:
                        return _resolve(library, node.module, alias.name)
    return {origin}


def _data_files(library: Path, modules: Iterable[str]) -> list[Path]:
    """Return the files that are no Python in the packages of modules, and in folders of these that are no packages."""
    folders = {module_path(library, module).parent for module in modules}
    return sorted(path for folder in folders for path in _not_python(folder))


def _not_python(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_file() and path.suffix not in (".py", ".pyc") and not path.name.startswith("."):
            yield path
        elif path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").is_file():
            yield from _not_python(path)


def _plain(source: str) -> str:
    return "\n".join("" if _is_magic(line) else line for line in source.splitlines())


def _is_magic(line: str) -> bool:
    """Say whether only IPython understands a line."""
    return line.lstrip().startswith(("%", "!"))


def _written(node: Any) -> str:
    """Return a syntax tree as text; what is empty is left out, since versions of Python differ in it."""
    if isinstance(node, ast.AST):
        fields = [f"{name}={_written(value)}" for name, value in ast.iter_fields(node) if value not in (None, [])]
        return f"{type(node).__name__}({','.join(fields)})"
    return f"[{','.join(map(_written, node))}]" if isinstance(node, list) else repr(node)
