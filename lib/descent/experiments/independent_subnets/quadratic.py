"""Independent subnets on a quadratic: the mean of what they converge to is ridge regression, that is dropout's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from descent.games import Game
from descent.oracles import gradients_of
from descent.quiet import tf
from descent.randomness import draw_seed
from descent.rules import gradient_descent
from descent.sweep import Sweep


def problem(d: int, rank: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return L [d, d] and b [d] of a half mean square x^T L x / 2 - b^T x of ``rank`` outputs of d random units.

    Args:
        d: units, the width; more of them are more copies of the same functions.
        rank: of L; b lies in its range, so the minimum is an interpolation.
        seed: draws units and outputs.
    """
    z = tf.random.stateless_normal([rank, d + 1], draw_seed(seed, "units"), dtype=tf.float64).numpy()
    a = z[:, :d] / np.sqrt(d)
    return a.T @ a, a.T @ z[:, d]


def ridge(matrix: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """Return the solution of ((1 - e) L + (n - 1 + e) diag L) x = b, e = (n - 1) / (d - 1).

    Source: our derivation: the mean over partitions into n equal blocks of n times the blocks of L.
    """
    e = (n - 1) / (len(b) - 1)
    return np.linalg.solve((1 - e) * matrix + (n - 1 + e) * np.diag(np.diag(matrix)), b)


def loss(matrix: np.ndarray, b: np.ndarray, x: np.ndarray) -> float:
    """Return the loss above its minimum, relative to the loss of 0."""
    best = np.linalg.pinv(matrix, hermitian=True) @ b
    return float((x - best) @ matrix @ (x - best) / (b @ best))


def means_of_rounds(
    matrix: np.ndarray, b: np.ndarray, n: int, lengths: Sequence[int], rate: float, draws: int, seed: int
) -> np.ndarray:
    """Return the means of the stationary laws for rounds of J steps, from the means over partitions of a round's map.

    A round maps a block x_B to M x_B + (I - M) (n L_BB)^-1 b_B with M = (I - rate n L_BB)^J. Partitions are
    independent, so the stationary mean solves x = E[M] x + E[c].

    Args:
        matrix, b: L and b.
        n: workers.
        lengths: J, one or more.
        rate: of the local steps.
        draws: partitions of which the mean is taken.
        seed: of them.

    Returns:
        Shape [lengths, d].
    """
    d = len(b)
    draw = np.random.default_rng(seed)
    mean, constant = np.zeros((len(lengths), d, d)), np.zeros((len(lengths), d))
    for _ in range(draws):
        for block in draw.permutation(d).reshape(n, d // n):
            values, vectors = np.linalg.eigh(n * matrix[np.ix_(block, block)])
            flat = np.abs(values) < 1e-12
            for k, j in enumerate(lengths):
                power = (1 - rate * values) ** j
                sums = np.where(flat, rate * j, (1 - power) / np.where(flat, 1.0, values))
                mean[k][np.ix_(block, block)] += (vectors * power) @ vectors.T
                constant[k][block] += (vectors * sums) @ (vectors.T @ b[block])
    return np.array([np.linalg.solve(np.eye(d) - m / draws, c / draws) for m, c in zip(mean, constant, strict=True)])


def simulated(
    matrix: np.ndarray, b: np.ndarray, workers: Sequence[int], rate: float, steps: int, seeds: Sequence[int]
) -> np.ndarray:
    """Run rounds of one step; return means over the second half of the steps, shape [workers, seeds, d].

    Args:
        matrix, b: L and b.
        workers: numbers n, each dividing d.
        rate: of the steps.
        steps: how many.
        seeds: of the partitions.
    """
    d = len(b)
    big_l, right = tf.constant(matrix), tf.constant(b)

    def losses(params, batch):
        (x,), (n, order) = params, batch  # order: the place of each unit, which gives it to a worker
        worker = tf.floor(tf.cast(order, tf.float64) * n / d)
        together = tf.cast(worker[:, None] == worker[None, :], tf.float64)
        return (n * tf.tensordot(x, tf.linalg.matvec(big_l * together, x), 1) / 2 - tf.tensordot(right, x, 1),)

    def own_oracle(n):
        return gradients_of(
            lambda params, state, order: Game(losses, (n, order)),
            lambda like, key, step: tf.argsort(tf.random.stateless_uniform([d], key)),
        )

    sweep = Sweep(own_oracle, {"ist": gradient_descent}, lambda params, state, game: params[0], jit_compile=True)
    lanes = np.repeat(np.asarray(workers, float), len(seeds))
    begin = (tf.zeros([len(lanes), d], tf.float64),)
    rates = tf.fill([len(lanes)], tf.constant(rate, tf.float64))
    path = sweep.run(rates, begin, steps + 1, lanes, np.tile(seeds, len(workers)))["ist"].numpy()
    return path[steps // 2 :].mean(0).reshape(len(workers), len(seeds), d)
