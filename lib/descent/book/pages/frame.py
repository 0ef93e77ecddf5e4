"""What stands around a chapter's text: its masthead, and below each figure the way back to command, code and files."""

from __future__ import annotations

from html import escape
from pathlib import Path

import nbformat

from descent.book.pages.citing import addresses
from descent.book.pages.source_pages import source_link
from descent.book.report.results import Evidence
from descent.book.report.tallies import badges
from descent.book.run.fingerprint import code_of
from descent.book.run.parameters import parameters_of
from descent.evidence.code import direct_imports, module_path

# Modules of the pipeline, which every chapter imports and no figure is about.
PLUMBING = ("descent.book", "descent.evidence", "descent.quiet")


def masthead(evidence: Evidence, chapter: str) -> str:
    """Return the line below a chapter's title: how its claims ended, what its runs took, what can be downloaded."""
    parts = [badges(evidence, chapter, link=True)]
    runs = evidence.replicates(chapter, "environment.json")
    if runs:
        seconds = sum(run["wall_seconds"] for run in runs)
        of = f"{len(runs)} runs, " if len(runs) > 1 else "run in "
        parts.append(f"<span>{of}{seconds:.0f} s ({evidence.profile.name})</span>")
    parts.append(f'<a href="../notebooks/{chapter}.ipynb" download>Notebook</a>')
    parts.append(f'<a href="../notebooks/{chapter}.md" download>Text</a>')
    parts += [
        f'<a href="{escape(address)}">{name}</a>' for name, address in addresses(evidence.project, chapter).items()
    ]
    return f'<p class="masthead">{" ".join(parts)}</p>'


def figure_note(evidence: Evidence, chapter: str, names: list[str], notebook: nbformat.NotebookNode) -> str:
    """Return what stands below a figure: its files, and folded away the command, run and code that made it.

    Args:
        evidence: of the profile shown.
        chapter: the chapter.
        names: the figures that the cell saves.
        notebook: the chapter's text.
    """
    files = " ".join(
        f'<a href="../figures/{chapter}/{name}.{ending}" download>{ending.upper()}'
        f'<span class="visually-hidden"> of {name}</span></a>'
        for name in names
        for ending in ("svg", "png")
    )
    command = f"descent run chapters/{chapter}.md --profile {evidence.profile.name} --keep {chapter}"
    run = evidence.replicates(chapter, "environment.json")[0]
    values = {name: parameter.default for name, parameter in parameters_of(notebook).items()} | run["parameters"]
    seed = f"seed {values.pop('seed')}; " if "seed" in values else ""
    parameters = ", ".join(f"{name} = {value}" for name, value in values.items())
    commit = run["commit"][:10] + (" and uncommitted changes" if run["dirty"] else "")
    facts = [
        f"<code>{escape(command)}</code> (then look in <code>{chapter}/figures</code>)",
        escape(f"{seed}{parameters}"),
        escape(f"commit {commit}, {run['processor'] or run['machine']}, {run['wall_seconds']:.0f} s"),
        f"library: {library_links(evidence, notebook)}",
    ]
    items = "".join(f"<li>{fact}</li>" for fact in facts)
    return (
        f'<div class="figure-note"><span>{files}</span>'
        f"<details><summary>How this figure was made</summary><ul>{items}</ul></details></div>"
    )


def library_links(evidence: Evidence, notebook: nbformat.NotebookNode) -> str:
    """Return links to the source of the library's modules that a chapter imports."""
    library = evidence.project.root / "lib" / "descent"
    modules = [m for m in direct_imports(library, code_of(notebook)) if not m.startswith(PLUMBING)]
    return ", ".join(
        f'<a href="{source_link(library, module_path(library, module))}">{module.partition(".")[2]}</a>'
        for module in modules
    )


def source_line(library: Path, path: str, name: str) -> str:
    """Return the line below a piece of the library shown in the text: where it stands.

    Args:
        library: the folder of the package.
        path: as the text gives it, ``../lib/descent/rules/sga.py``.
        name: the function or class shown; may be empty.
    """
    module = library.parent / path.partition("lib/")[2]
    return (
        f'<p class="source-line"><a href="{source_link(library, module, name)}">lib/{path.partition("lib/")[2]}</a></p>'
    )
