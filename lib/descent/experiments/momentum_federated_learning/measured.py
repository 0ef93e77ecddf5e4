"""What the chapter's claims ask for, experiment by experiment: key -> number, or one number a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent.experiments.momentum_federated_learning import beyond, drift, identities
from descent.experiments.momentum_federated_learning.data import deals
from descent.experiments.momentum_federated_learning.exact import average_gap, average_gap_formula, drift_factor
from descent.experiments.momentum_federated_learning.identities import LOSSES, Gaps
from descent.experiments.momentum_federated_learning.runs import OneStep, Race, Study
from descent.problems.clients import clients_in_turn
from descent.randomness import nth_seed

BOUND_GAMMAS, STARTS = (0.3, 0.5, 0.9), (0, 5, 25)


def of_identities(
    images: int, seeds: Sequence[int], decay: float, eta: float, horizon: int
) -> tuple[dict[str, float], Gaps]:
    """Return one step a round, the bound, and the round as a matrix; and the distances of logistic regression."""
    both, by_label = (deals("digits", images, skews, seeds) for skews in (("iid", "label"), ("label",)))
    measured = {f"tau_one.{loss}": identities.tau_one(both, loss, decay, 0.1, 0.9, 100) for loss in LOSSES}
    found = {loss: identities.gaps(by_label, loss, decay, eta, BOUND_GAMMAS, STARTS, horizon) for loss in LOSSES}
    measured["gap.largest"], measured["gap.first"] = identities.gap_ratios([*found.values()])
    h, formula = average_gap(horizon, eta, 0.9, 0.9, 1.0), average_gap_formula(np.arange(horizon + 1), eta, 0.9, 0.9, 1)
    measured["gap.formula"] = float(abs(h - formula).max() / h.max())
    measured["round_map.error"] = float(
        identities.map_errors(by_label, decay, 0.1, (0.3, 0.5, 0.9), (1, 4, 16), 64).max()
    )
    return measured, found["logistic"]


def of_speed(one_step: dict[str, OneStep], gammas: Sequence[float]) -> dict[str, Any]:
    """Return factors and matched steps of all losses, and where the factor ends on one axis of curvature."""
    measured: dict[str, Any] = {}
    for loss, runs in one_step.items():
        measured |= runs.measurements(loss)  # type: ignore[arg-type]
        measured[f"large_step.{loss}"] = runs.long[-1] - runs.long[0]
    tenth = [drift.speedup_factor(g, (1 - g**0.5) ** 2 / 10) * (1 - g) for g in gammas]
    return measured | {
        "limit.tenth": max(tenth, key=lambda factor: abs(factor - 1)),
        "limit.large": drift.speedup_factor(0.9, 0.1),
    }


def of_drift(ratios: dict[tuple[float, int], np.ndarray], logistic: np.ndarray) -> dict[str, np.ndarray]:
    """Return how far measured ratios of biases are from R."""
    return {
        "drift.error_4": drift.drift_errors(ratios, (2, 4)),
        "drift.error_16": drift.drift_errors(ratios, (8, 16)),
        "drift.logistic": logistic / drift_factor(0.9, 4) - 1,
    }


def of_best_gamma(small: tuple[np.ndarray, np.ndarray], large: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    """Return how the bias falls with gamma at a small effective step, and what speed is left at a large one."""
    (biases, _), (_, rates) = small, large
    speeds = (np.log(rates) / np.log(rates[0])).mean(1)
    return {
        "best_gamma.rises": float((np.diff(biases, axis=0) > 0).sum()),
        "best_gamma.last": float((biases[-1] / biases[0]).max()),
        "best_gamma.speed_last": float(speeds[-1]),
        "best_gamma.speed_most": float(speeds.max()),
    }


def of_noise(images: int, seed: int, seeds: int, decay: float, product: float, rounds: int) -> dict[str, np.ndarray]:
    """Return ratios of mean biases with minibatches and with clients drawn at random; and with clients in turn.

    Args:
        images: a multiple of eight.
        seed: gives the one deal with noise, and twice as many runs as ``seeds``; and as many deals for turns.
        seeds: how many.
        decay, product: as in ``drift``.
        rounds: with drawn clients; a quarter with minibatches.
    """
    noise: dict[str, Any] = {
        "held": beyond.equal_deal("digits", images, seed),
        "decay": decay,
        "product": product,
        "gamma": 0.9,
        "tau": 16,
        "seeds": [nth_seed(seed, k) for k in range(2 * seeds)],
    }
    groups, equal = (
        clients_in_turn(beyond.CLIENTS, 2),
        [beyond.equal_deal("digits", images, one) for one in noise["seeds"]],
    )
    turns = np.array([drift.ratio_in_turn(held, decay, product, 0.9, 4, groups) for held in equal])
    return {
        "noise.minibatch": beyond.relative_ratios(**noise, rounds=rounds // 4, batch=10),
        "noise.sampled": beyond.relative_ratios(**noise, rounds=rounds, taking_part=2),
        "turns.ratio": turns,
        "turns.departure": abs(turns / drift_factor(0.9, 4) - 1),
    }


def of_images(study: Study, race_steps: int, eta: float, etas: np.ndarray) -> dict[str, Any]:
    """Return the runs at one step and the race on another data set; each loss and method is kept once it is done."""
    measured: dict[str, Any] = {}
    for loss in LOSSES:
        measured |= OneStep.make(study, loss, eta, (0.5, 0.9)).measurements(loss, f"{study.dataset}.")
    return measured | Race.make(study.of(race_steps), "logistic", etas, 0.9).measurements(f"{study.dataset}.")
