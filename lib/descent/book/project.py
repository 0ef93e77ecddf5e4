"""Where things are: the repository, its chapters, its profiles, and the folders of runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from descent.book.alternatives import Alternative, read_alternatives
from descent.book.chapter import Header, Recipe, Text, checked, read_header, read_recipe
from descent.book.errors import UserError
from descent.book.text import NAME, read_text, read_yaml
from descent.evidence.archives import Archive, ArchiveError, read_archive
from descent.evidence.claims import PROFILES, Claim, ClaimError, load_claims
from descent.evidence.validation import Finite, Model

ASKED = re.compile(r"asked-[0-9a-f]{12}")


class ProfileFile(Model):
    """A file of profiles/, as written."""

    description: Text = ""
    counts_as: Literal["smoke", "quick", "paper"] | None = None
    alternatives_of: Text | None = None
    chapters: dict[Text, Any] = Field(default_factory=dict)


class Origin(BaseModel):
    """What an archived run says of itself, as far as pages show it; what it doesn't say is unknown."""

    model_config = ConfigDict(extra="allow")

    commit: Text = "unknown"
    dirty: bool = True
    processor: Text = ""
    machine: Text = "an unknown machine"
    devices: list[Text] = Field(default_factory=lambda: ["an unknown device"])
    cores: int = 0
    threads: int = 1
    started: Annotated[Text, AfterValidator(lambda text: text and datetime.fromisoformat(text).isoformat())] = ""
    wall_seconds: Finite = 0.0
    peak_memory_mb: int = 0
    parameters: dict[Text, Any] = Field(default_factory=dict)
    versions: dict[Text, Text] = Field(default_factory=dict)
    replicate: Annotated[int, Field(ge=0, strict=True)] | None = None
    parts: dict[Text, dict[Text, Text]] | None = None

    @field_validator("parts")
    @classmethod
    def _cells_are_numbered(cls, parts: dict[str, dict[str, str]] | None) -> dict[str, dict[str, str]] | None:
        if not all(number.isdecimal() for number in (parts or {}).get("cells", {})):
            raise ValueError("cells are told by their numbers")
        return parts


@dataclass(frozen=True)
class Profile:
    """A set of recipes; ``counts_as`` is the built-in profile whose claims it is large enough to decide.

    One of alternatives names the profile that they depart from; each of its replicates is another setting.
    """

    name: str
    counts_as: str
    recipes: Mapping[str, Recipe]
    alternatives_of: str | None = None

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
    def settings(self) -> dict[str, Any]:
        """Return ``_config.yml``.

        Raises:
            UserError: it can't be read.
        """
        path = self.root / "_config.yml"
        settings = read_yaml(read_text(path), path)
        if not isinstance(settings, dict):
            raise UserError(f"{path} holds {settings!r}; it wants entries, like 'title: ...'")
        if not isinstance(settings.get("repository") or {}, dict):
            raise UserError(f"{path}: repository is {settings['repository']!r}; it wants 'url: ...'")
        return settings

    @cached_property
    def parts(self) -> dict[str, list[str]]:
        """Return the pages by the parts of the table of contents, in its order; those of no part under ""."""
        path = self.root / "_toc.yml"
        toc = read_yaml(read_text(path), path)
        try:
            parts: dict[str, list[str]] = {"": [toc["root"]]}
            for part in [toc, *toc.get("parts", ())]:
                pages = parts.setdefault(part.get("caption", ""), [])
                pages += [entry["file"] for entry in part.get("chapters", ())]
            files = [file for pages in parts.values() for file in pages]
        except (AttributeError, KeyError, TypeError) as error:
            raise UserError(
                f"{path}: it wants 'root: chapters/index' and 'parts:', each with a caption and chapters, a list of "
                "'file: chapters/NAME'"
            ) from error
        for number, file in enumerate(files):
            folder, _, name = str(file).rpartition("/")
            if folder != "chapters" or not NAME.fullmatch(name):
                raise UserError(f"{path}: {file!r} is no page: write chapters/NAME, of a to z, 0 to 9 and '-'")
            if file in files[:number]:
                raise UserError(f"{path}: {file} stands twice: remove one of the two")
        parts = {part: [Path(file).name for file in pages] for part, pages in parts.items()}
        return parts

    @property
    def pages(self) -> list[str]:
        """Return the names of all pages under ``chapters``, in the order of the table of contents."""
        return [page for pages in self.parts.values() for page in pages]

    @cached_property
    def headers(self) -> dict[str, Header]:
        """Return what each page says of itself, in the order of the table of contents.

        Raises:
            UserError: a header is malformed, or names another part than ``_toc.yml``.
        """
        headers = {page: read_header(self.page(page)) for page in self.pages}
        for part, pages in self.parts.items():
            for page in pages:
                if (said := headers[page].part) and said != part:
                    raise UserError(f"{self.page(page)}: its part is {said!r}, but _toc.yml lists it in {part!r}")
        return headers

    @property
    def chapters(self) -> list[str]:
        """Return the names of the pages that run, in the order of the table of contents."""
        return [page for page, header in self.headers.items() if header.runs]

    def known(self, chapters: Sequence[str]) -> list[str]:
        """Return chapters that were asked for, all if none was.

        Raises:
            UserError: one does not exist.
        """
        for chapter in chapters:
            if chapter not in self.chapters:
                raise UserError(f"no chapter {chapter!r}; there are {', '.join(self.chapters)}")
        return list(chapters) or self.chapters

    @property
    def bibliographies(self) -> list[Path]:
        """Return the BibTeX files: the book's, and those of the pages that have one of their own."""
        folder = self.root / "chapters"
        paths = [folder / "references.bib", *(folder / f"{page}.bib" for page in self.pages)]
        return [path for path in paths if path.is_file()]

    def page(self, name: str) -> Path:
        """Return the source file of a page.

        Raises:
            UserError: there is none.
        """
        path = self.root / "chapters" / f"{name}.md"
        if not path.is_file():
            raise UserError(f"_toc.yml names the page {name}, but {path} does not exist: write it or remove the entry")
        return path

    def claims(self) -> list[Claim]:
        """Return the claims of all listed chapters, in their order; drafts that _toc.yml does not list have none yet.

        Raises:
            UserError: a claims file is malformed or belongs to no chapter.
        """
        try:
            claims = load_claims(self.root / "chapters" / "claims")
        except ClaimError as error:
            raise UserError(str(error)) from error
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"chapters/claims: a file can't be read as text: {error}") from error
        for claim in claims:
            if not (self.root / "chapters" / f"{claim.chapter}.md").is_file():
                raise UserError(
                    f"chapters/claims/{claim.chapter}.yml belongs to no chapter: rename it after chapters/NAME.md"
                )
        listed = [claim for claim in claims if claim.chapter in self.pages]
        return sorted(listed, key=lambda claim: self.pages.index(claim.chapter))

    def archive(self, profile: str, chapter: str) -> Archive | None:
        """Return a chapter's archived runs, which others may have made and sent; None if there are none.

        Raises:
            UserError: the file is no archive.
        """
        path = self.root / "results" / profile / f"{chapter}.json"
        try:
            archive = read_archive(path)
        except (ArchiveError, OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
        if archive is None:
            return None
        runs = []
        for number, run in enumerate(archive.replicates):
            origin = checked(Origin, run.environment, f"{path}: replicates.{number}.environment")
            said = {name: value for name, value in origin.model_dump().items() if value is not None}
            runs.append(run.model_copy(update={"environment": said}))
        return archive.model_copy(update={"replicates": runs})

    def profile_names(self) -> list[str]:
        """Return the profiles that exist."""
        names = (path.stem for path in (self.root / "profiles").glob("*.yml"))
        return sorted(filter(NAME.fullmatch, names))

    def profile(self, name: str) -> Profile:
        """Read a profile.

        Raises:
            UserError: it does not exist, is malformed, or names a chapter that does not exist; or a chapter names a
                profile that does not exist.
        """
        folder = self.build / "asked" if ASKED.fullmatch(name) else self.root / "profiles"  # see ``asking``
        path = folder / f"{name}.yml"
        if not NAME.fullmatch(name) or not path.is_file():
            known = ", ".join(self.profile_names())
            raise UserError(f"unknown profile {name!r}: there are {known} in profiles/ (names of a to z, 0 to 9, '-')")
        data = checked(ProfileFile, read_yaml(read_text(path), path) or {}, str(path))
        counts_as = data.counts_as or (name if name in PROFILES else None)
        if counts_as is None:
            raise UserError(f"{path}: say which built-in profile it counts as: 'counts_as: {PROFILES[1]}', for example")
        written = data.chapters
        if data.alternatives_of:
            return self._alternatives(name, data.alternatives_of, counts_as)
        for chapter in written:
            if chapter not in self.chapters:
                raise UserError(f"{path}: no chapter {chapter!r}; there are {', '.join(self.chapters)}")
        recipes = {}
        for chapter in self.chapters:
            asked = self.headers[chapter].profiles
            if unknown := sorted(set(asked) - set(self.profile_names())):
                there = ", ".join(self.profile_names())
                raise UserError(f"{self.page(chapter)}: no profile {unknown[0]!r}; there are {there} in profiles/")
            where = f"{self.page(chapter)}: profile {name}" + (f", {path}" if chapter in written else "")
            recipes[chapter] = read_recipe([asked.get(name), written.get(chapter)], where)
        return Profile(name, counts_as, recipes)

    @cached_property
    def alternatives(self) -> dict[str, tuple[Alternative, ...]]:
        """Return the other choices that chapters declare, to be run beside their own.

        Raises:
            UserError: a file is malformed, or belongs to no chapter.
        """
        found = {}
        for path in sorted((self.root / "chapters" / "claims" / "alternatives").glob("*.yml")):
            if path.stem not in self.chapters:
                raise UserError(f"{path} belongs to no chapter: rename it after chapters/NAME.md")
            found[path.stem] = read_alternatives(path)
        return found

    def _alternatives(self, name: str, base: str, counts_as: str) -> Profile:
        """Return the profile that runs each chapter's alternatives to another profile."""
        recipes = {}
        for chapter, recipe in self.profile(base).recipes.items():
            settings = tuple(alternative.parameters for alternative in self.alternatives.get(chapter, ()))
            recipes[chapter] = replace(recipe, settings=settings, replicates=len(settings))
        return Profile(name, counts_as, recipes, base)

    def check_writable(self) -> None:
        """Raise UserError unless the build folder can be written."""
        for folder in (self.build, self.root / ".snakemake"):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(f"can't make {folder}: {error.strerror}; free it or change its owner") from error
            if not os.access(folder, os.W_OK):
                raise UserError(f"can't write to {folder}: change its permissions, or move the repository")
