"""Errors of pydantic as one line that names the file and the path of the offending key."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from descent.evidence.measurements import KEY

Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
# What a measurement may be called: plain, so that it reads the same in YAML, JSON, a table and a sentence.
Key = Annotated[str, Field(pattern=f"^{KEY.pattern}$")]


class Model(BaseModel):
    """A record that cannot change and takes no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def one_line(error: ValidationError, model: type[BaseModel]) -> str:
    """Return the first of the errors: the path of the key, what is wrong with it, and what it was.

    Args:
        error: what validation raised.
        model: of the record, whose keys are named where one is unknown.
    """
    first = error.errors()[0]
    path = ".".join(str(part) for part in first["loc"])
    kind, found = first["type"], first["input"]
    if kind == "missing":
        said = "is missing"
    elif kind == "extra_forbidden":
        said = f"is unknown; known are {', '.join(sorted(_keys(model, first['loc'])))}"
    elif kind == "string_pattern_mismatch":
        said = f"is {found!r}; only a to z, 0 to 9, '_' and '.' may stand in it"
    else:
        said = f"is {found!r}: {first['msg'].removeprefix('Value error, ')}"
    return " ".join(f"{path} {said}".split())


def _keys(model: Any, path: tuple[int | str, ...]) -> set[str]:
    """Return the keys that may stand where the last one of a path stands."""
    for part in path[:-1]:
        if isinstance(part, str):
            found = model.model_fields[part].annotation
            model = next(inner for inner in (found, *getattr(found, "__args__", ())) if hasattr(inner, "model_fields"))
    return set(model.model_fields)
