"""Put pages together: today's prose, the outputs of the last run, and what was judged about it.

A chapter's text and its outputs live apart, so prose can change without a run. Staging joins them into a notebook under
``_build/site`` that Jupyter Book renders without executing anything, and fills in what only the evidence knows:

    ```{claims}```      what the chapter's sources claim          ```{report}```     every verdict of the book
    ```{verdicts}```    the verdicts of this very run             ```{status}```     every run: time, memory, machine
    {verdict}`id`       one verdict, in running text              ```{counts}```     how many claims ended how
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
from jupytext import read as read_text

from descent.book import report
from descent.book.evidence import Evidence
from descent.book.project import Project
from descent.evidence.files import write_if_changed

BLOCK = re.compile(r"^```\{(claims|verdicts|report|status|counts)\}[ \t]*\n(?:.*\n)*?```[ \t]*$", re.MULTILINE)
BADGE = re.compile(r"\{verdict\}`([^`]+)`")
SAVED = re.compile(r"""\bsave\(\s*\w+\s*,\s*["']([\w-]+)["']""")


def stage(project: Project, evidence: Evidence) -> Path:
    """Write the whole site's sources under ``_build/site``, touching only files whose content changed.

    Args:
        project: the checkout.
        evidence: runs and verdicts of the profile to show.

    Returns:
        The site's folder.
    """
    site = project.build / "site"
    kept = {site / "chapters" / "references.bib", site / "_config.yml", site / "_toc.yml"}
    for name in ("_config.yml", "_toc.yml", "chapters/references.bib"):
        write_if_changed(site / name, (project.root / name).read_text())
    for path in sorted((project.root / "chapters" / "_static").rglob("*")):
        if path.is_file():
            target = site / "_static" / path.relative_to(project.root / "chapters" / "_static")
            write_if_changed(target, path.read_bytes())
            kept.add(target)
    _link(site / "lib", project.root / "lib")
    for page in project.pages:
        if page in project.chapters:
            target = site / "chapters" / f"{page}.ipynb"
            write_if_changed(target, nbformat.writes(chapter_page(project, evidence, page)) + "\n")
            kept |= _stage_figures(project, evidence, page, site)
        else:
            target = site / "chapters" / f"{page}.md"
            write_if_changed(target, expand(project.page(page).read_text(), page, evidence))
        kept.add(target)
    for path in site.rglob("*"):
        if path.is_file() and path not in kept and (site / "lib") not in path.parents:
            path.unlink()  # a page or figure that is no more would otherwise be rendered for ever
    return site


def chapter_page(project: Project, evidence: Evidence, chapter: str) -> nbformat.NotebookNode:
    """Return a chapter as a notebook with the outputs of its run and everything filled in.

    A chapter whose run failed shows its outputs up to the traceback, one that has not run shows none; both say so.
    """
    notebook = read_text(project.page(chapter))
    executed, failed = evidence.notebook(chapter)
    outputs = _outputs(executed) if executed else []
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    stale = bool(outputs) and not failed and [source for source, *_ in outputs] != sources
    if stale:  # edited since, or while, it ran: outputs of other code would be a lie
        outputs = []
    cells: list[nbformat.NotebookNode] = []
    code_cells = 0
    for cell in notebook.cells:
        cell.id = f"cell-{len(cells)}"  # jupytext makes ids at random
        cells.append(cell)
        if cell.cell_type == "markdown":
            cell.source = expand(cell.source, chapter, evidence)
        elif cell.cell_type == "code":
            if code_cells < len(outputs):
                _, cell.outputs, cell.execution_count = outputs[code_cells]
            code_cells += 1
            names = SAVED.findall(cell.source)
            if names and cell.outputs and not failed:
                note = nbformat.v4.new_markdown_cell(_figure_note(chapter, names, evidence))
                note.id = f"figure-{len(cells)}"
                cells.append(note)
    notebook.cells = cells
    warning = _warning(executed is not None, failed, stale, evidence)
    if warning:
        first = nbformat.v4.new_markdown_cell(warning)
        first.id = "warning"
        notebook.cells.insert(1, first)
    notebook.metadata.pop("papermill", None)
    return notebook


def expand(text: str, page: str, evidence: Evidence) -> str:
    """Return Markdown with its evidence blocks and verdict badges filled in."""
    writers: dict[str, Callable[[], str]] = {
        "claims": lambda: report.claims_table(evidence, page),
        "verdicts": lambda: report.verdict_table(evidence, page),
        "report": lambda: report.report_table(evidence),
        "status": lambda: report.status_table(evidence),
        "counts": lambda: report.counts(evidence),
    }
    text = BLOCK.sub(lambda match: writers[match[1]](), text)
    return BADGE.sub(lambda match: report.badge(evidence.verdict(match[1], page)), text)


def _outputs(executed: nbformat.NotebookNode) -> list[tuple[str, list, int | None]]:
    return [
        (cell.source, list(cell.outputs), cell.execution_count)
        for cell in executed.cells
        if cell.cell_type == "code" and not {"injected-parameters"} & set(cell.metadata.get("tags", ()))
    ]


def _warning(executed: bool, failed: bool, stale: bool, evidence: Evidence) -> str:
    if failed:
        return (
            f":::{{error}}\nThis chapter did not finish in the {evidence.profile.name} profile: the traceback stands "
            "below, in the cell that raised it, and its claims are not judged.\n:::"
        )
    if stale:
        return ":::{warning}\nThe code of this chapter has changed since it last ran: run `make book` again.\n:::"
    if not executed:
        return f":::{{warning}}\nThis chapter has not run yet in the {evidence.profile.name} profile.\n:::"
    return ""


def _figure_note(chapter: str, names: list[str], evidence: Evidence) -> str:
    files = " · ".join(
        f"{{download}}`{ending.upper()} <figures/{chapter}/{name}.{ending}>`"
        for name in names
        for ending in ("svg", "png")
    )
    profile = evidence.profile.name
    return f":::{{div}} figure-note\nRegenerate: `descent run chapters/{chapter}.md --profile {profile}` · {files}\n:::"


def _stage_figures(project: Project, evidence: Evidence, chapter: str, site: Path) -> set[Path]:
    source = project.run_path(evidence.profile.name, chapter, 0) / "figures"
    staged = set()
    for path in sorted(source.glob("*.[sp][vn]g")):
        target = site / "chapters" / "figures" / chapter / path.name
        write_if_changed(target, path.read_bytes())
        staged.add(target)
    return staged


def _link(link: Path, target: Path) -> None:
    """Let ``{literalinclude} ../lib/...`` find the library from the staged pages."""
    relative = Path(os.path.relpath(target, link.parent))
    if link.is_symlink() and link.readlink() == relative:
        return
    if link.is_symlink() or link.exists():
        link.unlink() if link.is_symlink() else shutil.rmtree(link)
    link.symlink_to(relative, target_is_directory=True)
