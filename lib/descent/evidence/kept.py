"""Results of long computations, kept on disk: what a killed chapter had finished, it does not compute again."""

from __future__ import annotations

import ast
import hashlib
import inspect
import io
import json
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from descent.evidence.files import write_atomically

Arrays = dict[str, np.ndarray]
DIGEST = hashlib.sha256().digest_size


def kept(folder: Path, name: str, settings: Mapping[str, Any], compute: Callable[[], Arrays]) -> Arrays:
    """Return arrays computed earlier from the same settings, or compute and keep them.

    Args:
        folder: where they are kept; ``descent.evidence.cache_directory()`` outlives a killed run.
        name: begins the file's name, for the eye.
        settings: all that the arrays depend on, as plain data: numbers, names, ``code_hash``. Other settings, other
            file.
        compute: makes the arrays.

    Returns:
        name -> array. A file that is not, byte for byte, what was written is computed and written again.
    """
    text = json.dumps(settings, sort_keys=True)
    path = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"
    arrays = _unpacked(path)
    if arrays is None:
        arrays = compute()
        write_atomically(path, _packed(arrays))
    return arrays


def code_hash(*things: Any) -> str:
    """Return a hash of source code that comments, docstrings and layout do not change.

    Args:
        things: modules, classes and named functions, each by its own source; or a lambda, which stands for its
            constants and for the modules of the functions that it names. One that names ``sga`` and ``rmsprop_tf1``
            depends on the modules of both.

    Raises:
        ValueError: a lambda with default arguments or variables of an enclosing function, whose values can't be told
            from its code.
    """
    digest = hashlib.sha256()
    for thing in things:
        for part in _sources(thing):
            digest.update(hashlib.sha256(part.encode()).digest())
    return digest.hexdigest()[:16]


def _sources(thing: Any) -> list[str]:
    if not (isinstance(thing, FunctionType) and thing.__name__ == "<lambda>"):
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
        return [ast.dump(_without_docstrings(tree))]
    if thing.__defaults__ or thing.__kwdefaults__ or thing.__closure__:
        raise ValueError(
            "code_hash: a lambda's values stand in its body; write them there, or put them in the settings"
        )
    named = [thing.__globals__[name] for name in _names(thing.__code__) if name in thing.__globals__]
    modules = {f.__module__: sys.modules[f.__module__] for f in named if inspect.isfunction(f) or inspect.isclass(f)}
    return [_constants(thing.__code__), *(source for key in sorted(modules) for source in _sources(modules[key]))]


def _names(code: CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(c) for c in code.co_consts if isinstance(c, CodeType)))


def _constants(code: CodeType) -> str:
    inner = [_constants(c) for c in code.co_consts if isinstance(c, CodeType)]
    return repr((code.co_names, [c for c in code.co_consts if not isinstance(c, CodeType)], inner))


def _without_docstrings(tree: ast.AST) -> ast.AST:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _unpacked(path: Path) -> Arrays | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    packed, digest = content[:-DIGEST], content[-DIGEST:]
    if hashlib.sha256(packed).digest() != digest:
        return None
    with np.load(io.BytesIO(packed)) as file:
        return dict(file)


def _packed(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    packed = buffer.getvalue()
    return packed + hashlib.sha256(packed).digest()  # which other readers of the file don't mind
