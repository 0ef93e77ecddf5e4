"""What must hold to rounding, or always: one step a round, the round as a matrix, the bound of the average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from descent.experiments.momentum_federated_learning.data import as_one_client, one_of, quadratics, smoothness
from descent.experiments.momentum_federated_learning.exact import average_gap, round_map
from descent.problems.clients import Clients, Loss, clients_game
from descent.quiet import tf
from descent.rules import Rule, federated, momentum
from descent.simulate import Simulator
from descent.sweep import Sweep

LOSSES: tuple[Loss, ...] = ("linear", "logistic", "svm")


def tau_one(held: Clients, loss: Loss, decay: float, eta: float, gamma: float, steps: int) -> float:
    """Return how far rounds of one step are from momentum on all data at once, the largest number of all weights.

    Args:
        held: several deals.
        loss, decay: as in ``clients_game``.
        eta, gamma: step size and momentum.
        steps: of both.
    """
    clients, deals, d = held.y.shape[0], held.y.shape[1], held.x.shape[-1]

    def path(data: Clients, rule: Rule) -> np.ndarray:
        run = Simulator(clients_game(data, loss, decay), rule, record=lambda w, state, game: w[0], every=1)
        return run.run(data.start(), steps).records

    rounds = path(held, federated(momentum(eta, gamma), 1, weights=held.weights))
    central = path(as_one_client(held), momentum(eta, gamma))
    assert rounds.shape == (steps + 1, clients, deals, d)
    return float(np.abs(rounds - central).max())


def map_errors(
    held: Clients, decay: float, eta: float, gammas: Sequence[float], taus: Sequence[int], steps: int
) -> np.ndarray:
    """Return the largest difference of simulated rounds of least squares from ``round_map``'s, shape [deals].

    Args:
        held: several deals.
        decay, eta: penalty and step size.
        gammas, taus: all pairs are simulated.
        steps: of each, a multiple of every tau.
    """
    pairs = [(gamma, tau) for gamma in gammas for tau in taus]
    sweep = Sweep(
        clients_game(held, "linear", decay),
        {"mfl": lambda h: federated(momentum(eta, h[0]), h[1], weights=held.weights)},
        lambda params, state, game: params[0][0],
        every=max(taus),
    )
    hypers = tf.constant([g for g, _ in pairs], tf.float64), tf.constant([t for _, t in pairs])
    starts = tuple(tf.repeat(w[None], len(pairs), 0) for w in held.start())
    found = sweep.run(hypers, starts, steps // max(taus) + 1)["mfl"].numpy()
    errors = np.zeros(held.y.shape[1])
    for k in range(len(errors)):
        hessians, slopes, p = quadratics(one_of(held, k), decay)
        for lane, (gamma, tau) in enumerate(pairs):
            one = round_map(hessians, slopes, p, eta, gamma, tau)
            z = np.zeros(len(one.shift))
            for seen in found[:, lane, k]:
                errors[k] = max(errors[k], np.abs(seen - z[: len(seen)]).max())
                for _ in range(max(taus) // tau):
                    z = one.matrix @ z + one.shift
    return errors


class Gaps(NamedTuple):
    """How far the clients' average is from central momentum, and the bound; [starts, horizon + 1, gammas, deals]."""

    distance: np.ndarray
    bound: np.ndarray


def gaps(
    held: Clients,
    loss: Loss,
    decay: float,
    eta: float,
    gammas: Sequence[float],
    rounds: Sequence[int],
    horizon: int,
) -> Gaps:
    """Let the clients alone after some rounds of four steps; follow their average beside central momentum.

    The bound's delta is the largest that is met on central momentum's path, client by client, and its beta the largest
    smoothness of a client.

    Args:
        held: several deals.
        loss, decay, eta: as above.
        gammas: all are simulated, side by side.
        rounds: made before, growing.
        horizon: steps alone.
    """
    deals, beta = held.y.shape[1], smoothness(held, loss, decay)
    many = Clients(*(np.concatenate([leaf] * len(gammas), 1) for leaf in held))  # gammas x deals
    game, p = clients_game(many, loss, decay), np.array(many.weights)
    rule = momentum(eta, tf.constant(np.repeat(gammas, deals)[:, None]))
    before = Simulator(game, federated(rule, 4, weights=many.weights), every=4)

    def watched(rule: Rule) -> Simulator:
        return Simulator(game, rule, record=lambda w, state, game: (w[0], game.gradient(w)[0]))

    alone, central = watched(rule), watched(federated(rule, 1, weights=many.weights))
    start, found = before.run(many.start(), 0), []
    for count in rounds:
        start = before.resume(start, 4 * count - start.steps)
        apart, _ = alone.resume(replace(start, state=start.state.clients), horizon).records
        path, gradients = central.resume(start, horizon).records
        distance = np.linalg.norm((p[..., None] * apart).sum(1) - path[:, 0], axis=-1)
        whole = (p[..., None] * gradients).sum(1, keepdims=True)
        deltas = (p * np.linalg.norm(gradients - whole, axis=-1)[:horizon].max(0)).sum(0).reshape(-1, deals)
        bound = [
            [average_gap(horizon, eta, b, gamma, d) for b, d in zip(beta, row, strict=True)]
            for gamma, row in zip(gammas, deltas, strict=True)
        ]
        found.append((distance.reshape(horizon + 1, len(gammas), deals), np.moveaxis(np.array(bound), 2, 0)))
    return Gaps(*(np.array(part) for part in zip(*found, strict=True)))


def gap_ratios(found: Sequence[Gaps]) -> tuple[float, float]:
    """Return the largest ratio of distance to bound from the second step on, and the largest distance at the first."""
    ratio = max(float((one.distance[:, 2:] / one.bound[:, 2:]).max()) for one in found)
    return ratio, max(float(one.distance[:, 1].max()) for one in found)
