"""Archived runs, ``results/<profile>/<chapter>.json``: measurements of real runs, with their provenance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from descent.evidence.validation import Finite, Key, Model, one_line

Values = dict[Key, Finite | Annotated[list[Finite], Field(min_length=1)]]


class ArchiveError(ValueError):
    """An archive isn't what it should be; the message names the file and the key."""


class Replicate(Model):
    """One run.

    Args:
        measurements: about methods: a number each, or a list with one number per seed.
        timings: about the machine.
        environment: where, when and on which commit it ran, with which parameters.
    """

    measurements: Values
    timings: Values = Field(default_factory=dict)
    environment: dict[str, Any]


class Archive(Model):
    """The runs of one chapter in one profile.

    Args:
        chapter: its name.
        profile: its name.
        replicates: its runs, in order.
        changed: what was done to the file since the runs wrote it, in sentences; an archive never changes silently.
        figures: pictures of the first run that are kept beside it, file name -> SHA-256.
    """

    chapter: str
    profile: str
    replicates: Annotated[list[Replicate], Field(min_length=1)]
    changed: list[str] = Field(default_factory=list)
    figures: dict[str, str] = Field(default_factory=dict)


def read_archive(path: Path) -> Archive | None:
    """Return the archived runs of a file; None if there is no such file.

    Raises:
        ArchiveError: it is no archive; the message names the path of the first wrong key.
    """
    try:
        return Archive.model_validate_json(path.read_text())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ArchiveError(f"{path}: {one_line(error, Archive)}") from error


def plain_archive(archive: Archive) -> dict[str, Any]:
    """Return an archive as plain data, for JSON; what is empty is left out."""
    data = json.loads(archive.model_dump_json())
    return {key: value for key, value in data.items() if value or key not in ("changed", "figures")}
