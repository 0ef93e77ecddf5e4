"""Results of long computations, kept on disk: what a killed chapter had finished, it does not compute again.

A kept result is known by all that it depends on: the code of the module that asks for it and of all that this imports;
the settings, with text and code of the rules among them; the versions of what computes. Nobody lists functions by hand,
and no name stands for a setting.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import re
import sys
import sysconfig
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from importlib import metadata
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from descent.evidence.code import LIBRARY, PACKAGE, code_state, digest, meaning
from descent.evidence.files import write_atomically
from descent.evidence.measurements import cache_directory

Arrays = dict[str, np.ndarray]
DIGEST = hashlib.sha256().digest_size
COMPUTED_BY = ("tensorflow", "numpy")
STANDARD_LIBRARY = sysconfig.get_paths()["stdlib"]


def cached(name: str, settings: Mapping[str, Any], compute: Callable[[], Arrays], folder: Path | None = None) -> Arrays:
    """Return arrays computed earlier by the same code from the same settings, or compute and keep them.

    Args:
        name: begins the file's name, so that a person can tell files apart; it decides nothing.
        settings: all that the arrays depend on but the code of the calling module: numbers, text, arrays, dataclasses,
            functions, rules. A rule counts by its text and by the code that it is made of.
        compute: makes the arrays.
        folder: where they are kept; by default ``cache_directory()``, which outlives a killed run.

    Returns:
        name -> array. A file that is not, byte for byte, what was written is computed and written again.

    Raises:
        ValueError: the settings hold something of which can't be told what it depends on.
    """
    caller = sys._getframe(1).f_globals["__name__"]
    plain = re.sub(r"[^\w.-]+", "-", name)
    path = (folder or cache_directory()) / f"{plain}-{key(caller, settings)}.npz"
    arrays = _unpacked(path)
    if arrays is None:
        arrays = compute()
        write_atomically(path, _packed(arrays))
    return arrays


def key(module: str, settings: Mapping[str, Any]) -> str:
    """Return the hash of all that a result depends on which a module computes from settings."""
    described = _Description()
    text = described.of(dict(settings))
    code = {name: _code_of(name) for name in sorted(described.modules | {module})}
    versions = {name: metadata.version(name) for name in COMPUTED_BY}
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return digest(json.dumps([text, code, versions, python], sort_keys=True))


class _Description:
    """Values as text that tells them apart, and the modules whose code they run."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self._inside: list[int] = []

    def of(self, value: Any) -> Any:
        """Return a value as plain data."""
        if hasattr(value, "__array__") and not isinstance(value, type):  # NumPy's and TensorFlow's, variables too
            array = np.asarray(value)
            if not array.dtype.hasobject:
                return f"{array.dtype}{list(array.shape)} {digest(np.ascontiguousarray(array).tobytes())}"
            value = array.tolist()
        if value is None or isinstance(value, bool | int | float | complex | str | bytes | range | Path):
            return repr(value)
        if id(value) in self._inside:
            return f"#{self._inside.index(id(value))}"
        self._inside.append(id(value))
        try:
            return self._of_parts(value)
        finally:
            self._inside.pop()

    def _of_parts(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return [type(value).__name__, sorted([self.of(k), self.of(v)] for k, v in value.items())]
        if isinstance(value, set | frozenset):
            return [type(value).__name__, sorted(map(self.of, value))]
        if isinstance(value, list | tuple):
            return [type(value).__qualname__, [self.of(item) for item in value]]
        if isinstance(value, ModuleType):
            return self._code(value.__name__)
        if isinstance(value, type):
            return self._code(value.__module__, value.__qualname__)
        if isinstance(value, FunctionType):
            if not _is_ours(value.__module__) and "<" not in value.__qualname__:
                return f"{value.__module__}:{value.__qualname__}"
            held = [cell.cell_contents for cell in value.__closure__ or ()]
            body = _bytecode(value.__code__) if "<lambda>" in value.__qualname__ else ""  # others have names
            defaults = [value.__defaults__, value.__kwdefaults__]
            return [self._code(value.__module__, value.__qualname__), body, self.of([held, defaults])]
        if isinstance(value, MethodType):
            return [self.of(value.__func__), self.of(value.__self__)]
        if isinstance(value, functools.partial):
            return [self.of(value.func), self.of(value.args), self.of(value.keywords)]
        if hasattr(value, "python_function"):  # tf.function
            return self.of(value.python_function)
        if is_dataclass(value):  # a rule too: its text, and the functions that it is made of
            values = {field.name: getattr(value, field.name) for field in fields(value) if field.repr}
            return [self.of(type(value)), self.of(values)]
        if callable(value) and hasattr(value, "__module__") and hasattr(value, "__qualname__"):  # written in C
            return self._code(value.__module__, value.__qualname__)
        if hasattr(value, "__dict__"):
            return [self.of(type(value)), self.of(vars(value))]
        raise ValueError(f"cached: can't tell what {value!r} depends on: give plain data, arrays or rules as settings")

    def _code(self, module: str, name: str = "") -> str:
        self.modules.add(module)
        return f"{module}:{name}"


def _is_ours(module: str) -> bool:
    """Say whether the module's code may change while no version of a package does."""
    return bool(_code_of(module))


def _bytecode(code: CodeType) -> str:
    constants = [_bytecode(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return digest(repr([code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants]))


def _code_of(module: str) -> Any:
    """Return the state of a module's code and of all that it imports."""
    loaded = sys.modules.get(module)
    if module == "__main__" and hasattr(loaded, "In"):  # a notebook: all that it ran up to here
        return _state_of_cells(tuple(getattr(loaded, "In")))  # noqa: B009
    return _state_of_module(module, getattr(loaded, "__file__", None) or "")


@functools.cache
def _state_of_module(module: str, file: str) -> Any:
    """Return it as it was when this process first asked: what has since been edited is not what runs."""
    if module.partition(".")[0] == PACKAGE:
        return code_state(LIBRARY, f"import {module}")
    path = Path(file)
    if not file.endswith(".py") or "site-packages" in path.parts or path.is_relative_to(STANDARD_LIBRARY):
        return []  # the versions tell
    return [digest(meaning(path.read_text())), code_state(LIBRARY, path.read_text())]


@functools.cache
def _state_of_cells(cells: tuple[str, ...]) -> Any:
    sources: dict[str, str] = {}  # a cell that was run twice counts once
    for cell in cells:
        with suppress(SyntaxError):
            sources.setdefault(meaning(cell), cell)
    return [digest("".join(sources)), code_state(LIBRARY, "\n".join(sources.values()))]


def _unpacked(path: Path) -> Arrays | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    packed, checksum = content[:-DIGEST], content[-DIGEST:]
    if hashlib.sha256(packed).digest() != checksum:
        return None
    with np.load(io.BytesIO(packed)) as file:
        return dict(file)


def _packed(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    packed = buffer.getvalue()
    return packed + hashlib.sha256(packed).digest()  # which other readers of the file don't mind
