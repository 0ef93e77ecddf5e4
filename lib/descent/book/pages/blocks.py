"""The book's own blocks: fenced names in the text that only the evidence, or the library, can fill in.

```{claims}```      what the chapter's sources claim       ```{report}```       every verdict of the book
```{verdicts}```    the verdicts on its claims             ```{status}```       every run: time, memory, machine
{verdict}`id`       one verdict, in running text           ```{environment}```  what the runs ran on
{holds}`...; quick` a sentence held to a run, see ``held``   {value}`key:.2f`      a number from it
```{map}```         the chapters, each with a picture      ```{glance}```       how the claims ended, as a bar
```{notation}```    symbols and words of single chapters
```{live} name```   a figure that answers to its reader    ```{counts}```       the same in one line
```{benchmarks}```  what `make bench` last measured     ```{scaling}```      the published scale on many devices
```{cite-this}```   the book as a BibTeX entry  ```{published} name```  a picture of the archived runs
```{agreement}```   the same runs made elsewhere        ```{archived}```     runs at published scale, seed by seed
```{strips}```      each claim under other choices
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Any

from descent.book.errors import UserError
from descent.book.pages.citing import cite_this
from descent.book.pages.frame import source_line
from descent.book.pages.held import expand_held
from descent.book.project import Project
from descent.book.report import report, tallies
from descent.book.report.agreement import agreement_table
from descent.book.report.archived import archived_table
from descent.book.report.benchmarks import benchmark_tables
from descent.book.report.published import published_figure
from descent.book.report.results import Evidence
from descent.book.report.scaling import scaling_tables
from descent.book.report.strips import strips_table
from descent.book.run.run import Run
from descent.book.text import read_text, read_yaml

BADGE = re.compile(r"\{verdict\}`([^`]+)`")
INCLUDE = re.compile(r"^```\{literalinclude\} (\S+)\n((?:.*\n)*?)```[ \t]*$", re.MULTILINE)
# A link from page to page, as it reads in the repository.
LINK = re.compile(r"\[([^\]]+)\]\((?:\./)?([\w-]+)\.md(#[^)\s]*)?\)")
SAVED = re.compile(r"""\bsave\([^"'\n]*,\s*["']([\w-]+)["']""")


def expand(text: str, page: str, evidence: Evidence) -> str:
    """Return Markdown with the book's blocks and verdict badges filled in."""
    text = BLOCK.sub(lambda match: WRITERS[match[1]](evidence, page, match[2], match[3]), text)
    library = evidence.project.root / "lib" / "descent"

    def with_source(match: re.Match) -> str:
        shown = re.search(r":pyobject: *(\S+)", match[2])
        return f"{match[0]}\n\n{source_line(library, match[1], shown[1] if shown else '')}"

    def to_staged(match: re.Match) -> str:
        # chapters are staged as notebooks
        ending = "ipynb" if match[2] in evidence.project.chapters else "md"
        return f"[{match[1]}]({match[2]}.{ending}{match[3] or ''})"

    text = LINK.sub(to_staged, INCLUDE.sub(with_source, text))
    text = expand_held(text, page, evidence)
    return BADGE.sub(lambda match: report.badge(evidence.verdict(match[1], page)), text)


def title(project: Project, page: str) -> str:
    """Return a page's title."""
    match = re.search(r"^# (.+)$", read_text(project.page(page)), re.MULTILINE)
    return match[1].strip() if match else page


def chapter_map(evidence: Evidence) -> str:
    """Return the chapters as cards, part by part: a telling figure, what it is about, how its claims ended."""
    lists = []
    for part, pages in evidence.project.parts.items():
        cards = "".join(_card(evidence, page) for page in pages if page in evidence.project.chapters)
        if cards:
            lists.append((f"### {part}\n\n" if part else "") + f'<ul class="map">{cards}</ul>')
    return "\n\n".join(lists)


def notation(project: Project) -> str:
    """Return the symbols and words that chapters define at their heads, as Markdown; nothing if there are none."""
    symbols = [[s.symbol, f"`{s.code}`", s.meaning] for h in project.headers.values() for s in h.symbols]
    words = {word: says for header in project.headers.values() for word, says in header.words.items()}
    listed = "\n\n".join(f"{word}\n  {' '.join(words[word].split())}" for word in sorted(words, key=str.lower))
    parts = [report.table(("Symbol", "In code", "Meaning"), symbols)] if symbols else []
    parts += [f"```{{glossary}}\n{listed}\n```"] if words else []
    return "\n\n".join(["## In single chapters", *parts]) if parts else ""


def live_figure(evidence: Evidence, page: str, name: str, entry: dict[str, str]) -> str:
    """Return the place of a live figure: a static picture, which the script replaces where scripts run.

    Args:
        evidence: of the profile shown.
        page: the chapter.
        name: the script, ``_static/live/<name>.js``.
        entry: ``figure`` (a figure that the chapter saves), ``alt`` and ``caption``.
    """
    if not name or entry.keys() != {"figure", "alt", "caption"}:
        raise UserError(f"chapters/{page}.md: a live block is '```{{live}} name' and has figure, alt and caption")
    if (figures(evidence, page) / f"{entry['figure']}.svg").is_file():
        picture = (
            f'<img class="live-still" src="../figures/{page}/{entry["figure"]}.svg" '
            f'alt="{escape(" ".join(entry["alt"].split()))}">'
        )
    else:
        picture = '<p class="live-still">This chapter has not run, so there is no picture to show.</p>'
    return (
        f'<figure class="live" id="live-{name}" data-live="{name}"><div class="live-stage"></div>{picture}'
        f"<figcaption>{escape(' '.join(entry['caption'].split()))}</figcaption></figure>\n"
        '<script src="../_static/live/core.js" defer></script>\n'
        f'<script src="../_static/live/{name}.js" defer></script>'
    )


def figures(evidence: Evidence, chapter: str) -> Any:
    """Return the folder of figures of a chapter's first run."""
    return Run(evidence.project, evidence.profile.name, chapter).path / "figures"


def alternative_texts(evidence: Evidence, chapter: str) -> dict[str, str]:
    """Return what a chapter's figures show, in words: name of the figure -> alternative text of its cell."""
    notebook, _ = evidence.notebook(chapter)
    texts = {}
    for cell in notebook.cells if notebook else ():
        if cell.cell_type == "code":
            image = cell.metadata.get("mystnb", {}).get("image", {})
            texts.update({name: image.get("alt", "") for name in SAVED.findall(cell.source)})
    return texts


def _card(evidence: Evidence, chapter: str) -> str:
    entry, picture = evidence.project.headers[chapter].card, ""
    figure = entry.figure
    if figure and (figures(evidence, chapter) / f"{figure}.png").is_file():
        alt = (
            alternative_texts(evidence, chapter).get(figure)
            or f"A figure of the chapter {title(evidence.project, chapter)}"
        )
        picture = f'<img src="../figures/{chapter}/{figure}.small.png" loading="lazy" alt="{escape(alt)}">'
    verdicts = tallies.badges(evidence, chapter)
    said = expand_held(" ".join(entry.says.split()), chapter, evidence)  # its own numbers, by their keys
    says = f"<p>{escape(said)}</p>" if said else ""
    return (
        f'<li><a href="{chapter}.html">{picture}<strong>{escape(title(evidence.project, chapter))}</strong></a>'
        f"{says}<p>{verdicts}</p></li>"
    )


def _entries(body: str, page: str) -> dict[str, str]:
    entries = read_yaml(body, f"chapters/{page}.md: a block is")
    if not isinstance(entries, dict) or not all(isinstance(said, str) for said in (*entries, *entries.values())):
        raise UserError(f"chapters/{page}.md: a block holds {entries!r}; it wants lines like 'name: text'")
    return entries


# Name of a block -> (evidence, page, the word behind the name, what stands between the fences) -> Markdown.
WRITERS: dict[str, Callable[[Evidence, str, str, str], str]] = {
    "agreement": lambda evidence, page, name, body: agreement_table(evidence),
    "archived": lambda evidence, page, name, body: archived_table(evidence.project, page, _entries(body, page)),
    "benchmarks": lambda evidence, page, name, body: benchmark_tables(evidence.project),
    "cite-this": lambda evidence, page, name, body: cite_this(evidence.project),
    "claims": lambda evidence, page, name, body: report.claims_table(evidence, page),
    "counts": lambda evidence, page, name, body: tallies.counts(evidence),
    "environment": lambda evidence, page, name, body: report.environment_list(evidence),
    "glance": lambda evidence, page, name, body: tallies.glance(evidence),
    "live": lambda evidence, page, name, body: live_figure(evidence, page, name, _entries(body, page)),
    "map": lambda evidence, page, name, body: chapter_map(evidence),
    "notation": lambda evidence, page, name, body: notation(evidence.project),
    "published": lambda evidence, page, name, body: published_figure(evidence, page, name, _entries(body, page)),
    "report": lambda evidence, page, name, body: report.report_table(evidence),
    "scaling": lambda evidence, page, name, body: scaling_tables(evidence.project),
    "status": lambda evidence, page, name, body: report.status_table(evidence),
    "strips": lambda evidence, page, name, body: strips_table(evidence.project, evidence.claims),
    "verdicts": lambda evidence, page, name, body: report.verdict_table(evidence, page),
}
BLOCK = re.compile(
    rf"^```\{{({'|'.join(WRITERS)})\}}[ \t]*([\w-]*)[ \t]*\n((?:.*\n)*?)```[ \t]*$",
    re.MULTILINE,
)
