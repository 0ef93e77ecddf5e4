"""The chapter's figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

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
