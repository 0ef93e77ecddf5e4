"""A Sphinx extension: what the theme can't be told in ``_config.yml``."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

MATHJAX = "tex-mml-chtml.js"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
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


def _tidy(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out thebe, which would fetch a server from elsewhere, and what Jupyter Book's configuration adds twice."""
    kept: dict[str, Any] = {}
    for script in context["script_files"]:
        attributes = getattr(script, "attributes", {})
        if "thebe" not in f"{script} {attributes}":
            name = str(getattr(script, "filename", "")) or str(attributes)
            if name not in kept or "defer" in attributes:
                kept[name] = script
    context["script_files"] = list(kept.values())
    context["css_files"] = [style for style in context["css_files"] if "thebe" not in str(style)]
