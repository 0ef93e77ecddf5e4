"""Chapters as notebooks to take away: Markdown that any Jupyter shows, code that needs only ``descent`` installed."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from descent.book.pages.blocks import BADGE, BLOCK, INCLUDE, LINK
from descent.book.pages.held import without_notes
from descent.book.pages.source_of import source_of
from descent.book.report.citations import Citations
from descent.book.report.results import Evidence
from descent.evidence import Claim

PREFACE = """*From the book “Descent and Its Discontents”, chapter `{chapter}`. It needs Python 3.11 to 3.13 with the
book's library installed: `pip install '.[chapters]'` in a copy of the book's repository. Measurements and figures go to
`_build/by-hand` below the folder in which you work.*"""

MATH = re.compile(r"^```\{math\}[ \t]*\n((?::\w+:.*\n)*)((?:.*\n)*?)```[ \t]*$", re.MULTILINE)
DOLLARS = re.compile(r"^\$\$\n?((?:.|\n)+?)\$\$[ \t]*\(([\w-]+)\)[ \t]*$", re.MULTILINE)
FENCE = re.compile(r"^:::+\{(\w+)\}[ \t]*(.*)\n((?:.*\n)*?):::+[ \t]*$", re.MULTILINE)
DIRECTIVE = re.compile(r"^```\{(\w+)\}[ \t]*(.*)\n((?:.*\n)*?)```[ \t]*$", re.MULTILINE)
TARGET = re.compile(r"^\([\w-]+\)=[ \t]*$", re.MULTILINE)
ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
LABELLED = re.compile(r"^(.*?)\s*<([^<>]+)>$", re.DOTALL)


def portable(evidence: Evidence, chapter: str, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a chapter as a notebook that stands alone: no outputs, nothing that only this book can show.

    Args:
        evidence: for the claims and the bibliography.
        chapter: the chapter.
        notebook: the chapter's text.
    """
    root = evidence.project.root
    text = _Text(root, Citations(*evidence.project.bibliographies), evidence.claims, chapter, notebook)
    cells = [nbformat.v4.new_markdown_cell(PREFACE.format(chapter=chapter))]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            tags = cell.metadata.get("tags")
            cells.append(nbformat.v4.new_code_cell(cell.source, metadata={"tags": tags} if tags else {}))
            if "caption" in figure:
                caption = f"*{text.label(figure.get('name', ''))}: {text.roles(figure['caption'])}*"
                cells.append(nbformat.v4.new_markdown_cell(caption))
        else:
            cells.append(nbformat.v4.new_markdown_cell(text.plain(without_notes(cell.source, chapter, evidence))))
    if text.cited:
        references = "\n".join(f"- {text.citations.reference(key)}" for key in sorted(text.cited))
        cells.append(nbformat.v4.new_markdown_cell(f"## Cited\n\n{references}"))
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


class _Text:
    """One chapter's way from the book's Markdown to anybody's."""

    def __init__(
        self, root: Path, citations: Citations, claims: list[Claim], chapter: str, notebook: nbformat.NotebookNode
    ):
        self.root, self.citations, self.chapter = root, citations, chapter
        self.claims = [claim for claim in claims if claim.chapter == chapter]
        self.cited: set[str] = set()
        names = [
            cell.metadata.get("mystnb", {}).get("figure", {}).get("name")
            for cell in notebook.cells
            if cell.cell_type == "code"
        ]
        self.figures = {name: f"Figure {i}" for i, name in enumerate(filter(None, names), 1)}
        source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        labels = re.findall(
            r"^```\{math\}[ \t]*\n:label: *([\w-]+)|\$\$[ \t]*\(([\w-]+)\)[ \t]*$", source, re.MULTILINE
        )
        self.equations = {name: i for i, name in enumerate((a or b for a, b in labels), 1)}

    def label(self, name: str) -> str:
        """Return "Figure 3"."""
        return self.figures.get(name, "Figure")

    def plain(self, source: str) -> str:
        """Return a Markdown cell without directives or roles."""
        source = INCLUDE.sub(lambda match: f"```python\n{self._included(match[1], match[2])}\n```", source)
        source = BLOCK.sub(lambda match: self._block(match[1]), source)
        source = MATH.sub(lambda match: self._equation(match[2], _option(match[1], "label")), source)
        source = DOLLARS.sub(lambda match: self._equation(match[1], match[2]), source)
        for fence in (FENCE, DIRECTIVE):
            source = fence.sub(lambda match: _quote(match[1], match[2], match[3]), source)
        return self.roles(LINK.sub(r"\1", TARGET.sub("", source)))

    def roles(self, source: str) -> str:
        """Return text with roles put into words."""
        source = BADGE.sub(lambda match: f"*(verdict: `descent claims {self.chapter}`)*", source)
        return ROLE.sub(lambda match: self._role(match[1], match[2]), source)

    def _role(self, name: str, text: str) -> str:
        labelled = LABELLED.match(text)
        if name.startswith("cite"):
            self.cited |= {key.strip() for key in text.split(",")} & self.citations.entries.keys()
            if name.partition(":")[2] in ("t", "ts"):
                return ", ".join(self.citations.textual(key.strip()) for key in text.split(","))
            return self.citations.parenthetical(text)
        if name == "eq":
            return f"({self.equations.get(text, '?')})"
        if labelled and labelled[1]:
            return labelled[1]
        if name in ("numref", "ref") and text in self.figures:
            return self.figures[text]
        return f"${text}$" if name == "math" else text

    def _equation(self, body: str, label: str) -> str:
        tag = rf" \tag{{{self.equations[label]}}}" if label in self.equations else ""
        return f"$$\n{body.strip()}{tag}\n$$"

    def _included(self, path: str, options: str) -> str:
        return source_of(self.root / "chapters" / path, _option(options, "pyobject"), _option(options, "lines"))

    def _block(self, name: str) -> str:
        if name == "claims":
            return "\n".join(f"- {c.statement} ({self.citations.textual(c.cite)}, {c.place})" for c in self.claims)
        if name == "live":
            return "*(Here the book's page has a figure to play with.)*"
        if name == "published":
            return "*(Here the book's page has a picture of a run at published scale.)*"
        return f"*(The book fills this in from a run; `descent claims {self.chapter}` prints it.)*"


def _option(options: str, name: str) -> str:
    match = re.search(rf":{name}: *(.+)", options)
    return match[1].strip() if match else ""


def _quote(name: str, argument: str, body: str) -> str:
    if name == "bibliography":
        return ""
    title = argument if name == "admonition" and argument else name.capitalize()
    lines = [line for line in body.strip().splitlines() if not re.match(r"^:\w+:", line)]
    return "\n".join(["> **" + title + ".**", ">", *(f"> {line}".rstrip() for line in lines)])
