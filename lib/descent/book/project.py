"""Where things are: the repository, its chapters, its profiles, and the folders of runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from descent.book.errors import UserError
from descent.evidence.claims import PROFILES, Claim, ClaimError, load_claims

RESOURCES = {"threads": 1, "mem_mb": 4000, "runtime": 30, "gpu": 0}


@dataclass(frozen=True)
class Recipe:
    """How a profile runs one chapter.

    Args:
        parameters: what it sets, over the values of the parameters cell.
        replicates: how many runs; each adds its number to the chapter's ``seed``.
        resources: threads, mem_mb (memory in MB), runtime (minutes), gpu (devices).
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    replicates: int = 1
    resources: Mapping[str, int] = field(default_factory=lambda: dict(RESOURCES))


@dataclass(frozen=True)
class Profile:
    """A set of recipes; ``counts_as`` is the built-in profile whose claims it is large enough to decide."""

    name: str
    counts_as: str
    recipes: Mapping[str, Recipe]

    def recipe(self, chapter: str) -> Recipe:
        """Return the chapter's recipe; a chapter that the profile does not mention runs with its own parameters."""
        return self.recipes.get(chapter, Recipe())


@dataclass(frozen=True)
class Project:
    """A checkout of the book.

    Args:
        root: the folder that holds ``_toc.yml``.
    """

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """Return the project around a folder (by default the current one).

        Raises:
            UserError: no folder above holds ``_toc.yml`` and ``chapters``.
        """
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "_toc.yml").is_file() and (folder / "chapters").is_dir():
                return cls(folder)
        raise UserError(f"no book at or above {here}: change to the repository, the folder that holds _toc.yml")

    @property
    def build(self) -> Path:
        """Return the folder of everything made."""
        return self.root / "_build"

    @property
    def html(self) -> Path:
        """Return the folder of rendered pages."""
        return self.build / "html"

    @cached_property
    def pages(self) -> list[str]:
        """Return the names of all pages under ``chapters``, in the order of the table of contents."""
        toc = yaml.safe_load((self.root / "_toc.yml").read_text())
        files = re.findall(r"'(?:root|file)': '([^']+)'", repr(toc))
        return [Path(name).name for name in files]

    @cached_property
    def chapters(self) -> list[str]:
        """Return the names of the pages that run, in the order of the table of contents."""
        return [page for page in self.pages if "kernelspec:" in self.page(page).read_text()[:600]]

    def page(self, name: str) -> Path:
        """Return the source file of a page.

        Raises:
            UserError: there is none.
        """
        path = self.root / "chapters" / f"{name}.md"
        if not path.is_file():
            raise UserError(f"_toc.yml names the page {name}, but {path} does not exist: write it or remove the entry")
        return path

    def run_path(self, profile: str, chapter: str, replicate: int) -> Path:
        """Return the folder of one finished run."""
        return self.build / "runs" / profile / chapter / str(replicate)

    def failed_path(self, profile: str, chapter: str, replicate: int) -> Path:
        """Return the notebook that a failed run leaves, with its traceback."""
        return self.build / "runs" / profile / chapter / f"{replicate}.failed.ipynb"

    def claims(self) -> list[Claim]:
        """Return the claims of all listed chapters, in their order; drafts that _toc.yml does not list have none yet.

        Raises:
            UserError: a claims file is malformed or belongs to no chapter.
        """
        try:
            claims = load_claims(self.root / "chapters" / "claims")
        except ClaimError as error:
            raise UserError(str(error)) from error
        for claim in claims:
            if not (self.root / "chapters" / f"{claim.chapter}.md").is_file():
                raise UserError(
                    f"chapters/claims/{claim.chapter}.yml belongs to no chapter: rename it after chapters/NAME.md"
                )
        listed = [claim for claim in claims if claim.chapter in self.pages]
        return sorted(listed, key=lambda claim: self.pages.index(claim.chapter))

    def profile_names(self) -> list[str]:
        """Return the profiles that exist."""
        return sorted(path.stem for path in (self.root / "profiles").glob("*.yml"))

    def profile(self, name: str) -> Profile:
        """Read a profile.

        Raises:
            UserError: it does not exist, is malformed, or names a chapter that does not exist.
        """
        path = self.root / "profiles" / f"{name}.yml"
        if not path.is_file():
            raise UserError(f"unknown profile {name!r}: there are {', '.join(self.profile_names())} in profiles/")
        try:
            data = yaml.safe_load(path.read_text()) or {}
        except yaml.YAMLError as error:
            raise UserError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error
        known = {"description", "counts_as", "chapters"}
        if not isinstance(data, dict) or data.keys() - known:
            raise UserError(
                f"{path}: unknown entries {sorted(set(data) - known)}; known are {', '.join(sorted(known))}"
            )
        counts_as = data.get("counts_as", name if name in PROFILES else None)
        if counts_as not in PROFILES:
            raise UserError(f"{path}: say which built-in profile it counts as: 'counts_as: {PROFILES[1]}', for example")
        recipes = {}
        for chapter, entry in (data.get("chapters") or {}).items():
            if chapter not in self.chapters:
                raise UserError(f"{path}: no chapter {chapter!r}; there are {', '.join(self.chapters)}")
            recipes[chapter] = _recipe(entry or {}, f"{path}: chapter {chapter}")
        return Profile(name, counts_as, recipes)

    def check_writable(self) -> None:
        """Raise UserError unless the build folder can be written."""
        try:
            self.build.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"can't make {self.build}: {error.strerror}; free it or change its owner") from error
        if not os.access(self.build, os.W_OK):
            raise UserError(f"can't write to {self.build}: change its permissions, or move the repository")


def _recipe(entry: Mapping[str, Any], where: str) -> Recipe:
    known = {"parameters", "replicates", "resources"}
    if unknown := entry.keys() - known:
        raise UserError(f"{where}: unknown entries {sorted(unknown)}; known are {', '.join(sorted(known))}")
    resources = entry.get("resources") or {}
    if unknown := resources.keys() - RESOURCES.keys():
        raise UserError(f"{where}: unknown resources {sorted(unknown)}; known are {', '.join(RESOURCES)}")
    replicates = entry.get("replicates", 1)
    if not isinstance(replicates, int) or replicates < 1:
        raise UserError(f"{where}: replicates is {replicates!r}; it must be a whole number from 1")
    return Recipe(entry.get("parameters") or {}, replicates, {**RESOURCES, **resources})
