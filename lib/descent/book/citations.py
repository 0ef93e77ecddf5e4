"""``references.bib`` as plain text, for what leaves the book: notebooks to download and the report to send."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pybtex.backends.plaintext import Backend
from pybtex.database import Entry, parse_file
from pybtex.plugin import find_plugin
from pybtex.richtext import Text


@cache
def _entries(path: Path, stamp: int) -> dict[str, Entry]:
    return dict(parse_file(str(path)).entries.items())


class Citations:
    """The book's bibliography.

    Args:
        path: the BibTeX file.
    """

    def __init__(self, path: Path):
        self.entries = _entries(path, path.stat().st_mtime_ns)

    def authors(self, key: str) -> str:
        """Return the authors as a text names them: "Zhang and Lesser", "Letcher et al."; the key if it is unknown."""
        if key not in self.entries:
            return key
        people = self.entries[key].persons.get("author", [])
        names = [str(Text.from_latex(" ".join(person.prelast_names + person.last_names))) for person in people]
        if len(names) > 2:
            return f"{names[0]} et al."
        return " and ".join(names) or key

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
        style = find_plugin("pybtex.style.formatting", "unsrt")()
        entry = next(iter(style.format_entries([self.entries[key]])))
        return " ".join(entry.text.render(Backend()).split())


def _split(keys: str) -> list[str]:
    return [key.strip() for key in keys.split(",")]
