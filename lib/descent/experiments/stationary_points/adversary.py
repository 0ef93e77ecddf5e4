r"""The adversary as a game and an oracle, for the simulator: a slow coordinate with the gap, stiff ones with the noise.

f(x) = lambda u^2 / 2 + |y|^2 / 2 with x = (u, y), y of d - 1 coordinates; start u = sqrt(2 / lambda), y = 0; noise
N(0, I s2 / (d - 1)) on y. ``axes`` turn it: f(A x), noise A^T n. Methods that treat coordinates alike can't tell;
RMSProp and Adam can.

Units: L = Delta = s2 = 1.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import hadamard

from descent import vectors
from descent.games import Game
from descent.oracles import Oracle, noisy
from descent.quiet import tf
from descent.rules.base import Rule
from descent.vectors import Vector


def turned_axes(dimensions: int) -> np.ndarray:
    """Return Hadamard's orthogonal matrix, shape [d, d], which spreads each axis over all; d is a power of two."""
    return hadamard(dimensions) / np.sqrt(dimensions)


def quadratic(dimensions: int, axes: np.ndarray | None = None) -> Game:
    """Return f as a game with one player; its batch is lambda, its parameters are ``(x,)``, x of shape [..., d].

    With leading axes (seeds, say) the loss is the sum over them.
    """
    stiff = tf.constant(np.arange(dimensions) > 0, tf.float64)

    def losses(params: Vector, slow: tf.Tensor) -> tuple[tf.Tensor, ...]:
        curvatures = stiff + (1 - stiff) * tf.cast(slow, tf.float64)
        return (0.5 * tf.reduce_sum(curvatures * tf.square(_turn(params[0], axes))),)

    return Game(losses)


def adversary(game: Game, dimensions: int, axes: np.ndarray | None = None, copies: tuple[int, ...] = ()) -> Oracle:
    """Return the oracle that tells the game's gradient and noise on the stiff coordinates.

    Args:
        game: ``quadratic(dimensions, axes)`` at some lambda.
        dimensions: d.
        axes: the same as the game's.
        copies: leading axes of the parameters, each with noise of its own.
    """
    scale = tf.constant((np.arange(dimensions) > 0) / np.sqrt(dimensions - 1), tf.float64)

    def randomness(key: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        normal = tf.random.stateless_normal([*copies, dimensions], key, dtype=tf.float64)
        return _turn(scale * normal, None if axes is None else axes.T)

    return noisy(game, lambda params, noise: (noise,), randomness)


def start(slow: Any, dimensions: int, axes: np.ndarray | None = None) -> np.ndarray:
    """Return x_0 with the whole gap on the slow coordinate, shape [..., d] for lambda of shape [...]."""
    x = np.zeros((*np.shape(slow), dimensions))
    x[..., 0] = np.sqrt(2 / np.asarray(slow))
    return x if axes is None else x @ axes


def squared_gradient(params: Vector, state: Any, game: Game) -> tf.Tensor:
    """Return |grad f|^2 for each leading index: what chapters record."""
    return tf.reduce_sum(tf.square(game.gradient(params)[0]), -1)


class Averaged(NamedTuple):
    """The state of ``with_average``: the rule's own, and the sum of the iterates before each step so far."""

    rule: Any
    total: Vector


def with_average(rule: Rule) -> Rule:
    """Let a rule remember the sum of the points at which it was asked for a step, x_0 + .. + x_{t-1}."""

    def init(params: Vector) -> Averaged:
        return Averaged(rule.init(params), vectors.zeros_like(params))

    def update(xi: Vector, state: Averaged, params: Vector, game: Game) -> tuple[Vector, Averaged]:
        change, inner = rule.update(xi, state.rule, params, game)
        return change, Averaged(inner, vectors.add(state.total, params))

    return Rule(init, update)


def _turn(x: tf.Tensor, axes: np.ndarray | None) -> tf.Tensor:
    if axes is None:
        return x
    # not matvec, which a sweep would map into many small products: this becomes one
    return tf.tensordot(x, tf.constant(axes.T, x.dtype), 1)
