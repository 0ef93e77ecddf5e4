"""How to cite the book, and where it is kept, if that is known."""

from __future__ import annotations

import re

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.text import read_text, read_yaml


def cite_this(project: Project) -> str:
    """Return a folded box with the book as a BibTeX entry, from ``CITATION.cff``; nothing without that file."""
    path = project.root / "CITATION.cff"
    if not path.is_file():
        return ""
    facts = read_yaml(read_text(path), path)
    try:
        names = [
            f"{{{author['name']}}}" if "name" in author else f"{author['family-names']}, {author['given-names']}"
            for author in facts["authors"]
        ]
        _ = facts["title"], facts["version"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path}: it wants title, version and authors, each with a name: {error}") from error
    fields = {
        "title": f"{{{facts['title']}}}",
        "author": " and ".join(names),
        "version": str(facts["version"]),
        "url": facts.get("url") or repository(project),
        "doi": facts.get("doi", ""),
    }
    lines = "".join(f"  {name:<7} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"```````{{dropdown}} Cite this book\n```bibtex\n@software{{descent,\n{lines}}}\n```\n```````"


def repository(project: Project) -> str:
    """Return the address of the repository, ``repository: {url: ...}`` of ``_config.yml``; empty if none is set."""
    return str((project.settings.get("repository") or {}).get("url") or "").rstrip("/")


def addresses(project: Project, chapter: str) -> dict[str, str]:
    """Return where a chapter can be read and run elsewhere: name -> address; nothing while the repository has none.

    Colab opens notebooks from GitHub: those that the built pages, published as the branch gh-pages, carry.
    """
    home = repository(project)
    if not home:
        return {}
    found = {"Source": f"{home}/blob/main/chapters/{chapter}.md"}
    if place := re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", home):
        colab = "https://colab.research.google.com/github"
        found["Open in Colab"] = f"{colab}/{place[1]}/blob/gh-pages/notebooks/{chapter}.ipynb"
    return found
