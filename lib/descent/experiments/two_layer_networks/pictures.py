"""The chapter's figures: what they show is in the arguments, how they look is here."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from descent.experiments.two_layer_networks.du_experiment import DuRun
from descent.experiments.two_layer_networks.kernels import circle_eigenvalues, tail_of_eigenvalues
from descent.experiments.two_layer_networks.modes import MODES, Modes
from descent.experiments.two_layer_networks.more_data import Labels, Sizes
from descent.experiments.two_layer_networks.practical import CLOSE, Practical
from descent.experiments.two_layer_networks.prediction import du_bound
from descent.experiments.two_layer_networks.targets import Waves
from descent.figures import COLOURS, band, ink, label_lines


def _shades(count: int) -> np.ndarray:
    return plt.get_cmap("viridis")(np.linspace(0.0, 0.75, count))


def spectrum() -> Any:
    """Draw the kernel's eigenvalues on the circle, with a bias and without."""
    figure, axis = plt.subplots(figsize=(6.4, 3.2))
    shown, even = np.arange(1, 31), np.array([1, *range(2, 31, 2)])
    with_bias, without = circle_eigenvalues(30, bias=True), circle_eigenvalues(30, bias=False)
    axis.loglog(shown, with_bias[shown], ".", color=COLOURS["blue"])
    axis.loglog(shown, tail_of_eigenvalues(shown), color=COLOURS["blue"], linewidth=0.8)
    axis.loglog(even, without[even], "s", color=COLOURS["vermilion"], markersize=4)
    axis.loglog(np.arange(3, 31, 2), np.full(14, 3e-6), "x", color=COLOURS["vermilion"])
    axis.text(8, 4.5e-3, "no bias, 1 and even", color=ink("vermilion"))
    axis.text(3, 4.2e-6, "no bias, odd above 1: exactly 0", color=ink("vermilion"))
    axis.text(1.6, 7e-4, "with a bias, and its\nlimit $1/(2\\sqrt{2}\\pi^2k^2)$", color=ink("blue"), va="top")
    axis.set(xlabel="frequency $k$", ylabel="eigenvalue $\\lambda_k$ (rate of decay)", ylim=(2e-6, 0.3))
    axis.set_title("Without a bias, odd frequencies are never learned")
    return figure


def modes(found: Modes) -> Any:
    """Draw what is left of each frequency, and the distance from the closed form against the width."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0))
    for j, (mode, colour) in enumerate(zip(MODES, ("vermilion", "green", "blue"), strict=True)):
        left.plot(found.times, found.closed[:, j], color=COLOURS[colour], label=f"cos {mode if mode > 1 else ''}θ")
        style = {"color": COLOURS[colour], "markersize": 4}
        left.plot(found.times, found.left[0, :, :, j], "o", fillstyle="none", markeredgewidth=0.7, **style)
        left.plot(found.times, found.left[-1, :, :, j], ".", **style)
    left.set(xlabel="time $t = \\eta k$", ylabel="share left", xlim=(0, found.times[-1] + 0.3), ylim=(0, 1.05))
    left.set_title("A wide network decays on schedule")
    distance, widths = found.distance(), np.array(found.widths)
    right.loglog(widths, distance, "o", color=COLOURS["blue"], markersize=4)
    line = distance[-1].mean() * (widths / widths[-1]) ** -0.5
    right.loglog(widths, line, color=COLOURS["grey"], linewidth=0.8)
    right.set(xlabel="width $m$", ylabel="largest distance", title="The wider, the closer: slope −1/2")
    ticks = [0.002, 0.005, 0.01, 0.02, 0.05]
    right.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    right.set_xticks(widths, [f"{m:,}" for m in widths])
    right.minorticks_off()
    label_lines(left)
    return figure


def du(run: DuRun) -> Any:
    """Draw Du et al.'s three measures over steps, and what explains the first."""
    figure, axes = plt.subplots(2, 2, figsize=(7.4, 5.4))
    for i, (m, shade) in enumerate(zip(run.widths, _shades(len(run.widths)), strict=True)):
        for axis, values in zip(
            axes.flat, (run.loss / run.loss[:, :1], 100 * run.patterns, run.movement), strict=False
        ):
            axis.plot(run.steps, values[i].mean(-1), color=shade, label=f"m = {m:,}")
    bound = du_bound(run.limit_smallest.mean(), run.eta, run.steps)
    axes[0, 0].plot(run.steps, bound, "--", color="black", linewidth=1, label="bound")
    axes[0, 0].set(yscale="log", ylabel="loss, share left", title="All far below the bound")
    axes[0, 1].set(ylabel="gates flipped (%)", title="Wider: fewer gates flip")
    axes[1, 0].set(ylabel="largest $|w_r - w_r(0)|$", title="Wider: weights move less")
    for axis in (axes[0, 0], axes[0, 1], axes[1, 0]):
        axis.set(xlabel="step", xlim=(0, run.steps[-1]))
    rates = {
        "trained": (run.rate(run.loss), "black"),
        "H(0), frozen": (run.rate(run.own_loss), "blue"),
        "$\\lambda_{\\min}(H)$ alone": (run.smallest_rate(), "vermilion"),
    }
    last = axes[1, 1]
    for name, (rate, colour) in rates.items():
        last.semilogx(run.widths, rate.mean(-1), ".-", color=COLOURS[colour], label=name)
    last.set(xlabel="width $m$", ylabel="rate per step", title="$\\lambda_{\\min}$ is not why wider is faster")
    last.set_xlim(run.widths[0] * 0.9, run.widths[-1] * 1.1)
    last.set_xticks(run.widths, [f"{m:,}" for m in run.widths])
    last.minorticks_off()
    for axis in axes.flat:
        label_lines(axis)
    return figure


def waves(found: Waves) -> Any:
    """Draw losses over time, kernels solid and networks dashed."""
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    for name, colour in zip(found.by_kernel, ("green", "blue", "vermilion"), strict=True):
        axis.loglog(found.times[1:], found.by_kernel[name][1:], color=COLOURS[colour])
        mean = found.by_network[name][1:].mean(-1)
        axis.loglog(found.times[1:], mean, "--", color=COLOURS[colour], label=name)
    axis.set(xlabel="time $t = \\eta k$", ylabel="loss", ylim=(1e-8, 1), xlim=(found.times[1], found.times[-1]))
    axis.set_title("The target decides how the loss decays")
    axis.text(5, 3e-8, "solid: kernel\ndashed: network")
    label_lines(axis)
    return figure


def practical(found: Practical) -> Any:
    """Draw how far networks are behind their kernels, and the width at which that is 1%."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0))
    for k, errors, shade in zip(found.frequencies, found.error(), _shades(len(found.frequencies)), strict=True):
        left.loglog(found.widths, errors, ".-", color=shade, label=f"k = {k}")
    left.axhline(CLOSE, color="black", linewidth=0.8, linestyle=":")
    left.set(xlabel="width $m$", ylabel="share left, beyond the kernel's", title="High frequencies need width")
    left.set_xticks(found.widths, [f"{m:,}" for m in found.widths])
    left.minorticks_off()
    left.set_xlim(found.widths[0] * 0.9, found.widths[-1] * 1.1)
    right.loglog(found.frequencies, found.width(), color=COLOURS["blue"])
    for k, m in zip(found.frequencies, found.width(), strict=True):
        inside = found.widths[0] <= m <= found.widths[-1]
        right.plot(k, m, "o", color=COLOURS["blue"], markerfacecolor=COLOURS["blue"] if inside else "white")
    right.set(
        xlabel="frequency $k$ of the target", ylabel="width for 1%", title=f"Fitted: $k^{{{found.exponent():.1f}}}$"
    )
    right.set_xticks(found.frequencies, [str(k) for k in found.frequencies])
    right.minorticks_off()
    label_lines(left)
    return figure


def data(sizes: Sizes, labels: Labels) -> Any:
    """Draw errors on fresh points by the number of data, and losses with true and random labels."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.0))
    for i, (n, colour) in enumerate(zip(sizes.sizes, ("vermilion", "green", "blue"), strict=False)):
        band(left, sizes.times, sizes.on_fresh[i], colour, logarithmic=True, label=f"n = {n:,}")
    left.set(yscale="log", xlabel="time $t = \\eta k$", ylabel="mean square, fresh points", xlim=(0, sizes.times[-1]))
    left.set_title("More data is no slower")
    for name, colour in (("true", "blue"), ("random", "vermilion")):
        right.semilogy(labels.times, labels.left[name].mean(0), color=COLOURS[colour], label=name)
        right.semilogy(labels.times, labels.left[f"{name}, kernel"].mean(0), "--", color=COLOURS[colour])
    right.set(xlabel="time $t = \\eta k$", ylabel="share of the loss left", xlim=(0, labels.times[-1]))
    right.set_title("True labels are learned first")
    for axis in (left, right):
        label_lines(axis)
    return figure
