"""The rendered book as one PDF: title, contents with page numbers, all pages in order, bookmarks, live links."""

from __future__ import annotations

import io
import os
from html import escape
from pathlib import Path
from urllib.parse import urldefrag

from bs4 import BeautifulSoup, Tag
from pypdf import PdfReader

from descent.book.errors import UserError
from descent.book.pages.browser import open_browser
from descent.book.project import Project
from descent.evidence.files import write_atomically

# What makes sense on a screen only.
SCREEN_ONLY = (
    "a.headerlink, button, script, noscript, .live-stage, .figure-note, .masthead a[download], .source-line, "
    ".report-table details, details.hide > summary, .visually-hidden, .prev-next-footer"
)
TITLE = "Descent and Its Discontents"
# Typesetting a long book's formulas takes a slow machine its time; milliseconds.
PATIENCE = 300_000


def make_pdf(project: Project, output: Path) -> int:
    """Print the rendered book.

    Args:
        project: the checkout; ``_build/html`` must have been rendered.
        output: the PDF to write.

    Returns:
        The number of pages.

    Raises:
        UserError: nothing is rendered, or no browser can be found.
    """
    folder = project.build / "pdf"
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "book.html"
    with open_browser() as browser:
        page = browser.new_page()
        numbers: dict[str, int] = {}
        for _ in range(2):  # the second time with the page numbers that the first has shown
            write_atomically(source, one_document(project, folder, numbers))
            page.goto(source.as_uri(), timeout=PATIENCE)
            page.wait_for_function("() => window.typeset === true", timeout=PATIENCE)
            data = page.pdf(prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
            reader = PdfReader(io.BytesIO(data))
            numbers = {
                name.removeprefix("/"): number + 1
                for name, destination in reader.named_destinations.items()
                if (number := reader.get_destination_page_number(destination)) is not None
            }
    write_atomically(output, data)
    return len(reader.pages)


def one_document(project: Project, folder: Path, numbers: dict[str, int]) -> str:
    """Return all pages of the rendered book as one HTML document.

    Args:
        project: the checkout.
        folder: where the document will lie; addresses of pictures are relative to it.
        numbers: page of each heading, by its name in the document; empty before they are known.
    """
    html = project.html
    up = os.path.relpath(html, folder)
    articles, contents = [], []
    for page in project.pages:
        path = html / "chapters" / f"{page}.html"
        if not path.is_file():
            raise UserError(f"{path} does not exist: run 'make book' first")
        article = _article(path, page, project.pages, up)
        articles.append(f'<section class="chapter" id="{page}">{article.decode_contents()}</section>')
        for heading in article.find_all(["h1", "h2"]):
            section = heading.find_parent("section")
            name = page if heading.name == "h1" or section is None else str(section["id"])
            entry = f'<a href="#{name}">{escape(heading.get_text(" ", strip=True))}</a>'
            contents.append(f'<li class="{heading.name}">{entry}<span>{numbers.get(name, "")}</span></li>')
    static = f"{up}/_static"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{TITLE}</title>
<link rel="stylesheet" href="{static}/pygments.css">
<link rel="stylesheet" href="{static}/print.css">
<script>
window.MathJax = {{
  options: {{enableMenu: false, processHtmlClass: "math", ignoreHtmlClass: "mathjax_ignore"}},
  startup: {{pageReady: () => MathJax.startup.defaultPageReady().then(() => document.fonts.ready).then(() => {{
    window.typeset = true;
  }})}},
}};
</script>
<script defer src="{static}/mathjax/tex-mml-chtml.js"></script>
</head>
<body>
<header><h1 class="title">{TITLE}</h1><p>A reproducible companion to papers on what goes wrong with gradient
descent, and on what people do about it</p></header>
<nav><h1 class="plain">Contents</h1><ol>{"".join(contents)}</ol></nav>
{"".join(articles)}
</body>
</html>
"""


def _article(path: Path, page: str, pages: list[str], up: str) -> Tag:
    """Return a page's article, fit to stand beside the others: names made unique, addresses made to fit."""
    article = BeautifulSoup(path.read_text(), "html.parser").select_one("article.bd-article")
    if article is None:
        raise UserError(f"{path} is not a page of the book: run 'make clean book'")
    for element in article.select(SCREEN_ONLY):
        element.decompose()
    for folded in article.select("details.hide"):  # paper can't unfold
        folded["open"] = ""
    for element in article.find_all(id=True):
        element["id"] = f"{page}--{element['id']}"
    for picture in article.find_all("img"):
        picture["src"] = f"{up}/chapters/{picture['src']}"
        picture.attrs.pop("loading", None)
    for link in article.find_all("a", href=True):
        address, anchor = urldefrag(str(link["href"]))
        target = page if not address else Path(address.partition("?")[0]).stem
        if "://" in address:
            continue
        if target in pages and "/" not in address:
            link["href"] = f"#{target}--{anchor}" if anchor else f"#{target}"
        else:  # a file that the document does not hold
            del link["href"]
    return article
