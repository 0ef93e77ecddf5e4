"""A run: one replicate of a chapter in one profile. It is what travels through the pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from descent.book.chapter import Recipe
from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.run import fingerprint
from descent.book.run.parameters import parameters_of, read_chapter, validate


@dataclass(frozen=True)
class Run:
    """One replicate of a chapter in one profile, made or to be made.

    Args:
        project: the checkout.
        profile: name of the profile.
        chapter: name of the chapter.
        replicate: from 0.
    """

    project: Project
    profile: str
    chapter: str
    replicate: int = 0

    def __str__(self) -> str:
        return f"{self.profile}/{self.chapter}/{self.replicate}"

    @cached_property
    def recipe(self) -> Recipe:
        """Return how the profile runs the chapter."""
        return self.project.profile(self.profile).recipe(self.chapter)

    @property
    def resources(self) -> Mapping[str, int]:
        """Return threads, mem_mb (memory in MB), runtime (minutes) and gpu (devices)."""
        return self.recipe.resources

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters that the run sets: the profile's, checked, and the replicate's seed or setting.

        Raises:
            UserError: the profile sets a parameter that the chapter does not have.
        """
        known = parameters_of(read_chapter(self.page), self.page)
        where = f"{self.page}, profile {self.profile}"
        settings = self.recipe.settings
        setting = settings[self.replicate] if self.replicate < len(settings) else {}
        values = validate({**self.recipe.parameters, **setting}, known, where)
        if "seed" in known:
            seed = values.get("seed", known["seed"].default) + (0 if settings else self.replicate)
            values |= validate({"seed": seed}, known, where)
        return values

    @property
    def seed(self) -> int | None:
        """Return the run's seed, if the chapter has one."""
        return self.parameters.get("seed")

    @property
    def page(self) -> Path:
        """Return the chapter's text."""
        return self.project.page(self.chapter)

    @property
    def path(self) -> Path:
        """Return the folder of the finished run."""
        return self.project.build / "runs" / self.profile / self.chapter / str(self.replicate)

    @property
    def failed(self) -> Path:
        """Return the notebook that a failed run leaves, with its traceback."""
        return self.path.with_name(f"{self.replicate}.failed.ipynb")

    @property
    def mark(self) -> Path:
        """Return the empty file that tells Snakemake of a run that needs not be made again."""
        return self.path.with_name(f"{self.replicate}.done")

    @property
    def cache(self) -> Path:
        """Return the folder of what outlives a killed run."""
        return self.project.build / "cache" / self.profile / self.chapter / str(self.replicate)

    @cached_property
    def parts(self) -> fingerprint.Parts:
        """Return all that the run depends on, each with its hash.

        Raises:
            UserError: something of it can't be read.
        """
        try:
            return fingerprint.parts(self.project.root, read_chapter(self.page), self.parameters)
        except SyntaxError as error:  # in a package's __init__.py, whose names can't be followed
            raise UserError(f"{self.page} imports what is not Python: {error}") from error
        except UnicodeDecodeError as error:
            raise UserError(
                f"{self.page}: requirements.lock, or a module that it imports, is not UTF-8: {error}"
            ) from error
        except OSError as error:
            raise UserError(f"{error.filename} can't be read: {error.strerror}; every run depends on it") from error

    @property
    def fingerprint(self) -> str:
        """Return the hash of all that the run depends on, 64 hexadecimal digits."""
        return fingerprint.fingerprint(self.parts)


def runs(project: Project, profile: str, chapter: str) -> Iterator[Run]:
    """Yield the runs that a profile asks of a chapter."""
    for replicate in range(project.profile(profile).recipe(chapter).replicates):
        yield Run(project, profile, chapter, replicate)
