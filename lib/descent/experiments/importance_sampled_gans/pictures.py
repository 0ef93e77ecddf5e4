"""The chapter's figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from descent.experiments.importance_sampled_gans.image_study import ImageStudy
from descent.experiments.importance_sampled_gans.measured import Gains, Run
from descent.figures import COLOURS, band, label_lines

STYLE = {
    "uniform": ("from p", "black"),
    "fis": ("FIS, Jacobian", "vermilion"),
    "fis_unweighted": ("FIS, no weights", "orange"),
    "theta": ("FIS, gradient", "blue"),
    "defensive": ("half from p", "sky"),
    "top": ("top half", "green"),
    "reject": ("high rejected", "purple"),
}


def gains(steps: np.ndarray, found: Mapping[str, np.ndarray]) -> Any:
    """Draw the ceiling over the training, and what exact scores and flows gain; values are [records, lanes]."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2), sharey=True)
    for axis, names in ((left, ("ceiling", "latent", "jacobian")), (right, ("ceiling", "theta", "defensive", "fis"))):
        for name in names:
            label, colour = {
                "ceiling": ("ceiling\n1 + CV²", "black"),
                "latent": ("∂loss/∂z", "green"),
                "jacobian": ("∂G/∂z", "vermilion"),
            }.get(name) or STYLE[name]
            band(axis, steps, found[name], colour, logarithmic=True, label=label)
        axis.axhline(1, color=COLOURS["grey"], linewidth=0.8, linestyle="--")
        axis.set(xlabel="step", yscale="log")
        axis.set_yticks([0.25, 0.5, 1, 2], ["¼", "½", "1", "2"])
        axis.minorticks_off()
    left.set(ylabel="gain in the second moment", title="Sampled exactly by a score")
    right.set_title("By a flow fitted on the way")
    label_lines(left)
    label_lines(right)
    return figure


def curves(steps: np.ndarray, good: Mapping[str, np.ndarray], level: float) -> Any:
    """Draw the share of samples near modes against steps, [records, seeds] for each arm."""
    figure, axis = plt.subplots(figsize=(6.6, 3.8))
    for name, values in good.items():
        label, colour = STYLE[name]
        if name in ("uniform", "fis", "top"):
            band(axis, steps, values, colour, label=label)
        else:
            axis.plot(steps, values.mean(1), color=COLOURS[colour], label=label)
    axis.axhline(level, color=COLOURS["grey"], linewidth=0.8, linestyle="--")
    axis.set(xlabel="step", ylabel="samples within 3 standard deviations", ylim=(0, 1))
    axis.yaxis.set_major_formatter("{x:.0%}")
    label_lines(axis)
    return figure


def plane_of(gains: Gains, runs: Mapping[str, Run], lane: int) -> Any:
    """Draw, over the latent plane of one lane after training, p|g| and the laws of two flows."""
    side = round(len(gains.p) ** 0.5)
    panels = {}
    theta = runs["theta"]
    scores = gains._scores(theta.at(-1)[:2])
    panels["wanted: p |∂loss/∂θ|"] = gains.p * scores.theta[lane].numpy()
    panels["flow fitted to it"] = gains.q(theta, theta.at(-1))[lane]
    fis = runs["fis"]
    panels["wanted by FIS: p |∂G/∂z|"] = gains.p * gains._scores(fis.at(-1)[:2]).jacobian[lane].numpy()
    panels["flow fitted to it "] = gains.q(fis, fis.at(-1))[lane]
    figure, axes = plt.subplots(1, 4, figsize=(7.6, 2.4))
    for axis, (title, law) in zip(axes, panels.items(), strict=True):
        axis.imshow(
            (law / law.sum()).reshape(side, side), origin="lower", extent=(-4.5, 4.5, -4.5, 4.5), cmap="cividis"
        )
        axis.set(title=title, xlim=(-3, 3), ylim=(-3, 3), xticks=[-2, 0, 2], yticks=[-2, 0, 2])
        axis.title.set_fontsize(9)
        axis.set_xlabel("$z_1$")
    axes[0].set_ylabel("$z_2$")
    return figure


def images(studies: Mapping[str, ImageStudy]) -> Any:
    """Draw gains and Frechet distances over the training, a row for each data set."""
    figure, axes = plt.subplots(len(studies), 2, figsize=(7.6, 3.3 * len(studies)), squeeze=False)
    for (left, right), (name, study) in zip(axes, studies.items(), strict=True):
        found = study.curves()
        for key in ("ceiling", "theta", "defensive", "fis"):
            label, colour = ("ceiling", "black") if key == "ceiling" else STYLE[key]
            band(left, study.steps[::2], found[key], colour, logarithmic=True, label=label)
        left.axhline(1, color=COLOURS["grey"], linewidth=0.8, linestyle="--")
        left.set(yscale="log", xlabel="step", ylabel="gain in the second moment", title=TITLES[name])
        left.set_yticks([0.25, 0.5, 0.7, 1, 1.4, 2, 4], ["0.25", "0.5", "0.7", "1", "1.4", "2", "4"])
        left.minorticks_off()
        left.autoscale(axis="y")
        low, high = left.get_ylim()
        left.set_ylim(max(low, 0.35), min(high, 4.0))  # the weights of a single record can span many decades
        for arm, values in study.frechet().items():
            label, colour = STYLE[arm]
            if arm in ("uniform", "fis", "top"):
                band(right, study.steps, values, colour, logarithmic=True, label=label)
            else:
                right.plot(study.steps, np.exp(np.log(values).mean(1)), color=COLOURS[colour], label=label)
        right.axhline(study.start / study.level, color=COLOURS["grey"], linewidth=0.8, linestyle="--")
        right.set(yscale="log", xlabel="step", ylabel="Fréchet distance")
        ticks = [t for t in (10, 20, 50, 100, 200, 500) if t < 2 * study.start]
        right.set_yticks(ticks, [f"{t}" for t in ticks])
        right.minorticks_off()
        label_lines(left)
        label_lines(right)
    return figure


def samples(studies: Mapping[str, ImageStudy], arms: tuple[str, ...] = ("uniform", "fis", "theta", "top")) -> Any:
    """Draw the last samples of some arms, one seed: a panel for each arm and data set, ten samples each."""
    figure, axes = plt.subplots(len(studies), len(arms), figsize=(7.6, 0.85 * len(studies) + 0.3), squeeze=False)
    for row, study in zip(axes, studies.values(), strict=True):
        height, width, _ = study.data.images.shape
        for axis, arm in zip(row, arms, strict=True):
            shown = study.kept[arm]["shown"][..., 0].reshape(2, -1, height, width)
            axis.imshow(shown.transpose(0, 2, 1, 3).reshape(2 * height, -1), cmap="cividis", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
    for axis, arm in zip(axes[0], arms, strict=True):
        axis.set_title(STYLE[arm][0], fontsize=9)
    return figure


TITLES = {"digits": "Digits", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
