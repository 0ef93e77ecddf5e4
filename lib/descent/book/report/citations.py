"""The bibliography: as plain text for what leaves the book, and how the book's own bibliography looks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from pybtex.backends import BaseBackend
from pybtex.backends.html import Backend as Html
from pybtex.backends.plaintext import Backend
from pybtex.database import Entry, parse_file
from pybtex.exceptions import PybtexError
from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.unsrt import Style as Unsorted
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.sorting import BaseSortingStyle

from descent.book.errors import UserError

STYLE = "descent"
CITED = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")


class AuthorYear(BaseLabelStyle):
    """Labels as the text cites: "Letcher et al., 2019"."""

    def format_labels(self, sorted_entries: list[Entry]) -> Iterator[str]:
        """Return one label per entry."""
        return (f"{_authors(entry)}, {entry.fields['year']}" for entry in sorted_entries)


class ByName(BaseSortingStyle):
    """By author and year, accents apart: a list that ends with Zhang has Şimşekli under S."""

    def sorting_key(self, entry: Entry) -> tuple[str, str, str]:
        """Return what entries are ordered by."""
        letters = unicodedata.normalize("NFKD", _authors(entry))
        plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
        return plain.lower(), entry.fields.get("year", ""), entry.fields.get("title", "")


class Style(Unsorted):
    """The bibliography by author and year."""

    default_label_style = AuthorYear
    default_sorting_style = ByName


def register_style() -> None:
    """Let ``bibtex_default_style: descent`` mean the style above."""
    register_plugin("pybtex.style.formatting", STYLE, Style)


@cache
def _entries(path: Path, stamp: int) -> dict[str, Entry]:
    try:
        return dict(parse_file(str(path), encoding="utf-8").entries.items())
    except (PybtexError, ValueError) as error:
        raise UserError(f"{path}: not a bibliography: {' '.join(str(error).split())}") from error


@cache
def _style() -> Unsorted:
    return Unsorted()  # looks through all that is installed for its parts


class Citations:
    """The book's bibliography.

    Args:
        paths: the BibTeX files: the book's, and those of single chapters.

    Raises:
        UserError: two files hold a work of the same key.
    """

    def __init__(self, *paths: Path):
        self.entries: dict[str, Entry] = {}
        for path in paths:
            entries = _entries(path, path.stat().st_mtime_ns)
            if twice := sorted(entries.keys() & self.entries.keys()):
                raise UserError(f"{path}: {twice[0]} is in another .bib file too: keep one of them")
            self.entries |= entries

    def authors(self, key: str) -> str:
        """Return the authors as a text names them: "Zhang and Lesser", "Letcher et al."; the key if it is unknown."""
        return (_authors(self.entries[key]) or key) if key in self.entries else key

    def textual(self, key: str) -> str:
        """Return "Letcher et al. (2019)"."""
        return f"{self.authors(key)} ({self.year(key)})" if key in self.entries else key

    def parenthetical(self, keys: str) -> str:
        """Return "(Letcher et al. 2019; Gidel et al. 2019)" for comma-separated keys."""
        parts = [f"{self.authors(key)} {self.year(key)}".strip() for key in _split(keys)]
        return f"({'; '.join(parts)})"

    def year(self, key: str) -> str:
        """Return the year, or nothing."""
        return self.entries[key].fields.get("year", "") if key in self.entries else ""

    def reference(self, key: str) -> str:
        """Return the full reference on one line."""
        return self._render(key, Backend())

    def listed(self, texts: Iterable[str]) -> str:
        """Return all works that texts cite as a list in HTML, by author, with links to those that have an address."""
        keys = {key for text in texts for keys in CITED.findall(text) for key in _split(keys)} & self.entries.keys()
        order = sorted(keys, key=lambda key: ByName().sorting_key(self.entries[key]))
        items = "".join(f"<li>{self._render(key, Html())}</li>" for key in order)
        return f'<ul class="works">{items}</ul>' if items else ""

    def _render(self, key: str, backend: BaseBackend) -> str:
        entry = next(iter(_style().format_entries([self.entries[key]])))
        return " ".join(entry.text.render(backend).split())


def _authors(entry: Entry) -> str:
    people = entry.persons.get("author", [])
    names = [str(Text.from_latex(" ".join(person.prelast_names + person.last_names))) for person in people]
    return f"{names[0]} et al." if len(names) > 2 else " and ".join(names)


def _split(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",")]
