"""What must hold to rounding, or always: one step a round, the round as a matrix, the bound of the average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from descent.experiments.momentum_federated_learning.data import as_one_client, one_of, quadratics, smoothness
from descent.experiments.momentum_federated_learning.exact import average_gap, round_map
from descent.problems.clients import Clients, Loss, clients_game
from descent.quiet import tf
from descent.rules import federated, momentum
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

    def path(data: Clients, rule: object) -> np.ndarray:
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


def gaps(
    held: Clients, loss: Loss, decay: float, eta: float, gamma: float, rounds: int, horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """Let the clients alone after some rounds of four steps; follow their average beside central momentum.

    Args:
        held: several deals.
        loss, decay, eta, gamma: as above.
        rounds: made before.
        horizon: steps alone, for which bound and gap are computed.

    Returns:
        |average - central| and its bound h, shapes [horizon + 1, deals]. The bound's delta is the largest that is met
        on central momentum's path, client by client, and its beta the largest smoothness of a client.
    """
    game, p = clients_game(held, loss, decay), np.array(held.weights)
    start = Simulator(game, federated(momentum(eta, gamma), 4, weights=held.weights)).run(held.start(), 4 * rounds)

    def path(rule: object, state: object) -> tuple[np.ndarray, np.ndarray]:
        run = Simulator(game, rule, record=lambda w, state, game: (w[0], game.gradient(w)[0]))
        return run.resume(replace(start, state=state), horizon).records

    alone, _ = path(momentum(eta, gamma), start.state.clients)
    central, gradients = path(federated(momentum(eta, gamma), 1, weights=held.weights), start.state)
    gap = np.linalg.norm((p[..., None] * alone).sum(1) - central[:, 0], axis=-1)
    whole = (p[..., None] * gradients).sum(1, keepdims=True)
    deltas = np.linalg.norm(gradients - whole, axis=-1)[:horizon].max(0)
    beta, delta = smoothness(held, loss, decay), (p * deltas).sum(0)
    bound = [average_gap(horizon, eta, b, gamma, d) for b, d in zip(beta, delta, strict=True)]
    return gap, np.array(bound).T


def gap_ratios(
    held: Clients, decay: float, eta: float, gammas: Sequence[float], rounds: Sequence[int], horizon: int
) -> tuple[np.ndarray, float]:
    """Return the largest ratio of gap to bound from the second step on, [deals], and the largest gap at the first."""
    worst, first = np.zeros(held.y.shape[1]), 0.0
    for loss in LOSSES:
        for gamma in gammas:
            for before in rounds:
                gap, bound = gaps(held, loss, decay, eta, gamma, before, horizon)
                worst = np.maximum(worst, (gap[2:] / bound[2:]).max(0))
                first = max(first, float(gap[1].max()))
    return worst, first
