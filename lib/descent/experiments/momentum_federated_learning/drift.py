"""The bias that unlike clients leave, and what momentum makes of it: exact on least squares, simulated on others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from descent.experiments.momentum_federated_learning.data import as_one_client, one_of, quadratics, smoothness
from descent.experiments.momentum_federated_learning.exact import Round, drift_factor, round_map
from descent.problems.clients import Clients, Loss, client_losses, clients_game
from descent.quiet import tf
from descent.rules import federated, momentum
from descent.sweep import Sweep


def least_squares_bias(held: Clients, decay: float, effective: float, gamma: float, tau: int) -> float:
    """Return |grad F| where rounds of least squares end, with the step (1 - gamma) x effective.

    Args:
        held: one deal.
        decay: of the penalty.
        effective: eta / (1 - gamma).
        gamma, tau: momentum, and steps in a round.
    """
    hessians, slopes, p = quadratics(held, decay)
    found = round_map(hessians, slopes, p, (1 - gamma) * effective, gamma, tau)
    return common_gradient(hessians, slopes, p, found.fixed_point)


def common_gradient(hessians: np.ndarray, slopes: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    """Return |grad F(w)| of the quadratics' weighted sum."""
    return float(np.linalg.norm(np.tensordot(p, hessians, 1) @ w - p @ slopes))


def ratios(
    held: Clients, decay: float, product: float, gammas: Sequence[float], taus: Sequence[int]
) -> dict[tuple[float, int], np.ndarray]:
    """Return (gamma, tau) -> MFL's bias over FedAvg's, shape [deals]; eta / (1 - gamma) is product / beta for both."""
    found: dict[tuple[float, int], list[float]] = {(gamma, tau): [] for gamma in gammas for tau in taus}
    for k, beta in enumerate(smoothness(held, "linear", decay)):
        one = one_of(held, k)
        plain = {tau: least_squares_bias(one, decay, product / beta, 0.0, tau) for tau in taus}
        for (gamma, tau), values in found.items():
            values.append(least_squares_bias(one, decay, product / beta, gamma, tau) / plain[tau])
    return {pair: np.array(values) for pair, values in found.items()}


def drift_errors(found: dict[tuple[float, int], np.ndarray], taus: Sequence[int]) -> np.ndarray:
    """Return the largest |ratio / R - 1| over all gamma and these tau, shape [deals]."""
    errors = [np.abs(ratio / drift_factor(*pair) - 1) for pair, ratio in found.items() if pair[1] in taus]
    return np.max(errors, 0)


def minimisers(held: Clients, loss: Loss, decay: float) -> np.ndarray:
    """Return where F is least in each deal, by L-BFGS, shape [deals, d]."""

    @tf.function(autograph=False)
    def value(w: tf.Tensor, everything: Clients) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(w)
            common = client_losses(w[None], everything, loss, decay)[0]
        return common, tape.gradient(common, w)

    whole, found = as_one_client(held), []
    for k in range(held.y.shape[1]):
        data = Clients(*(tf.constant(leaf) for leaf in one_of(whole, k)))
        best = minimize(
            lambda w, data=data: [part.numpy() for part in value(tf.constant(w), data)],
            np.zeros(held.x.shape[-1]),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 5000, "maxfun": 10_000, "ftol": 1e-16, "gtol": 1e-10, "maxcor": 30},
        )
        found.append(best.x)
    return np.array(found)


def simulated_ratio(
    held: Clients, loss: Loss, decay: float, product: float, gamma: float, tau: int, forget: float
) -> np.ndarray:
    """Return MFL's bias over FedAvg's at the matched step by simulation from the optimum, shape [deals].

    Args:
        held: several deals.
        loss, decay: as in ``clients_game``.
        product: eta beta / (1 - gamma), with the largest beta of all deals.
        gamma, tau: momentum, and steps in a round.
        forget: what the slowest direction keeps of its start, at most: it gives the number of steps.
    """
    effective = product / float(smoothness(held, loss, decay).max())
    rounds = int(np.ceil(-np.log(forget) / (effective * decay) / tau))
    best = minimisers(held, loss, decay)
    p = tf.constant(held.weights, tf.float64)

    def bias(params: tuple[tf.Tensor, ...], state: object, game: object) -> tf.Tensor:
        common = clients_game(held, loss, decay).gradient(params)[0]
        return tf.norm(tf.reduce_sum(p[..., None] * common, 0), axis=-1)

    sweep = Sweep(
        clients_game(held, loss, decay),
        {"mfl": lambda g: federated(momentum((1 - g) * effective, g), tau, weights=held.weights)},
        bias,
        every=rounds * tau,
    )
    start = tf.constant(np.broadcast_to(best, (2, len(held.y), *best.shape)))
    found = sweep.run(tf.constant([gamma, 0.0], tf.float64), (start,), 2)["mfl"].numpy()[-1]
    return found[0] / found[1]


def bias_against_gamma(
    held: Clients, decay: float, product: float, gammas: Sequence[float], tau: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return bias and rate of least squares at one effective step, product / beta, for each gamma and deal.

    Returns:
        |grad F| where rounds end, and what a round leaves of the distance in the end; shapes [gammas, deals].
    """
    biases, rates = [], []
    for k, beta in enumerate(smoothness(held, "linear", decay)):
        hessians, slopes, p = quadratics(one_of(held, k), decay)
        maps = [round_map(hessians, slopes, p, (1 - g) * product / beta, g, tau) for g in gammas]
        biases.append([common_gradient(hessians, slopes, p, one.fixed_point) for one in maps])
        rates.append([one.rate for one in maps])
    return np.array(biases).T, np.array(rates).T


def in_turn(maps: Sequence[Round]) -> Round:
    """Return the affine map of rounds made one after another, the first one first."""
    matrix, shift = np.eye(len(maps[0].shift)), np.zeros(len(maps[0].shift))
    for one in maps:
        matrix, shift = one.matrix @ matrix, one.matrix @ shift + one.shift
    return Round(matrix, shift)


def ratio_in_turn(held: Clients, decay: float, product: float, gamma: float, tau: int, groups: np.ndarray) -> float:
    """Return MFL's bias over FedAvg's at the matched step if groups of clients take turns, at the end of a cycle.

    Args:
        held: one deal.
        decay, product, gamma, tau: as above.
        groups: who takes part in which round of a cycle, [rounds, clients] of 0 and 1.
    """
    hessians, slopes, p = quadratics(held, decay)
    effective = product / float(smoothness(held, "linear", decay))

    def bias(gamma: float) -> float:
        maps = []
        for here in groups > 0:
            own = p[here] / p[here].sum()
            maps.append(round_map(hessians[here], slopes[here], own, (1 - gamma) * effective, gamma, tau))
        return common_gradient(hessians, slopes, p, in_turn(maps).fixed_point)

    return bias(gamma) / bias(0.0)


def speedup_factor(gamma: float, product: float) -> float:
    """Return ln rho / ln(1 - eta lambda): how many steps without momentum one with it is worth, in the end.

    Args:
        gamma: momentum; rho is the larger root of z^2 - (1 + gamma - eta lambda) z + gamma.
        product: eta lambda.
    """
    rho = np.abs(np.roots([1, -(1 + gamma - product), gamma])).max()
    return float(np.log(rho) / np.log(1 - product))
