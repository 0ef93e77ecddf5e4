"""How figures look, and where they go."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from cycler import cycler

from descent.evidence import run_directory

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe & Ito 2008: told apart by readers with any of the common colour-vision deficiencies, and in grey print.
COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "yellow": "#F0E442",
    "black": "#000000",
    "grey": "#7F7F7F",
}

STYLE: dict[Any, Any] = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.dpi": 200,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[c for name, c in COLOURS.items() if name not in ("yellow", "grey")]),
    "axes.grid": False,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "image.cmap": "viridis",
    "svg.fonttype": "none",  # text stays text: it can be searched, and scales with the page
    "svg.hashsalt": "descent",  # without a salt, element names change from run to run
}


def use_book_style() -> None:
    """Set matplotlib's defaults for the book; in a notebook, show figures as SVG."""
    mpl.rcParams.update(STYLE)
    if "IPython" in sys.modules:
        from IPython.core.getipython import get_ipython

        if get_ipython() is not None:
            from matplotlib_inline.backend_inline import set_matplotlib_formats

            set_matplotlib_formats("svg", metadata={"Date": None})


def save(figure: "Figure", name: str) -> None:
    """Write a figure to the run's ``figures`` folder as SVG and PNG.

    Args:
        figure: what to write.
        name: file name without ending, in lower case with hyphens; the page below the figure links to it.
    """
    folder = run_directory() / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for ending, metadata in (("svg", {"Date": None}), ("png", None)):
        partial = folder / f".{name}.{os.getpid()}.{ending}"
        figure.savefig(partial, metadata=metadata)
        partial.replace(Path(folder / f"{name}.{ending}"))
