"""One meta-trained policy, which the live figure has as well, and its ways.

It was printed by ``python -m descent.experiments.es_maml.policy``.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np

from descent.experiments.es_maml.adaptation import hill_climbing
from descent.experiments.es_maml.meta_training import Lane, Training
from descent.problems.navigation import HORIZON, NAVIGATION, REACH, rollout
from descent.quiet import tf
from descent.randomness import draw_seed

QUERIES, SIZE, RATE = 20, 0.2, 0.03


class Policy(NamedTuple):
    """A policy and what it normalises positions by.

    Args:
        weights: W by rows, then b.
        mean, std: of positions, x and y.
        size: of an attempt of hill climbing.
    """

    weights: list[float]
    mean: list[float]
    std: list[float]
    size: float


SHIPPED = Policy([-0.6807, 0.6722, -0.6889, -0.931, -0.0464, 0.2471], [-0.0596, 0.078], [0.4882, 0.4652], SIZE)


def trained(pairs: int = 15, steps: int = 200, seed: int = 0) -> Policy:
    """Return a policy meta-trained to climb on Navigation2D, to four digits."""
    training = Training(NAVIGATION, hill_climbing, pairs, seed, 1, 1, QUERIES)
    found = training.run(Lane([0], SIZE, RATE), steps, steps)
    mean, std = found.statistics.normalisation(0)
    weights, at, width = (
        [round(float(x), 4) for x in part] for part in (found.theta[0], [m[0] for m in mean], [s[0] for s in std])
    )
    return Policy(weights, at, width, SIZE)


def adapted(policy: Policy, goals: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return what hill climbing makes of the policy for each goal, [goals, 6]."""
    given = tf.constant(goals)
    start = tf.tile(tf.constant([policy.weights], tf.float64), [len(goals), 1])
    noise = tf.random.stateless_normal([QUERIES, *start.shape], draw_seed(seed, "es-maml shipped"), dtype=tf.float64)

    def value(points: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
        return rollout(NAVIGATION, points, given, policy.mean, policy.std).returns

    return hill_climbing(value, start, noise, policy.size)[0].numpy()


def path(weights: np.ndarray, goal: np.ndarray, policy: Policy) -> np.ndarray:
    """Return the points that a policy visits in navigation until it is within .1 of the goal, [steps + 1, 2]."""
    w, b = np.reshape(weights[:4], (2, 2)), np.asarray(weights[4:])
    points = [np.zeros(2)]
    while len(points) <= HORIZON and ((points[-1] - goal) ** 2).sum() > REACH**2:
        seen = (points[-1] - policy.mean) / policy.std
        points.append(np.clip(points[-1] + np.clip(np.tanh(w @ seen + b), -REACH, REACH), -1, 1))
    return np.array(points)


if __name__ == "__main__":
    print(json.dumps(trained()._asdict()))
