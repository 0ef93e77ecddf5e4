"""Stands in for pydantic where it is missing: records hold what they are given, and nothing is checked.

The judge's claims are pydantic's models, which check what authors write. Whoever judges a certificate again needs the
records only (``records`` checks what it reads), so that pydantic need not be there.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any


class BaseModel:
    """A record; defaults are its class's attributes."""

    @classmethod
    def model_construct(cls, **values: Any) -> Any:
        """Return a record of values, unchecked."""
        record = cls.__new__(cls)
        vars(record).update(values)
        return record


class ValidationError(ValueError):
    """Never raised here."""


def _nothing(*values: Any, **settings: Any) -> None:
    """Take the place of what only describes a field."""


def _unchanged(**settings: Any) -> Any:
    return lambda function: function


def stand_in() -> None:
    """Let ``import pydantic`` find the above, if it would find nothing."""
    with suppress(ModuleNotFoundError):
        import_module("pydantic")
        return
    module = ModuleType("pydantic")
    for name in ("Field", "ConfigDict", "AfterValidator"):
        setattr(module, name, _nothing)
    for name, value in (("BaseModel", BaseModel), ("ValidationError", ValidationError)):
        setattr(module, name, value)
    module.__dict__["model_validator"] = _unchanged
    sys.modules["pydantic"] = module
