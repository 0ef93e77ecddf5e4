"""The chapter's figures: what they show is in the arguments, how they look is here."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from descent.experiments.stationary_points import constant_step
from descent.experiments.stationary_points.cliff import cliff, descend, half_plateau
from descent.experiments.stationary_points.slopes import slope
from descent.figures import COLOURS, ink, label_lines

NAMES = {
    "average_squares": "average of squares",
    "random_iterate": "… weighted by the steps",
    "average_norms": "average of norms",
    "last": "last iterate",
    "best": "best iterate",
    "averaged_point": "averaged iterate",
}


def criteria(horizons: Sequence[int], values: Mapping[str, np.ndarray], bound: np.ndarray) -> Any:
    """Draw what the step weighs, and the worst norm by criterion; ``values`` and ``bound`` are squared."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.1), width_ratios=(1, 1.15))
    horizon = min(4096, horizons[-1])
    steps = np.geomspace(2e-3, 0.3, 120)
    both = np.array([constant_step.last_iterate(eta, horizon) for eta in steps])
    gap = np.array([constant_step.last_iterate(eta, horizon, noise=0.0) for eta in steps])
    for curve, colour in ((both, "black"), (gap, "blue"), (both - gap, "vermilion")):
        left.loglog(steps, curve, color=COLOURS[colour])
    left.text(0.6, 0.1, "gap, on\nλ ≈ 1/(2ηT)", va="center", ha="right", color=ink("blue"), transform=left.transAxes)
    left.text(0.98, 0.42, "noise,\non λ = L", va="center", ha="right", color=ink("vermilion"), transform=left.transAxes)
    left.annotate("worst case", (steps[18], both[18]), (6, 8), textcoords="offset points")
    left.set(
        xlabel="step size, ηL", ylabel="squared gradient, last iterate", title=f"Gap against noise, T = {horizon:,}"
    )
    names = {
        "average_squares": ("average of squares", "black"),
        "average_norms": ("average of norms", "green"),
        "last": ("last = best iterate", "vermilion"),
        "averaged_point": ("averaged iterate", "blue"),
    }
    for criterion, (name, colour) in names.items():
        exponent = f"{slope(horizons, values[criterion] ** 0.5, first=4096).fitted:.2f}".replace("-", "−")
        right.loglog(horizons, values[criterion] ** 0.5, color=COLOURS[colour], label=f"{name}: {exponent}")
    right.loglog(horizons, bound**0.5, "--", color=COLOURS["orange"], linewidth=1)
    right.set(xlabel="steps T", ylabel="gradient norm, worst case", title="The criterion decides the rate")
    right.set_xlim(horizons[0], horizons[-1])
    for axis in (left, right):
        axis.minorticks_off()
    label_lines(right)
    return figure


def exponents(grid: Mapping[str, Sequence[float]], columns: Sequence[str]) -> Any:
    """Draw a table of exponents, criterion -> one for each column, darker where the norm falls faster."""
    rows = [NAMES[criterion] for criterion in grid]
    figure, axis = plt.subplots(figsize=(6.4, 2.7))
    axis.imshow(-np.array([*grid.values()]), cmap="Blues", vmin=0, vmax=0.7, aspect="auto")
    for i, row in enumerate(grid.values()):
        for j, x in enumerate(row):
            shade = "white" if x < -0.42 else "black"
            axis.text(j, i, f"{x:.3f}".replace("-", "−"), ha="center", va="center", color=shade)
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    return figure


def cliffs(longest: int) -> Any:
    """Draw the cliff for twelve steps, and the slopes at the last and the best iterate against T."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 2.9))
    function = cliff(12, 0.3)
    u, line = descend(function, 12, 0.3), np.linspace(0, 2.05, 400)
    left.plot(line, function.slope(line), color=COLOURS["blue"])
    left.plot(u, function.slope(u), "o", color=COLOURS["black"], markersize=4)
    left.annotate("$x_{12}$", (u[-1], function.top), (6, -2), textcoords="offset points")
    left.annotate("$x_0$", (u[0], function.start), (12, -4), textcoords="offset points")
    left.set(xlabel="distance descended", ylabel="slope |f ′|, in units of √(LΔ)", ylim=(0, 1.15))
    ts = np.unique(np.geomspace(8, longest, 24).astype(int))
    plateaus = [cliff(t, 1.0, half_plateau(t, 1.0)) for t in ts]
    tops = [cliff(t, 1.0, min(t, 500)).top for t in ts]
    right.loglog(ts, tops, color=COLOURS["blue"], label="last, no plateau")
    right.loglog(ts, [f.top for f in plateaus], color=COLOURS["vermilion"], label="last, plateau")
    right.loglog(ts, [f.start for f in plateaus], color=COLOURS["green"], label="best, plateau")
    right.set(xlabel="steps T, of size 1/L", ylabel="slope, in units of √(LΔ)", xlim=(ts[0], ts[-1]), ylim=(0.008, 1.6))
    right.minorticks_off()
    label_lines(right)
    return figure


def beyond(
    horizons: Sequence[int],
    losses: Mapping[str, np.ndarray],
    method_horizons: Sequence[int],
    curves: Mapping[str, np.ndarray],
) -> Any:
    """Draw any-time schedules against the best constant step, and methods' last squared gradient times root T."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.1))
    hues = ("sky", "purple", "blue", "green", "grey", "vermilion")
    for (name, ratio), hue in zip(losses.items(), hues, strict=True):
        label = name if name == "doubling" else f"$t^{{{name[2:]}}}$"
        left.loglog(horizons, ratio, color=COLOURS[hue], label=label)
    left.axhline(1, color="black", linewidth=0.6)
    left.set(xlabel="steps T", ylabel="over the best constant step's", xlim=(horizons[0], horizons[-1]))
    for (name, curve), hue in zip(curves.items(), ("black", "blue", "green", "orange", "vermilion"), strict=True):
        right.loglog(method_horizons, curve * np.sqrt(method_horizons), color=COLOURS[hue], label=name)
    right.set(xlabel="steps T", ylabel="squared gradient × √T", xlim=(method_horizons[0], method_horizons[-1]))
    for axis in (left, right):
        axis.xaxis.set_minor_formatter("")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:.1g}")
        label_lines(axis)
    return figure
