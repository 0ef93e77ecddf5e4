"""The chapter's figures, drawn from what its experiments return."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from descent.experiments.es_maml.policy import Policy, adapted, path
from descent.experiments.es_maml.quadratics import KINDS, SIZES, Bench, crossing, second_moment
from descent.experiments.es_maml.study import FEW, NOISES, Study
from descent.figures import COLOURS, band, label_ends, label_lines

STYLE = {"mc": ("Monte\nCarlo", "vermilion"), "hc": ("hill\nclimbing", "blue"), "none": ("none", "black")}
EXACT = {
    "hc": ("hill\nclimbing", "blue"),
    "maml": ("exact\nMAML", "purple"),
    "fomaml": ("exact, first\norder", "green"),
}


def estimators(bench: Bench, theta: np.ndarray, alpha: float, s: float) -> Any:
    """Draw errors against perturbations, and second moments against sigma."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0))
    for kind, colour in zip(KINDS, ("black", "green", "blue"), strict=True):
        left.loglog(SIZES, bench.errors[kind], ".-", color=COLOURS[colour], label=kind)
    left.set(xlabel="perturbations $n$", ylabel="error of the estimate", title="All fall like $n^{-1/2}$")
    label_lines(left)
    sigmas = np.geomspace(0.03, 3, 60)
    for paired, (name, colour) in ((True, ("one task", "blue")), (False, ("two tasks", "vermilion"))):
        moments = [second_moment(theta, alpha, s, sigma, paired) for sigma in sigmas]
        right.loglog(sigmas, moments, color=COLOURS[colour], label=name)
        key = "paired" if paired else "unpaired"
        seen = [bench.values[f"bench.measured.{key}.{size}"].mean() for size in ("small", "large")]
        right.plot([0.1, 1.0], seen, "o", color=COLOURS[colour], markersize=4)
    right.axvline(crossing(theta, s), color=COLOURS["grey"], linestyle=":", linewidth=1)
    right.set(
        xlabel="size of perturbations $\\sigma$", ylabel="second moment", title="Two tasks cost much at small $\\sigma$"
    )
    label_lines(right)
    return figure


def training(study: Study) -> Any:
    """Draw returns after adaptation against rollouts in both environments."""
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.1))
    for axis, arms, title in (
        (axes[0], study.navigation, "Navigation"),
        (axes[1], study.corners, "Four corners"),
    ):
        ends = {}
        for name in STYLE:
            one, (label, colour) = arms[name], STYLE[name]
            ends[label] = band(axis, one.rollouts / 1000, one.watched[:, 0], colour), COLOURS[colour]
        axis.set(xlabel="rollouts, thousands", title=title)
        label_ends(axis, ends)
    axes[0].set_ylabel("return after adaptation")
    return figure


def exact(study: Study) -> Any:
    """Draw returns after adaptation against steps, with clipped and with smooth actions."""
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.1), sharey=True)
    for axis, arms, title in (
        (axes[0], study.navigation, "Clipped actions, as released"),
        (axes[1], study.smooth, "Smooth actions"),
    ):
        ends = {}
        for name, (label, colour) in EXACT.items():
            if name not in arms:
                continue
            one = arms[name]
            ends[label] = band(axis, one.steps, one.watched[:, 0], colour), COLOURS[colour]
        axis.set(xlabel="step of meta-training", title=title)
        label_ends(axis, ends)
    axes[0].set_ylabel("return after adaptation")
    return figure


def noise(study: Study) -> Any:
    """Draw returns after adaptation, trained and adapted with noise, seed by seed, judged without."""
    figure, axis = plt.subplots(figsize=(6.0, 3.2))
    groups = ["base", *(f"noise {tau}" for tau in NOISES)]
    places = np.arange(len(groups))
    ends = {}
    for name, shift in (("mc", -0.06), ("hc", 0.06)):
        label, colour = STYLE[name]
        values = np.array([study.navigation[name].mean(group=group) for group in groups])
        ends[label] = band(axis, places, values, colour), COLOURS[colour]
        for k in places:
            axis.plot(np.full(values.shape[1], k + shift), values[k], ".", color=COLOURS[colour], markersize=5)
    axis.set_xticks(places, ["0", *map(str, NOISES)])
    axis.set(
        xlabel="standard deviation of the noise on every return",
        ylabel="return after adaptation",
        title="Noise takes from both ways to adapt",
    )
    label_ends(axis, ends)
    return figure


def frozen(study: Study) -> Any:
    """Draw how much better own tasks go with the noise of training than with fresh noise, seed by seed."""
    figure, axis = plt.subplots(figsize=(6.0, 2.6))
    hc = study.navigation["hc"]
    rows = (
        ("50 tasks, fresh", "base", 50, "black"),
        ("50 tasks, frozen", "frozen", 50, "blue"),
        (f"{FEW} tasks, fresh", "few", FEW, "black"),
        (f"{FEW} tasks, frozen", "few frozen", FEW, "blue"),
    )
    for k, (_, group, tasks, colour) in enumerate(rows):
        gap = hc.gap(group, tasks)
        axis.plot(gap, np.full(len(gap), -k), "o", color=COLOURS[colour], alpha=0.6, markersize=5)
        axis.plot(gap.mean(), -k, "|", color=COLOURS[colour], markersize=18, markeredgewidth=2)
    axis.axvline(0, color=COLOURS["grey"], linewidth=0.8)
    axis.set_yticks(-np.arange(len(rows)), [row[0] for row in rows])
    axis.set(xlabel="return with frozen minus with fresh noise", title="Few tasks and frozen noise: some runs overfit")
    return figure


def ways(policy: Policy, goals: np.ndarray) -> Any:
    """Draw the way of a point under one policy before it adapts, and after it did so for each goal."""
    figure, axes = plt.subplots(1, len(goals), figsize=(7.4, 2.3), sharex=True, sharey=True)
    for axis, goal, weights in zip(axes, goals, adapted(policy, goals), strict=True):
        for own, line, colour in ((policy.weights, "--", "vermilion"), (weights, "-", "blue")):
            axis.plot(*path(np.asarray(own), goal, policy).T, line, color=COLOURS[colour], linewidth=1.5)
        axis.plot(*goal, "kx", markersize=7)
        axis.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), xlabel="x", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
        axis.set_aspect("equal")
    axes[0].set_ylabel("y")
    return figure
