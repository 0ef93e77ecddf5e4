"""A generator that can't reach its one datum: how long is a nearly right answer held?

The generator has two numbers (u, w) and makes the point theta = (e^(u + t), e^(t - u)), t = tanh(w) / 2, so that the
product of theta's coordinates is between 1/e and e: the set drawn in the authors' post. The datum (2, 2) is outside.
The discriminator looks a hundred times closer at the first coordinate.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from descent.games import Game
from descent.problems.gan import gan_game
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.randomness import draw_seed
from descent.rules import cgd, gradient_descent
from descent.sweep import Sweep

TARGET = (2.0, 2.0)
CRITIC = mlp([2, 4, 4, 1], "relu")
CLOSER = 100.0  # as published


def point(own: tf.Tensor) -> tf.Tensor:
    """Return theta, shape [1, 2], of the generator's numbers (u, w), shape [2]."""
    u, t = own[0], tf.tanh(own[1]) / 2
    return tf.exp(tf.stack([u + t, t - u]))[None]


def toy_game() -> Game:
    """Return the zero-sum game; the discriminator sees distances from the datum, the first of them enlarged."""
    scale = tf.constant([[CLOSER, 1.0]])

    def critic(params, x):
        return CRITIC(params, (x - TARGET) * scale)

    game = gan_game(lambda own, z: point(own), critic, "zero-sum")
    return game.at((tf.constant([TARGET]), tf.zeros([1, 1])))


def toy_runs(etas: Sequence[float], steps: int, every: int, seeds: Sequence[int]) -> np.ndarray:
    """Return theta at the records of simultaneous and of competitive runs, shape [records, 2, etas, seeds, 2]."""
    starts = [
        (
            0.3 * tf.random.stateless_normal([2], draw_seed(seed, "toy generator")),
            CRITIC.init(draw_seed(seed, "toy discriminator")),
        )
        for seed in seeds
    ]
    lanes = tf.nest.map_structure(
        lambda *leaves: tf.tile(tf.stack(leaves), [len(etas)] + [1] * leaves[0].shape.rank), *starts
    )
    # the generator has two numbers, so that conjugate gradients are done after two iterations
    makers = {"simultaneous": gradient_descent, "competitive": lambda eta: cgd(eta, iterations=6)}
    sweep = Sweep(toy_game(), makers, lambda params, state, game: point(params[0])[0], every)
    hypers = tf.constant(np.repeat(etas, len(seeds)), tf.float32)
    found = sweep.run(hypers, lanes, steps // every + 1)
    return np.stack([np.asarray(found[name]).reshape(-1, len(etas), len(seeds), 2) for name in makers], 1)


def held(theta: np.ndarray, every: int, within: float = 0.1) -> np.ndarray:
    """Return the longest stretch of steps with |theta_1 - 2| < within, shape [...] for theta [records, ..., 2]."""
    close = np.abs(theta[..., 0] - TARGET[0]) < within
    longest, now = np.zeros(close.shape[1:]), np.zeros(close.shape[1:])
    for one in close:
        now = np.where(one, now + every, 0)
        longest = np.maximum(longest, now)
    return longest
