"""The chapter's figures, drawn from what its experiments return."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from descent.experiments.one_sample_frank_wolfe.least_squares import PLACES
from descent.experiments.one_sample_frank_wolfe.moving_samples import EVERY, GREEDY, Runs
from descent.experiments.one_sample_frank_wolfe.race import Race, Walk
from descent.figures import COLOURS, band, label_ends, label_lines

STYLE = {
    "one_sample": ("1-SFW", "blue"),
    "momentum": ("momentum", "vermilion"),
    "raw": ("raw", "black"),
    "exact": ("exact", "green"),
}
TITLES = {"inside": "minimum inside", "face": "minimum on a face", "outside": "minimum outside"}
CARRIED = {
    "hessian": ("Hessian\n(1-SFW)", "blue"),
    "uniforms": ("same\nuniforms", "purple"),
    "momentum": ("momentum", "vermilion"),
}


def errors(race: Race) -> Any:
    """Draw the squared errors of the estimates against steps."""
    figure, axes = plt.subplots(1, 3, figsize=(7.4, 2.9), sharey=True)
    for k, (axis, place) in enumerate(zip(axes, PLACES, strict=True)):
        for name, values in race.err2.items():
            label, colour = STYLE[name]
            axis.loglog(race.steps, values[:, k].mean(1), color=COLOURS[colour], label=label)
        for name, power in (("momentum", -2 / 3), ("one_sample", -1)):
            middle = race.err2[name][20, k].mean()
            axis.loglog(race.steps, 0.4 * middle * (race.steps / race.steps[20]) ** power, ":", color=COLOURS["grey"])
        axis.set(title=TITLES[place], xlabel="step")
    axes[0].set_ylabel("squared error of the estimate")
    label_lines(axes[-1])
    return figure


def losses(race: Race) -> Any:
    """Draw suboptimality against gradient evaluations."""
    figure, axes = plt.subplots(1, 3, figsize=(7.4, 2.9), sharey=True)
    for k, (axis, place) in enumerate(zip(axes, PLACES, strict=True)):
        for name, values in race.loss.items():
            label, colour = STYLE[name]
            gradients = (2 if name == "one_sample" else 1) * race.steps[: len(values)]
            axis.loglog(gradients, values[:, k].mean(1), color=COLOURS[colour], label=label)
        axis.set(title=TITLES[place], xlabel="gradient evaluations")
    axes[0].set_ylabel("suboptimality")
    label_lines(axes[-1])
    return figure


def polygon(walk: Walk, target: np.ndarray, shown: int = 200) -> Any:
    """Draw iterates of the raw rule and of 1-SFW in the square |x|_1 <= 1, ever fewer of the later ones."""
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 3.2), sharey=True)
    for axis, name in zip(axes, ("raw", "one_sample"), strict=True):
        label, colour = STYLE[name]
        axis.fill([1, 0, -1, 0], [0, 1, 0, -1], color=COLOURS["sky"], alpha=0.25, linewidth=0)
        path = walk.paths[name]
        some = np.unique(np.geomspace(1, len(path) - 1, shown).astype(int))
        axis.plot(*path[some].T, ".-", color=COLOURS[colour], linewidth=0.4, markersize=3)
        axis.plot(*target, "+", color=COLOURS["vermilion"], markersize=13, markeredgewidth=2)
        axis.set(title=label, aspect="equal", xlabel="$x_1$")
    axes[0].set_ylabel("$x_2$")
    return figure


def moving(runs: Runs, horizon: int) -> Any:
    """Draw errors within runs of one length on random instances, and ends by length on the hard instance."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0))
    horizons = sorted({T for _, T in runs.err2})
    ends = {}
    for name, (label, colour) in CARRIED.items():
        errors = runs.err2[name, horizon].mean(1)
        left.loglog(EVERY * np.arange(1, len(errors) + 1), errors, color=COLOURS[colour])
        values = np.array([runs.shares[name, T, "hard"] for T in horizons])
        band(right, horizons, values, colour, marker="o", markersize=4)
        ends[label] = float(values[-1].mean()), COLOURS[colour]
    right.axhline(GREEDY, color="black", linestyle="--", linewidth=1)
    left.set(
        xlabel=f"step of a run of {horizon}",
        ylabel="squared error of the estimate",
        title="The Hessian's error is the smallest",
    )
    right.set(
        xscale="log",
        xlabel="steps of the run, $T$",
        ylabel="share of the optimum",
        title="Hardly above greedy, where it is trapped",
    )
    right.set_xticks(horizons, [str(T) for T in horizons])
    right.minorticks_off()
    label_ends(right, ends | {"greedy": (GREEDY, "black")})
    return figure


def noise(sigmas: np.ndarray, advantage: np.ndarray) -> Any:
    """Draw momentum's suboptimality over 1-SFW's against the labels' noise; advantage is its logarithm."""
    figure, axis = plt.subplots(figsize=(6.0, 3.2))
    for k, (place, colour) in enumerate(zip(PLACES, ("blue", "green", "purple"), strict=True)):
        band(axis, sigmas, np.exp(advantage[:, k]), colour, logarithmic=True, marker="o", label=TITLES[place])
    axis.axhline(1, color="black", linewidth=0.8, linestyle="--")
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="noise of the labels, $\\sigma$",
        ylabel="momentum over 1-SFW",
        title="The second gradient pays above the dashed line",
    )
    label_lines(axis)
    return figure
