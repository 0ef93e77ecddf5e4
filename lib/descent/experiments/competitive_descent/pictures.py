"""The chapter's figures, drawn from what its experiments return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from descent.experiments.competitive_descent import covariance, regions
from descent.experiments.competitive_descent.measured import Overtrained, chosen_by
from descent.figures import COLOURS, band, ink, label_ends, label_lines

ARMS = {
    "D alone, GD": ("D alone", "vermilion"),
    "D alone, CGD": ("D alone, competitive", "orange"),
    "both, GD": ("both, descent", "sky"),
    "both, CGD": ("both, competitive", "blue"),
}
RULES = {"CGD": "blue", "OGDA": "orange", "SGA": "green", "consensus": "purple"}


def maps(found: Mapping[str, np.ndarray], c: float) -> Any:
    """Draw where each method converges on x^2 + c x y + y^2, in the plane of both rates."""
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.5), sharey=True, layout="constrained")
    titles = ("simultaneous", "alternating", "linearised", "competitive")
    for axis, method, title in zip(axes, regions.METHODS, titles, strict=True):
        axis.contourf(found["P"], found["Q"], found[method], [0, 1], colors=[COLOURS["sky"]], alpha=0.5)
        axis.contour(found["P"], found["Q"], found[method], [1], colors=[COLOURS["blue"]], linewidths=1.2)
        axis.plot([0, 0.4], [0, 0.4], ":", color="black", linewidth=1)
        axis.plot(0.09, 0.01, "o", color=COLOURS["vermilion"], markersize=5)
        axis.set(title=title, xlabel="rate of x, P", xlim=(0, 0.4), ylim=(0, 0.4))
        axis.set_xticks([0, 0.2, 0.4])
    axes[0].set_ylabel("rate of y, Q")
    axes[0].annotate(
        "published",
        (0.09, 0.01),
        (0.16, 0.1),
        color=ink(COLOURS["vermilion"]),
        arrowprops={"arrowstyle": "-", "color": COLOURS["vermilion"]},
    )
    return figure


def thresholds(strengths: Sequence[float]) -> Any:
    """Draw the least awareness with which equal rates converge, against the rate, for several strengths c."""
    figure, axis = plt.subplots(figsize=(5.2, 2.9), layout="constrained")
    rates = np.linspace(1e-4, 0.499, 200)
    for c, colour in zip(strengths, ("sky", "blue", "green", "purple"), strict=True):
        axis.plot(
            rates, [regions.awareness_threshold(c, eta) for eta in rates], color=COLOURS[colour], label=f"c = {c:g}"
        )
    axis.axhline(0.5, color="black", linestyle=":", linewidth=1)
    axis.text(0.01, 0.51, "half awareness", va="bottom")
    axis.set(
        xlabel="rate of both players, η",
        ylabel="least awareness, α",
        ylim=(0, 0.6),
        xlim=(0, 0.5),
        title="Above its line a game is stable: half is always enough",
    )
    label_lines(axis)
    return figure


def residuals(runs: Mapping[str, Mapping[str, np.ndarray]]) -> Any:
    """Draw the mean residual of the covariance game against gradient units, a panel for each step."""
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.7), sharey=True, layout="constrained")
    for k, axis in enumerate(axes):
        for name, run in runs.items():
            left = run["residual"][:, k] / run["residual"][0, k]
            with np.errstate(over="ignore", invalid="ignore"):
                mean = np.exp(np.log(np.maximum(left, 1e-12)).mean(1))
            shown = np.where(mean < 10, mean, np.nan)
            axis.semilogy(run["units"][:, k].mean(1), shown, color=COLOURS[RULES[name]])
        axis.set(title=f"η = {covariance.RATES[k]:g}", xlabel="gradient units")
        axis.xaxis.set_major_locator(plt.MaxNLocator(2))
    axes[0].set_ylabel("residual over the start's")
    axes[0].set_ylim(3e-3, 5)
    ends = {}
    for name, run in runs.items():
        at = run["residual"][-1, 2] / run["residual"][0, 2]
        ends[name] = (float(np.exp(np.log(at).mean())) if np.isfinite(at).all() else 1.0, COLOURS[RULES[name]])
    label_ends(axes[2], ends)
    return figure


def projection(paths: np.ndarray, every: int) -> Any:
    """Draw the first coordinate of every run at the larger step against steps, for both methods."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 2.8), sharey=True, layout="constrained")
    path = paths[:, :, -1]
    steps = np.arange(len(path)) * every
    for k, (axis, title, colour) in enumerate(
        zip(axes, ("simultaneous descent", "competitive descent"), ("vermilion", "blue"), strict=True)
    ):
        axis.plot(steps, path[:, k, :, 0], color=COLOURS[colour], alpha=0.35, linewidth=0.7)
        axis.axhline(2, color="black", linestyle=":", linewidth=1)
        axis.set(xlabel="steps", title=title, ylim=(0, 3.5))
    axes[0].set_ylabel("first coordinate, θ₁")
    axes[0].text(steps[-1] * 0.98, 2.05, "the datum's", ha="right", va="bottom")
    return figure


def overtraining(run: Overtrained) -> Any:
    """Draw the discriminator's loss in four arms, and what the generator's strike does to it."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.0), layout="constrained")
    ends, after = {}, {}
    every = int(run.steps[1])
    for arm, (label, colour) in ARMS.items():
        loss = run.records[arm]["loss"]
        band(left, run.steps, loss, colour)
        ends[label] = float(loss[-1].mean()), COLOURS[colour]
    for arm, (label, colour) in {**ARMS, "checkpoint": ("checkpoint", "black")}.items():
        loss = run.strikes[arm]
        band(right, np.arange(len(loss)) * every, loss, colour)
        after[label] = float(loss[-1].mean()), COLOURS[colour]
    left.set(xlabel="steps after the checkpoint", ylabel="loss of D", title="Alone, D wins")
    right.set(xlabel="steps of G alone", title="and is lifted higher by G's strike")
    left.set_ylim(0)
    right.set_ylim(0)
    label_ends(left, ends)
    label_ends(right, after)
    return figure


def gradients(run: Overtrained) -> Any:
    """Draw the generator's gradient while D trains alone: true, non-saturating, and summed over steps."""
    figure, axis = plt.subplots(figsize=(5.6, 3.0), layout="constrained")
    record, ends = run.records["D alone, GD"], {}
    for key, label, colour in (
        ("zero-sum, summed", "summed, as released", "vermilion"),
        ("non-saturating", "non-saturating loss", "green"),
        ("zero-sum", "zero-sum loss", "blue"),
    ):
        values = record[key]
        first = 1 if "summed" in key else 0
        band(axis, run.steps[first:], values[first:], colour, logarithmic=True)
        ends[label] = float(values[-1].mean()), COLOURS[colour]
    axis.set(
        xlabel="steps of D alone",
        ylabel="norm of G's gradient",
        yscale="log",
        title="The running sum outgrows both gradients",
    )
    label_ends(axis, ends)
    return figure


def awareness(chosen: Mapping[str, np.ndarray], alphas: Sequence[float]) -> Any:
    """Draw distance from the data, and cost, against awareness, with 95% intervals over seeds."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.0, 2.8), layout="constrained")
    band(left, np.array(alphas), chosen["w1"], "blue", marker="o", markersize=4)
    band(right, np.array(alphas), chosen["cost"], "vermilion", marker="o", markersize=4)
    left.set(xlabel="awareness, α", ylabel="sliced W₁", title="Distance after equal steps", ylim=(0, None))
    right.set(xlabel="awareness, α", ylabel="gradients a step", title="What a step costs", ylim=(0, None))
    return figure


def contenders(found: Mapping[str, Mapping[str, np.ndarray]]) -> Any:
    """Draw each method's distance at its chosen rate, seed by seed, and the modes that it covers."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 2.9), sharey=True, layout="constrained")
    names = list(found)
    for k, name in enumerate(names):
        scores = found[name]["w1"][None]
        for axis, key in ((left, "w1"), (right, "modes")):
            value = chosen_by(scores, found[name][key][None])[0]
            axis.plot(value, np.full(len(value), k), "o", color=COLOURS["sky"], markersize=4, alpha=0.8)
            axis.plot(value.mean(), k, "|", color="black", markersize=14)
    left.set_yticks(range(len(names)), names)
    left.set(xlabel="sliced W₁", xlim=(0, None), title="Distance from the data")
    right.set(xlabel="modes covered, of 16", xlim=(-0.5, 16.5), title="Modes")
    return figure
