"""A Sphinx extension: what the theme can't be told in ``_config.yml``."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.search.en import SearchEnglish

from descent.book.report.citations import register_style

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MATHJAX = "tex-mml-chtml.js"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    register_style()
    app.add_search_language(Words)
    app.connect("builder-inited", _search_prose)
    app.connect("html-page-context", _tidy, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathjax_files() -> dict[str, Path]:
    """Return the files with which a page typesets mathematics by itself: path below ``_static`` -> file.

    Raises:
        ModuleNotFoundError: the package that carries MathJax is not installed.
    """
    found = {}
    for file in metadata.files("sphinx-mathjax-offline") or ():
        path = str(file).partition("static/mathjax/")[2]
        if path == MATHJAX or path.startswith("output/chtml/fonts/woff-v2/"):
            found[f"mathjax/{path}"] = Path(str(file.locate()))
    return found


class Words(SearchEnglish):
    """English without numbers: the search skips those it is asked for, and seconds are others in each build."""

    def word_filter(self, word: str) -> bool:
        """Say whether a stemmed word goes into the index."""
        return not word.isdecimal() and super().word_filter(word)


def _search_prose(app: Sphinx) -> None:
    """Keep code out of the search: whoever looks for a word wants the section that explains it."""
    index_page = getattr(app.builder, "index_page", None)
    if index_page is None:
        return

    def index_without_code(page: str, doctree: nodes.document, title: str) -> None:
        prose = doctree.deepcopy()
        for code in list(prose.findall(nodes.literal_block)):
            code.parent.remove(code)
        index_page(page, prose, title)

    app.builder.index_page = index_without_code  # type: ignore[attr-defined]


def _tidy(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Keep what a page needs: Jupyter Book puts every script and style sheet of ``_static`` on every page.

    Thebe, which fetches a server from elsewhere, goes too, and roles that browsers no longer know.
    """
    scripts: dict[str, Any] = {}
    for script in context["script_files"]:
        attributes = getattr(script, "attributes", {})
        name = str(getattr(script, "filename", "") or attributes)
        wanted = not any(word in f"{name} {attributes}" for word in ("thebe", "_static/live/"))
        if wanted and (name not in scripts or "defer" in attributes):
            scripts[name] = script
    if not any("mathjax" in name and "defer" in script.attributes for name, script in scripts.items()):
        scripts = {name: script for name, script in scripts.items() if "mathjax" not in name}  # no formula here
    context["script_files"] = list(scripts.values())
    others = ("thebe", "plain.css", "print.css")
    context["css_files"] = [style for style in context["css_files"] if not any(word in str(style) for word in others)]
    if "body" in context:
        body = context["body"].replace(' role="doc-biblioentry"', ' role="listitem"')
        context["body"] = body.replace(' role="doc-backlink"', "")
