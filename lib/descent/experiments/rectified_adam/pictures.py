"""Figures of the chapter rectified-adam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from descent.experiments.rectified_adam import theory
from descent.experiments.rectified_adam.comparison import NAMES, SCHEDULES, Comparison
from descent.experiments.rectified_adam.post import Audit
from descent.figures import COLOURS, LABEL_SIZE, band, ink, label_ends, label_lines
from descent.rules.radam import rectification

COLOUR = {"adam": "vermilion", "radam": "blue", "linear": "green", "exponential": "purple"}


def warm_ups(found: Mapping[float, Mapping[str, np.ndarray]]) -> Any:
    """Draw the three factors against time in units of 2 / (1 - beta2) steps, a panel for each beta2."""
    fig, axes = plt.subplots(1, len(found), figsize=(7.2, 2.9), sharey=True)
    for axis, (beta2, curves) in zip(axes, found.items(), strict=True):
        x = curves["t"] * (1 - beta2) / 2
        for name, colour in (("RAdam", "blue"), ("linear", "green"), ("exponential", "purple")):
            axis.plot(x, curves[name], color=COLOURS[colour], label=name)
        axis.set(title=f"β2 = {beta2}", xlim=(0, 4), ylim=(0, 1.03), xticks=[0, 1, 2, 3, 4])
    axes[0].set_ylabel("factor on the rate")
    fig.supxlabel("steps, in units of 2 / (1 − β2)", fontsize=LABEL_SIZE)
    label_lines(axes[-1])
    return fig


def variance(t: np.ndarray, sampled: np.ndarray, beta2: float) -> Any:
    """Draw the variance of the adaptive rate: exact, first order and sampled; and times r_t^2."""
    fig, axis = plt.subplots(figsize=(6.4, 3.2))
    steps = np.unique(np.geomspace(6, max(t), 200).round())
    rho = theory.length(steps, beta2)
    exact = theory.exact_variance(rho)
    axis.loglog(steps, theory.first_order_variance(rho), color=COLOURS["vermilion"], label="first order,\nas in $r_t$")
    axis.loglog(steps, exact, color=COLOURS["blue"], label="exact for ρ squares")
    axis.loglog(
        steps, rectification(steps, beta2).numpy() ** 2 * exact, color=COLOURS["green"], label="exact times $r_t^2$"
    )
    axis.loglog(t, sampled, "o", color=COLOURS["black"], markersize=4)
    axis.annotate("sampled", (t[1], sampled[1]), (6, 6), textcoords="offset points", fontsize=LABEL_SIZE)
    axis.set(xlabel="step t", ylabel="variance of 1 / √v̂", xlim=(5.4, 1.1 * max(t)))
    label_lines(axis)
    return fig


def first_steps(noise: Mapping[str, np.ndarray], products: Any, paths: Mapping[str, np.ndarray]) -> Any:
    """Draw step sizes on pure noise, and the first steps on parabolas."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2))
    t = np.arange(1, len(noise["Adam"]) + 1)
    for name, colour in (("Adam", "vermilion"), ("RAdam", "blue")):
        left.loglog(t, noise[name].mean(1), color=COLOURS[colour], label=name)
    left.axhline(theory.noise_median(np.inf), color=COLOURS["grey"], linestyle=":")
    left.annotate(
        "limit .155", (1.2, theory.noise_median(np.inf)), (0, -11), textcoords="offset points", fontsize=LABEL_SIZE
    )
    left.set(xlabel="step t", ylabel="median step / rate", xlim=(1, t[-1]), title="Gradients of pure noise")
    label_lines(left)
    shades = [COLOURS["sky"], COLOURS["blue"], "#00324f"]
    for product, path, shade in zip(products, paths["RAdam"], shades, strict=True):
        right.plot(path, color=shade, label=f"RAdam,\nηc = {product:g}")
    right.plot(paths["Adam"][0], color=COLOURS["vermilion"], label="Adam,\nany c")
    right.set_yscale("symlog", linthresh=1)
    right.set(xlabel="step t", ylabel="x, linear within ±1", xlim=(0, paths["RAdam"].shape[1] - 1), ylim=(-150, 150))
    right.set_title("Parabolas c x² / 2")
    label_lines(right)
    return fig


def post(audit: Audit) -> Any:
    """Draw each pair's difference, quoted and true, with its interval from sampling alone; below, the schedules."""
    fig, (axis, lower) = plt.subplots(2, 1, figsize=(6.8, 6.2), height_ratios=[3.9, 2.3])
    for k, pair in enumerate(audit.pairs):
        y = len(audit.pairs) - 1 - k
        difference, half = 100 * (pair.best[0] - pair.best[1]), 196 * pair.sampling
        decided = abs(difference) > half
        colour = COLOURS["vermilion" if decided and difference > 0 else "blue" if decided else "black"]
        axis.errorbar(difference, y, xerr=half, fmt="o", color=colour, markersize=4, capsize=2)
        quoted = 100 * (pair.quoted[0] - pair.quoted[1])
        axis.plot(quoted, y, marker="D", markerfacecolor="none", color=COLOURS["grey"], markersize=6, linestyle="")
    axis.axvline(0, color="black", linewidth=0.6)
    names = [f"{pair.data}, {pair.network}" for pair in audit.pairs]
    axis.set(yticks=range(len(names)), yticklabels=names[::-1], xlabel="Adam minus RAdam, percentage points")
    axis.plot([], [], "o", color=COLOURS["black"], markersize=4, label="accuracy, with 95% of sampling alone")
    axis.plot([], [], "D", markerfacecolor="none", color=COLOURS["grey"], label="quoted as accuracy: precision")
    axis.legend(loc="upper right", fontsize=LABEL_SIZE)
    _schedules(lower, audit)
    return fig


def _schedules(axis: Any, audit: Audit, beta2: float = 0.999) -> None:
    """Draw the rates that the post gave to its two optimisers on MNIST, against epochs."""
    schedule = audit.schedule("MNIST")
    t = np.unique(np.geomspace(1, schedule.steps, 600).round())
    epochs = t * audit.settings["epochs"] / schedule.steps
    rate, factor = audit.settings["learning_rate"], schedule(t).numpy()
    axis.plot(epochs, np.full(len(t), rate), color=COLOURS["vermilion"], label="Adam")
    axis.plot(epochs, rate * factor, color=COLOURS["blue"], label="RAdam")
    effective = rate * factor * rectification(t, beta2).numpy()
    axis.plot(epochs, np.where(effective > 0, effective, np.nan), color=COLOURS["blue"], linestyle=":", linewidth=1.2)
    axis.annotate("dotted: times $r_t$", (12, 1.5e-4), fontsize=LABEL_SIZE, color=ink("blue"))
    axis.set(yscale="log", xlabel="epoch", ylabel="learning rate", xlim=(0, epochs[-1]), ylim=(3e-6, 2e-3))
    label_lines(axis)


def rates(found: Comparison) -> Any:
    """Draw test accuracy against the rate for four rules, a panel for each schedule."""
    fig, axes = plt.subplots(1, 2, figsize=(7.8, 3.5), sharey=True)
    for axis, schedule, title in zip(axes, SCHEDULES, ("Constant rate", "The post's schedule"), strict=True):
        ends = {}
        for rule, name in NAMES.items():
            test = found.accuracy[rule][1, SCHEDULES.index(schedule)]
            ends[name] = band(axis, found.rates, test, COLOUR[rule]), COLOURS[COLOUR[rule]]
        axis.axvline(1e-3, color=COLOURS["grey"], linestyle=":", linewidth=1)
        axis.set(xscale="log", xlabel="learning rate", title=title, xlim=(found.rates[0], found.rates[-1]))
    axes[0].set(ylabel="test accuracy", ylim=(0.3, 1.0))
    axes[0].annotate("Adam", (0.2, 0.55), fontsize=LABEL_SIZE, color=ink(COLOUR["adam"]), ha="right")
    axes[0].annotate(
        "post's rate", (1e-3, 0.31), (3, 0), textcoords="offset points", fontsize=LABEL_SIZE, color=ink("grey")
    )
    label_ends(axes[1], ends)
    return fig


TITLES = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}


def images(found: Mapping[str, Comparison]) -> Any:
    """Draw test accuracy against a constant rate for four rules, a panel for each data set."""
    fig, axes = plt.subplots(1, len(found), figsize=(2.6 * len(found) + 1.2, 3.2), squeeze=False)
    for axis, (name, compared) in zip(axes[0], found.items(), strict=True):
        title = TITLES.get(name, name)
        ends, best = {}, 0.0
        for rule, label in NAMES.items():
            test = compared.accuracy[rule][1, SCHEDULES.index("constant")]
            ends[label] = band(axis, compared.rates, test, COLOUR[rule]), COLOURS[COLOUR[rule]]
            best = max(best, test.mean(1).max())
        axis.set(xscale="log", xlabel="learning rate", title=title, ylim=(best - 0.25, best + 0.02))
    axes[0, 0].set_ylabel("test accuracy")
    label_ends(axes[0, -1], {name: (max(y, axes[0, -1].get_ylim()[0]), colour) for name, (y, colour) in ends.items()})
    return fig
