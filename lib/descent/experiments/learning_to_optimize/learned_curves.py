"""Curves of the chapter on learned optimisers: intervals over seeds, and names at the curves' ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from descent.experiments.learning_to_optimize.learned_races import decades


def curve(axis: Any, x: np.ndarray, losses: np.ndarray, colour: str, **style: Any) -> float:
    """Draw the geometric mean of losses over seeds with its 95% interval, normal in the logarithm.

    Args:
        axis: matplotlib's.
        x: shape [n].
        losses: shape [n or more, seeds]; rows beyond n are not drawn.
        colour: of the line and the band.
        style: of the line.

    Returns:
        The last mean drawn.
    """
    logs = decades(losses[: len(x)])
    middle, spread = logs.mean(1), 1.96 * logs.std(1, ddof=1) / np.sqrt(logs.shape[1])
    axis.plot(x, 10**middle, color=colour, **style)
    axis.fill_between(x, 10 ** (middle - spread), 10 ** (middle + spread), color=colour, alpha=0.15, linewidth=0)
    return float(10 ** middle[-1])


def label_ends(axis: Any, ends: Mapping[str, tuple[float, str]], gap: float = 0.055) -> None:
    """Write each curve's name to the right of the axes at its end, pushed apart where names would overlap.

    Args:
        axis: matplotlib's, with its limits set.
        ends: name -> (where its curve ends, colour).
        gap: least distance of names, as a share of the axis.
    """
    to_axes = axis.transData + axis.transAxes.inverted()
    x = axis.get_xlim()[1]
    names = sorted(ends, key=lambda name: ends[name][0])
    wanted = np.array([to_axes.transform((x, ends[name][0]))[1] for name in names])
    steps = gap * np.arange(len(names))
    # The nearest places within the axes that keep order and gap.
    places = isotonic_regression(np.clip(wanted - steps, 0, 1 - steps[-1])).x + steps
    for name, place in zip(names, places, strict=True):
        axis.annotate(name, (1.01, place), xycoords="axes fraction", color=ends[name][1], fontsize=7, va="center")
