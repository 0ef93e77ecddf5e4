"""The chapter's figures, drawn from what its experiments return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from scipy import stats

from descent.experiments.independent_subnets import wire
from descent.experiments.independent_subnets.baseline import STEPS
from descent.experiments.independent_subnets.digits import Runs, Task
from descent.figures import COLOURS, band, label_ends, label_lines

STYLE = {
    "ist": ("IST, × n", "blue"),
    "norm": ("IST, batch norm", "sky"),
    "local": ("local SGD", "vermilion"),
    "dropout": ("dropout", "green"),
    "sgd": ("SGD", "black"),
    "data": ("data-parallel", "black"),
}


def partitions(units: int, n: int, seed: int) -> Any:
    """Draw who holds which weight of a square layer in three rounds."""
    figure, axes = plt.subplots(1, 3, figsize=(6.6, 2.6))
    draw = np.random.default_rng(seed)
    colours = ListedColormap(["white", *(COLOURS[c] for c in ("blue", "orange", "green", "vermilion")[:n])])
    for number, axis in enumerate(axes, 1):
        rows, columns = (draw.permutation(units) * n // units for _ in range(2))
        owner = np.where(rows[:, None] == columns[None, :], rows[:, None] + 1, 0)
        axis.imshow(owner, cmap=colours, vmin=0, vmax=n, interpolation="nearest")
        axis.set(title=f"round {number}", xticks=[], yticks=[], xlabel="units of layer 2")
    axes[0].set_ylabel("units of layer 1")
    return figure


def floors(curves: Mapping[str, np.ndarray], workers: Sequence[int], widths: Sequence[int]) -> Any:
    """Draw the error floor against width and against local steps."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.0, 3.0), sharey=True)
    for n, colour, by_width, by_length in zip(
        workers, ("sky", "blue", "purple"), curves["widths"], curves["rounds"], strict=True
    ):
        left.loglog(widths, by_width, "o-", markersize=4, color=COLOURS[colour])
        right.loglog(curves["lengths"], by_length, "o-", markersize=4, color=COLOURS[colour], label=f"n = {n}")
    left.set(xlabel="width (units)", ylabel="floor, over the loss at 0", title="Width lowers the floor")
    right.set(xlabel="local steps a round, J", title="So do local steps; workers raise it")
    left.set_xticks(widths, [str(d) for d in widths])
    left.minorticks_off()
    label_lines(right)
    return figure


def accuracy(runs: Mapping[tuple[str, int], Runs], workers: Sequence[int], every: Sequence[int], number: int) -> Any:
    """Draw final test accuracies against n, at one J, and against J, at the middle n; 95% intervals over seeds."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 3.2), sharey=True)
    ends = {}
    middle = workers[len(workers) // 2]
    for method in ("ist", "norm", "local", "dropout"):
        label, colour = STYLE[method]
        finals = np.array([runs[method, n].final(0 if method == "dropout" else number) for n in workers])
        _points(left, range(len(workers)), finals, colour)
        own = runs[method, middle]
        by_j = np.array([own.final(0 if method == "dropout" else k) for k in range(len(every))])
        _points(right, range(len(every)), by_j, colour)
        ends[label] = float(by_j[-1].mean()), COLOURS[colour]
    sgd = float(runs["sgd", 1].final(0).mean())
    for axis in (left, right):
        axis.axhline(sgd, color="black", linestyle="--", linewidth=1)
    left.set_xticks(range(len(workers)), [str(n) for n in workers])
    right.set_xticks(range(len(every)), [str(j) for j in every])
    left.set(xlabel="workers, n", ylabel="test accuracy", title=f"J = {every[number]}")
    right.set(xlabel="local steps a round, J", title=f"n = {middle}")
    label_ends(right, ends | {"SGD": (sgd, "black")})
    return figure


def _points(axis: Any, x: Any, values: np.ndarray, colour: str) -> None:
    seeds = values.shape[1]
    half = stats.t.ppf(0.975, seeds - 1) * values.std(1, ddof=1) / np.sqrt(seeds) if seeds > 1 else 0 * values[:, 0]
    axis.errorbar(x, values.mean(1), half, marker="o", markersize=4, capsize=2, color=COLOURS[colour])


def costs(task: Task, runs: Mapping[tuple[str, int], Runs], n: int, every: int, number: int) -> Any:
    """Draw test accuracy against floats sent, multiply-adds of a worker, and simulated time."""
    figure, axes = plt.subplots(1, 3, figsize=(7.6, 3.0), sharey=True)
    each, ends = task.examples // n, {}
    for method in ("ist", "norm", "local", "data"):
        label, colour = STYLE[method]
        own = runs["sgd", 1] if method == "data" else runs[method, n]
        curve = own.curve(0 if method == "data" else number)[1:]
        kind = "ist" if method == "norm" else method
        steps = own.steps[1:]
        sent = steps / (1 if method == "data" else every) * wire.floats_of_round(kind, task.sizes, n)
        adds = steps * wire.multiply_adds(kind, task.sizes, n, each)
        time = [1e3 * wire.seconds(kind, task.sizes, n, each, int(t), every) for t in steps]
        for axis, x in zip(axes, (sent, adds, time), strict=True):
            ends[label] = band(axis, x, curve, colour), COLOURS[colour]
    for axis, name in zip(axes, ("floats sent", "multiply-adds of a worker", "simulated time (ms)"), strict=True):
        axis.set(xscale="log", xlabel=name)
    axes[0].set(ylabel="test accuracy", ylim=(0.7, 1.0))
    label_ends(axes[-1], ends)
    return figure


def gains(found: Mapping[str, np.ndarray]) -> Any:
    """Draw IST minus local SGD, in points, as local SGD is tuned step by step: one dot a seed, bars at means."""
    figure, axis = plt.subplots(figsize=(6.6, 2.6))
    for k, step in enumerate(STEPS):
        gain = 100 * (found[f"{step}.ist"] - found[f"{step}.local"])
        axis.plot(gain, np.full(len(gain), -k), "o", color=COLOURS["blue"], alpha=0.6, markersize=5)
        axis.plot(gain.mean(), -k, "|", color=COLOURS["blue"], markersize=18, markeredgewidth=2)
    axis.axvline(0, color=COLOURS["grey"], linewidth=0.8)
    axis.set_yticks(-np.arange(len(STEPS)), list(STEPS.values()))
    axis.set(xlabel="IST minus local SGD, points of test accuracy", ylim=(0.5 - len(STEPS), 0.5))
    return figure
