"""A loss that is not convex: the sigmoid loss of a linear classifier of breast-cancer data, on an l1 ball."""

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer

from descent.experiments.one_sample_frank_wolfe.dealt import dealt
from descent.games import Game
from descent.problems.constraints import Region, l1_ball
from descent.quiet import tf
from descent.rules import chain
from descent.rules.frank_wolfe import decay, frank_wolfe, recursive_average
from descent.sweep import Sweep

REGION = l1_ball(5.0)
EVERY = 25


def data() -> tuple[np.ndarray, np.ndarray]:
    """Return 569 rows of 30 standardised features and labels of -1 and 1."""
    features, labels = load_breast_cancer(return_X_y=True)
    return (features - features.mean(0)) / features.std(0), 2.0 * labels - 1.0


def game() -> Game:
    """Return the game 1 / (1 + exp(y a'x)) of one player, its batch the number of one example."""
    features, labels = data()

    def losses(params: tuple[tf.Tensor], example: tf.Tensor) -> tuple[tf.Tensor]:
        a, y = tf.gather(features, example), tf.gather(labels, example)
        return (tf.sigmoid(-y * tf.tensordot(a, params[0], 1)),)

    return Game(losses)


def examples(count: int) -> Any:
    """Return ``draw(key, step)``: the number of an example for each of ``count`` seeds."""
    return lambda key, step: tf.random.stateless_uniform([count], key, maxval=569, dtype=tf.int32)


def gap(x: np.ndarray, region: Region) -> np.ndarray:
    """Return the Frank-Wolfe gap of the mean loss over all examples at points x, [..., 30], in NumPy."""
    features, labels = data()
    s = 1 / (1 + np.exp(labels * (x @ features.T)))
    gradient = (-s * (1 - s) * labels) @ features / len(labels)
    return (gradient * (x - region.vertex(tf.constant(gradient)).numpy())).sum(-1)


def mean_gaps(horizons: list[int], seeds: int, seed: int) -> np.ndarray:
    """Run 1-SFW with eta = T^(-2/3) and rho_t = t^(-2/3) for each horizon T.

    Args:
        horizons: multiples of 25.
        seeds: runs of each.
        seed: gives the examples.

    Returns:
        The gap's mean over the points visited, every 25th of them, [horizons, seeds].
    """
    lengths = np.repeat(np.array(horizons, float), seeds)
    draw, problem = examples(seeds), game()

    def rule(horizon):
        return chain(recursive_average(decay(1.0, 0.0, 2 / 3)), frank_wolfe(REGION, horizon ** (-2 / 3)))

    sweep = Sweep(
        lambda lane: dealt(problem, draw, lane[0]), {"rule": rule}, lambda params, state, game: params[0], every=EVERY
    )
    start, hands = (np.zeros((len(lengths), 30)),), np.tile(np.arange(seeds), len(horizons))
    x = sweep.run(lengths, start, max(horizons) // EVERY + 1, (hands,), seeds=seed)["rule"].numpy()
    return np.array(
        [gap(x[: T // EVERY + 1, k * seeds : (k + 1) * seeds], REGION).mean(0) for k, T in enumerate(horizons)]
    )
