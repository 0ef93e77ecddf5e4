"""How figures look, what their lines are called, and where they go."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.colors import to_hex, to_rgb
from scipy import stats
from scipy.optimize import isotonic_regression

from descent.evidence import run_directory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
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

LABEL_SIZE = 9  # points; nothing written into a figure is smaller
CONTRAST = 4.5  # the least that WCAG 2.1 asks of text

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


def ink(colour: str, contrast: float = CONTRAST) -> str:
    """Return a colour for text on white: this one, darkened until the contrast is enough.

    Args:
        colour: of ``COLOURS``, or any that matplotlib knows.
        contrast: the least, as WCAG 2.1 defines it: 1.05 over the relative luminance plus .05.
    """
    rgb = np.array(to_rgb(COLOURS.get(colour, colour)))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    linear *= min(1.0, 0.99 * (1.05 / contrast - 0.05) / max(luminance, 1e-9))
    red, green, blue = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return to_hex((red, green, blue))


def label_lines(axis: "Axes", **style: Any) -> None:
    """Write each line's label at its right end, in its colour; it takes the place of a legend.

    Args:
        axis: with its limits set; lines without a label (``label=...``) are left out.
        style: of the text.
    """
    ends = {}
    for line in axis.lines:
        name, y = str(line.get_label()), np.asarray(line.get_ydata(), float)
        if not name.startswith("_") and np.isfinite(y).any():
            ends[name] = float(y[np.isfinite(y)][-1]), to_hex(line.get_color())
    label_ends(axis, ends, **style)


def label_ends(axis: "Axes", ends: Mapping[str, tuple[float, str]], gap: float | None = None, **style: Any) -> None:
    """Write names to the right of the axes, where their curves end, pushed apart where they would overlap.

    Args:
        axis: with its limits set.
        ends: name -> (where its curve ends, colour); the text is as dark as ``ink`` makes it.
        gap: least distance of names, as a share of the axis; by default what their lines of text need.
        style: of the text.
    """
    style = {"fontsize": LABEL_SIZE} | style
    figure: Any = axis.get_figure(root=True)
    height = 72 * figure.get_size_inches()[1] * axis.get_position().height  # points
    line = 1.25 * style["fontsize"] / height if gap is None else gap
    to_axes = axis.transData + axis.transAxes.inverted()
    x = axis.get_xlim()[1]
    names = sorted(ends, key=lambda name: ends[name][0])
    wanted = np.array([to_axes.transform((x, ends[name][0]))[1] for name in names])
    sizes = line * np.array([1 if gap is not None else 1 + name.count("\n") for name in names])
    steps = np.cumsum(sizes) - sizes / 2 - sizes[:1].sum() / 2  # from the first name's middle to each one's
    # The nearest places that keep order and gaps, within the axes as long as there is room.
    room = max(0.0, 1 - steps[-1]) if len(names) else 0.0
    low = min(0.0, (1 - steps[-1]) / 2) if len(names) else 0.0
    places = isotonic_regression(np.clip(wanted - steps, low, low + room)).x + steps
    for name, place in zip(names, places, strict=True):
        axis.annotate(name, (1.01, place), xycoords="axes fraction", color=ink(ends[name][1]), va="center", **style)


def band(axis: "Axes", x: Any, values: Any, colour: str, logarithmic: bool = False, **style: Any) -> float:
    """Draw a mean over seeds with its 95% interval, Student's t.

    Args:
        axis: matplotlib's.
        x: shape [n].
        values: shape [n, seeds], at least two seeds.
        colour: of ``COLOURS``, or any, of the line and the band.
        logarithmic: geometric means of positive values, with the interval of the mean logarithm.
        style: of the line.

    Returns:
        The last mean drawn.
    """
    colour = COLOURS.get(colour, colour)
    values = np.log(values) if logarithmic else np.asarray(values, float)
    seeds = values.shape[1]
    middle = values.mean(1)
    half = stats.t.ppf(0.975, seeds - 1) * values.std(1, ddof=1) / np.sqrt(seeds)
    shown: Callable[[Any], Any] = np.exp if logarithmic else np.asarray
    axis.plot(x, shown(middle), color=colour, **style)
    axis.fill_between(x, shown(middle - half), shown(middle + half), color=colour, alpha=0.15, linewidth=0)
    return float(shown(middle[-1]))


def stable_region(axis: "Axes", real: Any, imaginary: Any, radius: Any, edge: float = 1 - 1e-9) -> None:
    """Shade where a rule is stable: where the spectral radius of one step is below one.

    Args:
        axis: matplotlib's; it gets equal scales and a line where the real part is 0, which is rotation alone.
        real, imaginary: step size times eigenvalue, shape [rows, columns].
        radius: the spectral radius there, likewise.
        edge: what counts as below one.
    """
    axis.contourf(real, imaginary, radius, levels=[0, edge], colors=[COLOURS["sky"]], alpha=0.5)
    axis.contour(real, imaginary, radius, levels=[edge], colors=COLOURS["blue"], linewidths=1.2)
    axis.axvline(0, color="black", linewidth=0.6)
    axis.set_aspect("equal")


def colour_bar(mappable: Any, axes: Any, label: str, **style: Any) -> Any:
    """Add a colour bar beside one or several axes, with its label and no frame; return it."""
    first: Any = np.ravel(axes)[0]
    bar = first.get_figure(root=True).colorbar(mappable, ax=axes, label=label, **style)
    bar.outline.set_visible(False)
    return bar


def save(figure: "Figure", name: str, narrow: float | None = None) -> None:
    """Write a figure to the run's ``figures`` folder as SVG and PNG; it is laid out once.

    Args:
        figure: what to write; its layout is fixed from here on.
        name: file name without ending, in lower case with hyphens; the page below the figure links to it.
        narrow: height of a panel in inches: also write ``<name>-narrow``, 4 inches wide, in which panels that stand
            side by side are stacked.
    """
    if narrow is not None:
        _save_stacked(figure, f"{name}-narrow", narrow)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    _write(figure, name)


def _save_stacked(figure: Any, name: str, height: float) -> None:
    axes = [axis for axis in figure.axes if axis.get_subplotspec() is not None]
    wide = [(axis.get_subplotspec(), axis.get_ylabel(), axis.yaxis.get_tick_params()) for axis in axes]
    size = figure.get_size_inches()
    for axis, place in zip(axes, figure.add_gridspec(len(axes), 1), strict=True):
        axis.set_subplotspec(place)
        axis.set_ylabel(axis.get_ylabel() or axes[0].get_ylabel())
        axis.tick_params(labelleft=True)
    figure.set_size_inches(4, height * len(axes))
    _write(figure, name)
    for axis, (place, label, ticks) in zip(axes, wide, strict=True):
        axis.set_subplotspec(place)
        axis.set_ylabel(label)
        axis.tick_params(labelleft=ticks.get("labelleft", True))
    figure.set_size_inches(size)


def _write(figure: "Figure", name: str) -> None:
    folder = run_directory() / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for ending, metadata in (("svg", {"Date": None}), ("png", None)):
        partial = folder / f".{name}.{os.getpid()}.{ending}"
        figure.savefig(partial, metadata=metadata)
        partial.replace(Path(folder / f"{name}.{ending}"))
