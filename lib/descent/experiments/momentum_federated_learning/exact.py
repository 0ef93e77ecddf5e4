"""What can be known of momentum federated learning without a run: bound, drift factor, and the round as a matrix.

The client's step is d <- gamma d + grad F_i(w), w <- w - eta d; a round has tau of them, then w and d are averaged.
"""

from typing import NamedTuple

import numpy as np


def drift_factor(gamma: float, tau: int) -> float:
    """Return R: the bias of MFL over that of FedAvg at the matched step eta / (1 - gamma), to first order in eta.

    Both biases are eta / (1 - gamma) K sum_i p_i H_i grad F_i: with momentum K is the mean over s < tau of
    s - gamma (1 - gamma^s) / (1 - gamma), without it (tau - 1) / 2.

    Args:
        gamma: 0 <= gamma < 1.
        tau: steps in a round, at least 2: one step has no bias, and no ratio.
    """
    if tau < 2:
        raise ValueError(
            f"the ratio of biases wants two steps in a round or more, got {tau}: with one there is no bias"
        )
    s = np.arange(tau)
    return float(2 * np.mean(s - gamma * (1 - gamma**s) / (1 - gamma)) / (tau - 1))


def average_gap(x: int, eta: float, beta: float, gamma: float, delta: float) -> np.ndarray:
    """Return h(0), ..., h(x): how far the clients' average may be from central momentum after so many local steps.

    G_{x+1} = (1 + gamma + eta beta) G_x - gamma G_{x-1} + eta delta bounds one client's distance from it, and

        h_x = G_x - eta delta / (1 - gamma) [x - gamma (1 - gamma^x) / (1 - gamma)]

    the average's, for there the first-order parts cancel: h(0) = h(1) = 0.

    Args:
        x: local steps.
        eta: step size.
        beta: of the clients' smoothness, the largest.
        gamma: momentum.
        delta: sum_i p_i delta_i, with delta_i at least |grad F_i - grad F| along the central path.
    """
    gaps = [0.0, eta * delta]
    for _ in range(x - 1):
        gaps.append((1 + gamma + eta * beta) * gaps[-1] - gamma * gaps[-2] + eta * delta)
    k = np.arange(x + 1)
    return np.array(gaps[: x + 1]) - eta * delta / (1 - gamma) * (k - gamma * (1 - gamma**k) / (1 - gamma))


def average_gap_formula(x: np.ndarray, eta: float, beta: float, gamma: float, delta: float) -> np.ndarray:
    """Return the same h(x) by its closed form, for 0 < gamma < 1."""
    x, trace = np.asarray(x), 1 + gamma + eta * beta
    root = np.sqrt(trace**2 - 4 * gamma)
    a, b = (trace + root) / (2 * gamma), (trace - root) / (2 * gamma)
    e, f = a / ((a - b) * (gamma * a - 1)), b / ((a - b) * (1 - gamma * b))
    line = (gamma * (gamma**x - 1) - (gamma - 1) * x) / (gamma - 1) ** 2
    return eta * delta * (e * (gamma * a) ** x + f * (gamma * b) ** x - 1 / (eta * beta) - line)


class Round(NamedTuple):
    """A round on quadratics, which is affine: (w, d) -> matrix (w, d) + shift.

    Args:
        matrix: shape [2 d, 2 d].
        shift: shape [2 d].
    """

    matrix: np.ndarray
    shift: np.ndarray

    @property
    def rate(self) -> float:
        """Return the spectral radius: what a round leaves of the distance, in the end."""
        return float(np.abs(np.linalg.eigvals(self.matrix)).max())

    @property
    def fixed_point(self) -> np.ndarray:
        """Return where rounds lead, the weights of it, shape [d]."""
        return np.linalg.solve(np.eye(len(self.shift)) - self.matrix, self.shift)[: len(self.shift) // 2]


def round_map(
    hessians: np.ndarray, slopes: np.ndarray, weights: np.ndarray, eta: float, gamma: float, tau: int
) -> Round:
    """Return the round of MFL on F_i(w) = w' H_i w / 2 - b_i' w; gamma = 0 is FedAvg.

    Args:
        hessians: H_i, shape [clients, d, d].
        slopes: b_i, shape [clients, d].
        weights: p_i, shape [clients].
        eta, gamma, tau: step size, momentum, steps in a round.
    """
    d = slopes.shape[1]
    matrix, shift = np.zeros((2 * d, 2 * d)), np.zeros(2 * d)
    for hessian, slope, p in zip(hessians, slopes, weights, strict=True):
        curvature, axes = np.linalg.eigh(hessian)  # along an axis a step is affine in two numbers
        push, one, zero = axes.T @ slope, np.ones(d), np.zeros(d)
        step = np.array(
            [
                [one - eta * curvature, -eta * gamma * one, eta * push],
                [curvature, gamma * one, -push],
                [zero, zero, one],
            ]
        )
        power = np.linalg.matrix_power(np.moveaxis(step, 2, 0), tau)
        matrix += p * np.block([[(axes * power[:, a, b]) @ axes.T for b in (0, 1)] for a in (0, 1)])
        shift += p * np.concatenate([axes @ power[:, a, 2] for a in (0, 1)])
    return Round(matrix, shift)
