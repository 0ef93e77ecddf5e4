"""The chapter's figures, drawn from what its experiments return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from descent.experiments.differentiable_sparsification.measured import Race, at_sparsity, f1
from descent.experiments.differentiable_sparsification.mixture import TRUE, Data, Paths
from descent.experiments.differentiable_sparsification.network import Ends
from descent.experiments.differentiable_sparsification.relatives import sparsemax
from descent.experiments.differentiable_sparsification.shares import shares
from descent.figures import COLOURS, band, label_ends, label_lines
from descent.quiet import tf

STYLE = {
    "threshold": ("relative\nthreshold", "blue"),
    "surrogate": ("surrogate", "sky"),
    "sparsemax": ("sparsemax", "green"),
    "gates": ("hard-concrete", "purple"),
    "proximal": ("lasso,\nproximal", "vermilion"),
    "str": ("STR", "orange"),
    "softmax": ("softmax", "black"),
    "magnitude": ("magnitude\npruning", "black"),
    "twin": ("its support,\ntrained anew", "grey"),
}

NAMES = {"mnist": "channels, MNIST", "fashion_mnist": "channels, Fashion-MNIST"}


def construction() -> Any:
    """Draw the first of two shares against the difference of their logits."""
    figure, axis = plt.subplots(figsize=(6.4, 3.0))
    x = np.linspace(-4, 4, 400)
    pairs = tf.constant(np.stack([x, 0 * x], 1))
    curves = {
        "softmax ($\\tau = 0$)": (tf.nn.softmax(pairs)[:, 0], "black", "-"),
        "$\\tau = .1$": (tf.map_fn(lambda z: shares(z, tf.constant(np.log(1 / 9), z.dtype)), pairs)[:, 0], "sky", "-"),
        "$\\tau = .3$": (tf.map_fn(lambda z: shares(z, tf.constant(np.log(3 / 7), z.dtype)), pairs)[:, 0], "blue", "-"),
        "sparsemax": (tf.map_fn(sparsemax, pairs)[:, 0], "green", "--"),
    }
    for name, (values, colour, style) in curves.items():
        axis.plot(x, values, style, color=COLOURS[colour], label=name)
    axis.set(
        xlabel="difference of the two logits, $\\alpha_1 - \\alpha_2$",
        ylabel="first share, $a_1$",
        title="Above a threshold that is a share of the sum, a softmax becomes exactly 0 and 1",
    )
    axis.legend(loc="upper left")
    return figure


def recovery(runs: Mapping[str, Paths], data: Data) -> Any:
    """Draw F1, and the error on held examples, against the penalty."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.2))
    ends = {}
    for name in ("threshold", "sparsemax", "gates", "proximal", "str", "softmax"):
        label, colour = STYLE[name]
        paths = runs[name]
        lam = paths.settings[:, 1]
        line = ".--" if name == "sparsemax" else ".-"  # it lies upon the threshold's
        left.semilogx(lam, f1(paths.ends, data.truth).mean(1), line, color=COLOURS[colour])
        error = paths.held_error(data).mean(1)
        right.loglog(lam, error, line, color=COLOURS[colour])
        ends[label] = float(error[-1]), COLOURS[colour]
    left.set(
        xlabel="penalty, $\\lambda$",
        ylabel="F1 of the components kept",
        title="Three find the five for many penalties",
        ylim=(0, 1.05),
    )
    right.set(xlabel="penalty, $\\lambda$", ylabel="error on held examples", title="Lasso and STR pay for finding them")
    label_ends(right, ends)
    return figure


def history(runs: Mapping[str, Paths], setting: int, seed: int, steps: int) -> Any:
    """Draw the shares of one run against steps, without and with the surrogate gradient."""
    figure, axes = plt.subplots(1, 2, figsize=(7.4, 3.0), sharey=True)
    for axis, name in zip(axes, ("threshold", "surrogate"), strict=True):
        weights = runs[name].weights[:, setting, seed]
        at = np.linspace(0, steps, len(weights))
        for k in range(weights.shape[1]):
            true = k < len(TRUE)
            shown = np.where(weights[:, k] > 0, weights[:, k], np.nan)
            axis.semilogy(at, shown, color=COLOURS["blue" if true else "vermilion"], linewidth=1.5 if true else 0.8)
        tau = runs[name].tau[:, setting, seed]
        axis.semilogy(at, tau, "--", color="black", linewidth=1)
        axis.set(xlabel="step", title={"threshold": "without the surrogate", "surrogate": "with the surrogate"}[name])
    axes[0].set(ylabel="share, while it is above 0", ylim=(1e-4, 1))
    weights = runs["surrogate"].weights[-1, setting, seed]
    false = weights[len(TRUE) :]
    ends = {"true": (float(np.median(weights[: len(TRUE)])), COLOURS["blue"])}
    ends["$\\tau$"] = (float(runs["surrogate"].tau[-1, setting, seed]), "black")
    ends["false"] = (float(false.max() if (false > 0).any() else 1.5e-4), COLOURS["vermilion"])
    label_ends(axes[1], ends)
    return figure


def fronts(races: Mapping[str, Race], shown: tuple[float, ...] = (0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.87)) -> Any:
    """Draw test accuracy against the share of exact zeros."""
    figure, axes = plt.subplots(1, len(races), figsize=(7.4, 3.4))
    for axis, (title, race) in zip(np.ravel(axes), races.items(), strict=True):
        axis.axhline(race.dense().mean(), color=COLOURS["grey"], linestyle="--", linewidth=1)
        ends = {"no gates": (float(race.dense().mean()), COLOURS["grey"])}
        for name, (label, colour) in STYLE.items():
            if name not in race.ends or name in ("str", "surrogate", "twin"):
                continue
            reached = {share: at_sparsity(race.ends[name], share) for share in shown}
            known = {share: values for share, values in reached.items() if values is not None}
            if known:
                last = band(axis, list(known), np.array(list(known.values())), colour, marker=".")
                ends[label.replace("lasso", "group lasso")] = last, COLOURS[colour]
        axis.set(xlabel="zeros, at least", title=NAMES.get(title, title))
        axis.xaxis.set_major_formatter("{x:.0%}")
        low, high = axis.get_ylim()
        axis.set_ylim(max(0.5, low), min(1.0, high))
        label_ends(axis, ends)
    np.ravel(axes)[0].set_ylabel("test accuracy")
    return figure


def pixels(ends: Mapping[str, Ends], share: float) -> Any:
    """Draw how often each pixel of the digits is kept, over seeds, at the setting nearest to this share of zeros."""
    figure, axes = plt.subplots(1, len(ends), figsize=(7.0, 2.6))
    for axis, (name, found) in zip(axes, ends.items(), strict=True):
        setting = int(np.argmin(np.abs(found.zeros.mean(1) - share)))
        kept = (found.sizes[-1, setting] != 0.0).mean(0)
        side = round(kept.size**0.5)
        drawn = axis.imshow(kept.reshape(side, side), vmin=0, vmax=1, cmap="cividis")
        title = STYLE[name][0].replace("\n", " ").replace("lasso", "group lasso")
        axis.set(title=f"{title}\n{1 - kept.mean():.0%} zeros", xticks=[], yticks=[])
    bar = figure.colorbar(drawn, ax=axes, label="seeds that keep the pixel")
    bar.ax.yaxis.set_major_formatter("{x:.0%}")
    return figure


def returns(race: Race) -> Any:
    """Draw the share of gates alive against training, over all settings, with and without the surrogate."""
    figure, axis = plt.subplots(figsize=(6.0, 3.0))
    for name in ("threshold", "surrogate", "sparsemax"):
        label, colour = STYLE[name]
        alive = (race.ends[name].sizes != 0.0).mean((1, 3))
        band(axis, np.linspace(0, 1, len(alive)), alive, colour, label=label)
    axis.set(
        xlabel="part of the training",
        ylabel="gates above 0",
        title="Sparsemax drops units at once, the threshold all along",
        ylim=(0, 1.02),
    )
    axis.xaxis.set_major_formatter("{x:.0%}")
    axis.yaxis.set_major_formatter("{x:.0%}")
    label_lines(axis)
    return figure
