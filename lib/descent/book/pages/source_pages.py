"""The library's source as pages of the book, each line with an address, so that a figure leads to its code."""

from __future__ import annotations

from html import escape
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from descent.book.pages.source_of import place_of
from descent.book.report.report_file import document

LIGHT, DARK = "a11y-high-contrast-light", "a11y-high-contrast-dark"


def source_pages(library: Path, style: str) -> dict[str, str]:
    """Return a page per module.

    Args:
        library: the folder of the package.
        style: the style sheet to put inside.

    Returns:
        Path below ``source`` -> HTML; ``descent/rules/sga.html`` for ``rules/sga.py``.
    """
    rules = "\n".join(
        [
            style,
            str(HtmlFormatter(style=LIGHT).get_style_defs(".source")),
            "@media (prefers-color-scheme: dark) {",
            str(HtmlFormatter(style=DARK).get_style_defs(".source")),
            "}",
        ]
    )
    formatter = HtmlFormatter(cssclass="source", linenos="inline", lineanchors="L", anchorlinenos=True)
    pages = {}
    for path in sorted(library.rglob("*.py")):
        name = path.relative_to(library.parent)
        text = path.read_text()
        if not text.strip():
            continue
        address = str(name.with_suffix(".html"))
        up = "../" * len(name.parts)
        back = f'<p><a href="{up}chapters/index.html">Descent and Its Discontents</a> · library source</p>'
        code = highlight(text, PythonLexer(), formatter).replace("<pre>", '<pre tabindex="0">', 1)
        pages[address] = document(str(name), f"<h1>lib/{escape(str(name))}</h1>\n{code}", rules, back=back)
    return pages


def source_link(library: Path, module: Path, name: str = "") -> str:
    """Return the address, from a chapter's page, of a module's source, at the line that defines ``name``.

    Args:
        library: the folder of the package.
        module: the module's file.
        name: a function or class, ``SGA.step`` for a method.
    """
    address = f"../source/{module.resolve().relative_to(library.resolve().parent).with_suffix('.html').as_posix()}"
    return f"{address}#L-{place_of(module, name)[0]}" if name else address
