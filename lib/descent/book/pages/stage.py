"""Put pages together: today's prose, the outputs of the last run, and what was judged about it.

A chapter's text and its outputs live apart, so prose can change without a run. Staging joins them into a notebook under
``_build/site`` that Jupyter Book renders without executing anything, fills in what only the evidence knows (see
``blocks``), and puts beside the pages what they lead to: figures, notebooks, the library's source, the report as files.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import yaml
from PIL import Image

from descent.book.errors import UserError
from descent.book.pages.blocks import INCLUDE, SAVED, expand, figures
from descent.book.pages.frame import figure_note, masthead
from descent.book.pages.portable import portable
from descent.book.pages.source_of import source_of
from descent.book.pages.source_pages import source_pages
from descent.book.pages.theme import mathjax_files
from descent.book.project import Project
from descent.book.report.citations import Citations
from descent.book.report.published import pictures
from descent.book.report.report import UNKNOWN, plain, stale
from descent.book.report.report_file import report_data, report_html
from descent.book.report.results import ARCHIVE_PROFILE, Evidence
from descent.book.run.parameters import read_chapter
from descent.book.run.run import runs
from descent.book.run.why import changed
from descent.book.text import read_text
from descent.evidence.code import meaning
from descent.evidence.files import dump_json, write_if_changed

CITED = re.compile(r"\{cite(?::\w+)?\}`([^`<{]+)`")
# How wide the landing page's pictures are, in pixels; cards are at most half of it.
SMALL = 640


def stage(project: Project, evidence: Evidence) -> Path:
    """Write the whole site's sources under ``_build/site``, touching only files whose content changed.

    Args:
        project: the checkout.
        evidence: runs and verdicts of the profile to show.

    Returns:
        The site's folder.
    """
    site = project.build / "site"
    if site.is_file():
        site.unlink()
    _link(site / "lib", project.root / "lib")
    kept = set()
    for name, content in _files(project, evidence):
        write_if_changed(site / name, content)
        kept.add(site / name)
    for path in site.rglob("*"):
        if path.is_file() and path not in kept and (site / "lib") not in path.parents:
            path.unlink()  # a page or figure that is no more would otherwise be rendered for ever
    return site


def _files(project: Project, evidence: Evidence) -> Iterator[tuple[str, str | bytes]]:
    """Yield every file of the site: its path below the site's folder, and its content."""
    bibliographies = {f"chapters/{path.name}": path for path in project.bibliographies}
    settings = project.settings
    yield "_config.yml", yaml.safe_dump(settings | {"bibtex_bibfiles": list(bibliographies)}, sort_keys=False)
    yield "_toc.yml", read_text(project.root / "_toc.yml")
    for name, path in bibliographies.items():
        yield name, read_text(path)
    static = project.root / "chapters" / "_static"
    for path in sorted(static.rglob("*")):
        if path.is_file():
            yield f"_static/{path.relative_to(static)}", path.read_bytes()
    for name, path in mathjax_files().items():
        yield f"_static/{name}", path.read_bytes()
    for page in project.pages:
        if page not in project.chapters:
            yield f"chapters/{page}.md", expand(read_text(project.page(page)), page, evidence)
            continue
        text = read_chapter(project.page(page))
        yield f"chapters/{page}.ipynb", nbformat.writes(chapter_page(evidence, page)) + "\n"
        yield f"extra/notebooks/{page}.ipynb", nbformat.writes(portable(evidence, page, text)) + "\n"
        yield f"extra/notebooks/{page}.md", read_text(project.page(page))
        for path in sorted(figures(evidence, page).glob("*.[sp][vn]g")):
            yield f"extra/figures/{page}/{path.name}", path.read_bytes()
            if path.suffix == ".png":
                yield f"extra/figures/{page}/{path.stem}.small.png", _small(path)
        for path in pictures(project, ARCHIVE_PROFILE, page).values():
            yield f"extra/published/{page}/{path.name}", path.read_bytes()
    style = (static / "plain.css").read_text() if (static / "plain.css").is_file() else ""
    script = (static / "book.js").read_text() if (static / "book.js").is_file() else ""
    yield "extra/report.json", dump_json(report_data(evidence))
    yield "extra/report.html", report_html(evidence, style, script)
    for name, html in source_pages(project.root / "lib" / "descent", style).items():
        yield f"extra/source/{name}", html


def check_pages(evidence: Evidence) -> None:
    """Fill in every page, and throw it away: what is wrong with a page is known before anything runs.

    Raises:
        UserError: a block, a badge or a number can't be filled in, or a work is cited that no .bib file has.
    """
    _ = evidence.project.settings
    known = Citations(*evidence.project.bibliographies).entries
    for claim in evidence.claims:
        if claim.cite not in known:
            raise UserError(
                f"chapters/claims/{claim.chapter}.yml: {claim.id} cites {claim.cite}, which no .bib file has"
            )
    for page in evidence.project.pages:
        text = read_text(evidence.project.page(page))
        expand(text, page, evidence)
        for path, options in INCLUDE.findall(text):
            shown = dict(re.findall(r":(pyobject|lines): *(\S+)", options))
            source_of(evidence.project.root / "chapters" / path, shown.get("pyobject", ""), shown.get("lines", ""))
        for keys in CITED.findall(text):
            for key in map(str.strip, keys.split(",")):
                if key not in known:
                    raise UserError(f"chapters/{page}.md cites {key}, which no .bib file has: check the spelling")


def chapter_page(evidence: Evidence, chapter: str) -> nbformat.NotebookNode:
    """Return a chapter as a notebook with the outputs of its run and everything filled in.

    A chapter whose run failed shows its outputs up to the traceback, one that has not run shows none; both say so.
    """
    text = read_chapter(evidence.project.page(chapter))
    executed, failed = evidence.notebook(chapter)
    outputs = _outputs(executed) if executed else []
    sources = [cell.source for cell in text.cells if cell.cell_type == "code"]
    edited = bool(outputs) and not failed and [meaning(source) for source, *_ in outputs] != list(map(meaning, sources))
    if edited:  # since it ran, or while: outputs of other code would be a lie
        outputs = []
    cells: list[nbformat.NotebookNode] = []
    works = Citations(*evidence.project.bibliographies).listed(cell.source for cell in text.cells)
    code_cells = 0
    for cell in text.cells:
        cell.id = f"cell-{len(cells)}"  # jupytext makes ids at random
        cells.append(cell)
        if cell.cell_type == "markdown":
            cell.source = expand(_with_works(cell.source, works), chapter, evidence)
        elif cell.cell_type == "code":
            if code_cells < len(outputs):
                _, cell.outputs, cell.execution_count = outputs[code_cells]
            code_cells += 1
            _fold(cell)
            if placeholder := _not_drawn(cell):
                cells.append(placeholder)
            names = [
                name for name in SAVED.findall(cell.source) if (figures(evidence, chapter) / f"{name}.svg").is_file()
            ]
            if names and cell.outputs and not failed:
                note = nbformat.v4.new_markdown_cell(figure_note(evidence, chapter, names, text))
                note.id = f"figure-{len(cells)}"
                cells.append(note)
    first = next((cell for cell in cells if cell.cell_type == "markdown"), None)
    if first is not None:
        told = _warning(executed is not None, failed, edited, evidence) or _changed(evidence, chapter)
        around = f"{masthead(evidence, chapter)}\n\n{told}".strip()
        first.source = re.sub(r"^(# .+)$", lambda match: f"{match[1]}\n\n{around}", first.source, count=1, flags=re.M)
    text.cells = cells
    text.metadata.pop("papermill", None)
    return text


def _with_works(source: str, works: str) -> str:
    """Return text whose section "References" ends with the list of what the chapter cites."""
    return re.sub(
        r"^(## References\n(?:(?!## ).*\n?)+)", lambda m: f"{m[1].rstrip()}\n\n{works}\n\n", source, flags=re.M
    )


def _fold(cell: nbformat.NotebookNode) -> None:
    """Fold a cell's code away, unless its tags say how to show it; rules that the text includes stay open."""
    tags = cell.metadata.get("tags", [])
    if not any(tag.startswith(("hide-", "remove-")) for tag in tags):
        cell.metadata["tags"] = [*tags, "hide-input"]


def _not_drawn(cell: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """Return a figure that says so in the place of one that its cell has not drawn: other pages refer to its number."""
    figure = cell.metadata.get("mystnb", {}).get("figure", {})
    if "name" not in figure or any("data" in output for output in cell.outputs):  # words take the name and number too
        return None
    return nbformat.v4.new_markdown_cell(
        f"```{{figure}} ../_static/not-drawn.svg\n:name: {figure['name']}\n:alt: An empty frame.\n\n"
        f"Not drawn yet. {figure.get('caption', '')}\n```",
        id=f"not-drawn-{figure['name']}",
    )


def _outputs(executed: nbformat.NotebookNode) -> list[tuple[str, list, int | None]]:
    return [
        (cell.source, list(cell.outputs), cell.execution_count)
        for cell in executed.cells
        if cell.cell_type == "code" and not {"injected-parameters"} & set(cell.metadata.get("tags", ()))
    ]


def _warning(executed: bool, failed: bool, edited: bool, evidence: Evidence) -> str:
    if failed:
        return (
            f":::{{error}}\nThis chapter did not finish in the {evidence.profile.name} profile: the traceback stands "
            "below, in the cell that raised it, and its claims are not judged.\n:::"
        )
    if edited:
        return ":::{warning}\nThe code of this chapter has changed since it last ran: run `make book` again.\n:::"
    if not executed:
        return f":::{{warning}}\nThis chapter has not run yet in the {evidence.profile.name} profile.\n:::"
    return ""


def _changed(evidence: Evidence, chapter: str) -> str:
    """Return what has changed since a chapter ran, if its outputs, and the verdicts, are shown all the same."""
    names = next((changed(run) for run in runs(evidence.project, evidence.profile.name, chapter)), None)
    if not names or names == [UNKNOWN]:
        return ""
    said = stale(names).replace("changed since:", "Changed since this chapter ran:")
    return f":::{{warning}}\n{plain(said)}. Run `make book` again.\n:::"


def _small(path: Path) -> bytes:
    with Image.open(path) as image:
        image.thumbnail((SMALL, SMALL))
        buffer = io.BytesIO()
        image.convert("RGB").quantize(128).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _link(link: Path, target: Path) -> None:
    """Let ``{literalinclude} ../lib/...`` find the library from the staged pages."""
    link.parent.mkdir(parents=True, exist_ok=True)
    relative = Path(os.path.relpath(target.resolve(), link.parent.resolve()))
    if link.is_symlink() and link.readlink() == relative:
        return
    if link.is_symlink() or link.exists():
        link.unlink() if link.is_symlink() else shutil.rmtree(link)
    link.symlink_to(relative, target_is_directory=True)
