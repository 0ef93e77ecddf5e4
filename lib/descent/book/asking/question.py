"""What a reader asks: a chapter, a grid of parameters, how many seeds; refused here if it can't be asked.

Each setting is a profile of its own, named after what it sets, and a run's replicate is its seed. So whatever two
questions have in common runs once.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

import yaml

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.run.parameters import Parameter, parameters_of, read_chapter, validate
from descent.book.run.run import Run
from descent.book.text import read_yaml
from descent.evidence.files import write_if_changed

MOST = 64  # settings of a grid


@dataclass(frozen=True)
class Setting:
    """One point of the grid: what was asked of which parameters, and its runs, one a seed."""

    values: Mapping[str, Any]
    runs: tuple[Run, ...]

    def __str__(self) -> str:
        said = ", ".join(f"{name} = {plain(value)}" for name, value in self.values.items())
        return said or "the book's own parameters"


@dataclass(frozen=True)
class Question:
    """A chapter under a reader's parameters.

    Args:
        project: the checkout.
        chapter: its name.
        profile: whose parameters it has where the reader sets none.
        pairs: name and values, as ``options`` gives them; the grid is their product.
        seeds: how many a setting, counted up from ``seed``; None: as many as the profile runs.

    Raises:
        UserError: there is no such chapter, profile or parameter, or a value or the number of seeds does not fit.
    """

    project: Project
    chapter: str
    profile: str
    pairs: Mapping[str, Sequence[Any]]
    seeds: int | None = None

    def __post_init__(self) -> None:
        if self.seeds is not None and self.seeds < 1:
            raise UserError(f"--seeds is {self.seeds}; it wants a whole number from 1")
        if self.project.profile(self.profile).alternatives_of:
            raise UserError(f"{self.profile} is no profile to ask about: name the one that its runs depart from")
        if (count := len(self.grid)) > MOST:
            raise UserError(f"the grid has {count} settings, and at most {MOST} go into one question: ask in parts")
        if not any(claim.chapter == self.chapter for claim in self.project.claims()):
            raise UserError(f"{self.chapter} claims nothing, so there is nothing to judge: use descent run")
        if self.count > 1 and "seed" not in self.known:
            raise UserError(f"{self.chapter} has no parameter seed: ask without --seeds")
        for values in self.grid:
            validate({"seed": self._first(values) + self.count - 1} if "seed" in self.known else {}, self.known, "")

    @cached_property
    def known(self) -> dict[str, Parameter]:
        """Return the chapter's parameters."""
        return known_parameters(self.project, self.chapter)

    @property
    def grid(self) -> list[dict[str, Any]]:
        """Return what each setting sets."""
        return [dict(zip(self.pairs, point, strict=True)) for point in itertools.product(*self.pairs.values())]

    @property
    def count(self) -> int:
        """Return how many seeds a setting has."""
        return self.seeds or self.project.profile(self.profile).recipe(self.chapter).replicates

    @property
    def command(self) -> str:
        """Return the command that asks the same."""
        words = ["descent ask", self.chapter]
        for name, values in self.pairs.items():
            said = plain(values[0]) if len(values) == 1 else f"[{', '.join(map(plain, values))}]"
            words.append(f"-p {name} " + (f"'{said}'" if set(said) - SAFE else said))
        words += [f"--seeds {self.seeds}"] if self.seeds else []
        words += [f"--profile {self.profile}"] if self.profile != "quick" else []
        return " ".join(words)

    @cached_property
    def settings(self) -> list[Setting]:
        """Return the points of the grid with their runs, of which the profiles are written to ``_build/asked``."""
        return [Setting(values, tuple(self._runs(values))) for values in self.grid]

    @cached_property
    def _base(self) -> dict[str, Any]:
        return Run(self.project, self.profile, self.chapter).parameters

    def _first(self, values: Mapping[str, Any]) -> int:
        return values.get("seed", self._base["seed"])

    def _runs(self, values: Mapping[str, Any]) -> list[Run]:
        # What the book sets anyway is not set again: the same run has one name.
        asked = {n: v for n, v in values.items() if v != self._base.get(n, self.known[n].default)}
        parameters = {**self._base, **asked}
        seeds = [self._first(values) + k for k in range(self.count)] if "seed" in self.known else [0]
        if "seed" in self.known:
            parameters["seed"] = 0
        profile = self.project.profile(self.profile)
        recipe = {"parameters": _listed(parameters), "resources": dict(profile.recipe(self.chapter).resources)}
        content = {"counts_as": profile.counts_as, "chapters": {self.chapter: recipe}}
        name = f"asked-{sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]}"
        write_if_changed(self.project.build / "asked" / f"{name}.yml", yaml.safe_dump(content))
        return [Run(self.project, name, self.chapter, seed) for seed in seeds]


SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-_/")


def known_parameters(project: Project, chapter: str) -> dict[str, Parameter]:
    """Return the parameters of a chapter.

    Raises:
        UserError: there is no such chapter.
    """
    project.known([chapter])
    return parameters_of(read_chapter(project.page(chapter)), project.page(chapter))


def options(pairs: Sequence[tuple[str, str]], known: Mapping[str, Parameter], where: str) -> dict[str, list[Any]]:
    """Return what a command line sets: name -> values, checked; several values make a grid.

    Args:
        pairs: name and text. The text is YAML; ``16,32`` and ``[16, 32]`` are two values of a number, and of a
            parameter that is a list itself a list of lists is several.
        known: the chapter's parameters.
        where: the chapter, for the message.

    Raises:
        UserError: a parameter is unknown or set twice, or a value is of another type than its default.
    """
    found: dict[str, list[Any]] = {}
    for name, text in pairs:
        if name in found:
            raise UserError(f"{where}: parameter {name} is set twice: write its values as -p {name} A,B")
        read = read_yaml(text, f"parameter {name}: {text[:80]!r}")
        default = known[name].default if name in known else None
        if isinstance(default, str) and not isinstance(read, list):
            read = text
        if isinstance(read, str) and "," in read and not isinstance(default, list | tuple):
            words = [word.strip() for word in read.split(",")]
            read = words if isinstance(default, str) else [read_yaml(word, f"parameter {name}") for word in words]
        found[name] = several({name: read}, known, where)[name]
    return found


def several(values: Mapping[str, Any], known: Mapping[str, Parameter], where: str) -> dict[str, list[Any]]:
    """Return name -> values, checked: one that fits the parameter is one value, a list of such is several.

    Raises:
        UserError: it is neither.
    """
    found = {}
    for name, value in values.items():
        try:
            found[name] = [validate({name: value}, known, where)[name]]
        except UserError:
            inner = isinstance(value, list | tuple) and value
            if not inner or (isinstance(known[name].default if name in known else 0, list) and not _lists(value)):
                raise
            found[name] = [validate({name: item}, known, where)[name] for item in value]
            if len({repr(item) for item in found[name]}) < len(found[name]):
                raise UserError(f"{where}: parameter {name} has one value twice in {plain(value)}") from None
    return found


def plain(value: Any) -> str:
    """Return a value as a command line takes it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(plain, value))}]"
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _lists(value: Sequence[Any]) -> bool:
    return all(isinstance(item, list | tuple) for item in value)


def _listed(value: Any) -> Any:
    """Return a value with lists for tuples, which YAML doesn't know."""
    if isinstance(value, dict):
        return {name: _listed(item) for name, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value
