"""Figures of the chapter momentum-federated-learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from descent.experiments.momentum_federated_learning.drift import speedup_factor
from descent.experiments.momentum_federated_learning.exact import drift_factor
from descent.experiments.momentum_federated_learning.identities import Gaps
from descent.experiments.momentum_federated_learning.runs import RACERS, VECTORS, OneStep, Race, bytes_sent
from descent.figures import COLOURS, LABEL_SIZE, band, ink, label_ends, label_lines

BY_GAMMA = {0.0: "black", 0.3: "green", 0.5: "blue", 0.7: "purple", 0.9: "vermilion"}
BY_METHOD = {"fedavg": "black", "mfl": "vermilion", "fedavgm": "blue", "scaffold": "green"}


def gap(found: Gaps, gammas: Sequence[float]) -> Any:
    """Draw distance and bound inside a round, from the last start, of the first deal."""
    fig, axis = plt.subplots(figsize=(6.4, 3.1))
    for k, gamma in enumerate(gammas):
        distance, bound = (part[-1, 2:, k, 0] for part in found)
        steps, colour = np.arange(2, len(distance) + 2), COLOURS[BY_GAMMA[gamma]]
        axis.semilogy(steps, bound, "--", color=colour, label=f"bound h, γ = {gamma:g}")
        axis.semilogy(steps, distance, color=colour, label=f"distance, γ = {gamma:g}")
    axis.set(xlabel="local steps since the round began", ylabel="distance of weights", xlim=(2, steps[-1]))
    label_lines(axis)
    return fig


def speed(runs: OneStep, gamma: float, skew: int, gammas: Sequence[float]) -> Any:
    """Draw losses at one step and at the matched one, and the exact factor against eta lambda."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2))
    lane = runs.gammas.index(gamma)
    rounds = np.arange(len(runs.losses["mfl"]))
    curves = {
        "FedAvg, step η": ("black", "-", runs.losses["fedavg"][:, 0, skew]),
        f"MFL, γ = {gamma:g},\nstep η": ("vermilion", "-", runs.losses["mfl"][:, lane, skew]),
        "FedAvg, step\nη/(1 − γ)": ("blue", "--", runs.losses["fedavg"][:, 1 + lane, skew]),
    }
    ends = {}
    for name, (colour, style, values) in curves.items():
        ends[name] = band(left, rounds, values, colour, linestyle=style), COLOURS[colour]
    left.set(xlabel="rounds", ylabel="loss", title="Momentum is a larger step …", xlim=(0, rounds[-1]))
    label_ends(left, ends)
    products = np.geomspace(1e-5, 0.3, 240)
    for g in gammas:
        colour = COLOURS[BY_GAMMA[g]]
        right.loglog(products, [speedup_factor(g, x) for x in products], color=colour)
        right.axvline((1 - g**0.5) ** 2, color=colour, linestyle=":", linewidth=1)
        place = 1.3e-5, 1 / (1 - g)
        below = (0, -13 if g == min(gammas) else 4)  # it would meet its neighbour
        right.annotate(f"γ = {g:g}", place, below, textcoords="offset points", color=ink(colour), fontsize=LABEL_SIZE)
    right.set(xlabel="ηλ", ylabel="steps of FedAvg worth one of MFL", title="… as long as ηλ is small")
    right.minorticks_off()
    right.set_yticks([0.5, 1, 2, 5, 10, 20], ["0.5", "1", "2", "5", "10", "20"])
    return fig


def drift(found: Mapping[tuple[float, int], np.ndarray]) -> Any:
    """Draw R against the steps in a round, with the measured ratios as dots."""
    fig, axis = plt.subplots(figsize=(6.4, 3.2))
    gammas = sorted({gamma for gamma, _ in found})
    taus = sorted({tau for _, tau in found})
    line = np.unique(np.geomspace(2, max(taus), 40).round().astype(int))
    for gamma in gammas:
        colour = COLOURS[BY_GAMMA[gamma]]
        axis.semilogx(line, [drift_factor(gamma, int(tau)) for tau in line], color=colour, label=f"γ = {gamma:g}")
        axis.semilogx(taus, [found[gamma, tau].mean() for tau in taus], "o", color=colour, markersize=5)
    axis.set(xlabel="τ, steps in a round", ylabel="bias, MFL over FedAvg", ylim=(0, 1.02), xlim=(1.9, max(taus) * 1.05))
    axis.minorticks_off()
    axis.set_xticks(taus, [str(tau) for tau in taus])
    label_lines(axis)
    return fig


def variants(runs: OneStep, least: np.ndarray, long: Mapping[str, OneStep]) -> Any:
    """Draw gaps of MFL and its variants against rounds; and what momentum adds to the loss with long rounds.

    Args:
        runs: of one loss, with variants.
        least: its min F, [seeds].
        long: loss -> its runs.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.1), width_ratios=(1.15, 1))
    rounds = np.arange(len(runs.losses["mfl"]))
    names = {
        "FedAvg": ("fedavg", 0, "black"),
        "unweighted": ("unweighted", 0, "purple"),
        "reset": ("reset", 0, "blue"),
        "local": ("local", 0, "green"),
        "averaged": ("mfl", -1, "vermilion"),
    }
    ends = {}
    for name, (key, lane, colour) in names.items():
        ends[name] = band(left, rounds, runs.losses[key][:, lane, -1] - least, colour, True), COLOURS[colour]
    left.set(xlabel="rounds", ylabel="gap, F − min F", yscale="log", xlim=(0, rounds[-1]))
    left.set_title(f"What becomes of momentum, γ = {runs.gammas[-1]:g}")
    label_ends(left, ends)
    titles = {"linear": "least squares", "logistic": "logistic", "svm": "SVM"}
    for (name, found), colour in zip(long.items(), ("black", "blue", "green"), strict=True):
        style = "--" if name == "svm" else "-"
        band(right, found.long_gammas, found.long - found.long[0], colour, label=titles[name], linestyle=style)
    right.axhline(0, color=COLOURS["grey"], linewidth=0.8)
    right.set(xlabel="γ", ylabel="last loss, minus FedAvg's", title="50 steps a round, η = 1", xlim=(0, 0.9))
    label_lines(right)
    return fig


def race(found: Race, numbers: int, clients: int) -> Any:
    """Draw the gap of four tuned methods against rounds and against bytes.

    Args:
        found: the race.
        numbers: weights of one client.
        clients: that send.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.6, 3.2), sharey=True)
    for axis, unit in zip(axes, ("rounds", "bytes"), strict=True):
        ends = {}
        for (name, trial), n in zip(found.trials(found.budget(unit)).items(), found.budget(unit).values(), strict=True):
            cost = bytes_sent(VECTORS[name], numbers, clients) / 1e3 if unit == "bytes" else 1.0
            gaps = np.maximum(found.gaps[name][: n + 1, trial.chosen], 1e-14)
            end = band(axis, cost * np.arange(n + 1), gaps, BY_METHOD[name], logarithmic=True)
            ends[RACERS[name]] = end, COLOURS[BY_METHOD[name]]
        axis.set_yscale("log")
        axis.set_xlim(0)
        label_ends(axis, ends)
    axes[0].set(xlabel="rounds", ylabel="gap, F − min F", title="At equal rounds")
    axes[1].set(xlabel="kB sent by and to all clients", title="At equal bytes")
    return fig


def best_gamma(gammas: Sequence[float], found: Mapping[float, tuple[np.ndarray, np.ndarray]], tau: int) -> Any:
    """Draw bias and speed against 1 - gamma at fixed effective steps, relative to FedAvg's.

    Args:
        gammas: the first is 0.
        found: eta beta / (1 - gamma) -> bias and rate of a round, each [gammas, deals].
        tau: steps in a round.
    """
    fig, axes = plt.subplots(1, 2, figsize=(7.6, 3.0))
    x = 1 - np.asarray(gammas)
    for (product, (biases, rates)), colour in zip(found.items(), ("blue", "vermilion"), strict=True):
        name = f"ηβ/(1 − γ)\n= {product:g}"
        axes[0].loglog(x, (biases / biases[0]).mean(1), color=COLOURS[colour], label=name)
        axes[1].semilogx(x, (np.log(rates) / np.log(rates[0])).mean(1), color=COLOURS[colour], label=name)
    axes[0].loglog(x, [drift_factor(g, tau) for g in gammas], ":", color=COLOURS["black"], label="R")
    axes[0].set(ylabel="bias over FedAvg's", title="Less bias …")
    axes[1].set(ylabel="speed over FedAvg's", title="… until rounds get slow", ylim=(0, None))
    for axis in axes:
        axis.set(xlabel="1 − γ", xlim=(1, x.min()))
        axis.minorticks_off()
        label_lines(axis)
    return fig
