"""Text files that people write: read alike whatever the editor and the locale, and YAML that means what it seems to."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from descent.book.errors import UserError

# Profiles, chapters and clusters are words of addresses, paths and shell lines.
NAME = re.compile(r"[a-z0-9-]+")


def read_text(path: Path) -> str:
    """Return a text file, with or without a byte order mark, whatever ends its lines.

    Raises:
        UserError: it can't be read, or is not in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: byte {error.start} is not UTF-8: save the file as UTF-8 text") from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from error


def read_yaml(text: str, where: object) -> Any:
    """Return what YAML says: by version 1.2, where ``1e-3`` is a number, ``010`` is ten and ``no`` and 1:30 are text.

    Args:
        text: what to read.
        where: the file, for the message.

    Raises:
        UserError: it is not valid, holds a key twice, or an alias (which can make a short text endless).
    """
    try:
        return yaml.load(text, _Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not valid YAML: {_first_of(error)}") from error
    except (RecursionError, ValueError) as error:
        raise UserError(f"{where}: not valid YAML: it is nested too deep, or a number has too many digits") from error


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases (*name) are not taken: write the value out")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), first)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))


def _first_of(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or str(error)
    return " ".join(said.split()) + (f", line {mark.line + 1}" if mark else "")
