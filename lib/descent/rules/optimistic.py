"""Optimistic gradient descent, the unconstrained form of optimistic mirror descent (OMD, also OGDA)."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.vectors import Scalar, Vector


class OptimisticState(NamedTuple):
    """Whether a step was made (boolean scalar), and xi at the last one, structured like params."""

    started: tf.Tensor
    last: Vector


def optimistic(learning_rate: Scalar, zero_start: bool = False) -> Rule:
    """Optimistic gradient descent: w_{t+1} = w_t - eta (2 xi_t - xi_{t-1}).

    The bracket guesses the next gradient by the straight line through the last two.

    Args:
        learning_rate: eta.
        zero_start: take xi_{-1} = 0, which doubles the first step, as some published codes do; by default
            xi_{-1} = xi_0, so that the first step is gradient descent's.

    Returns:
        A rule; its state is ``OptimisticState``.

    Source: Daskalakis et al. 2018; ``optax.optimistic_gradient_descent`` with alpha = beta = 1.
    """

    def init(params: Vector) -> OptimisticState:
        return OptimisticState(tf.constant(zero_start), vectors.zeros_like(params))

    def update(xi: Vector, state: OptimisticState, params: Vector, game: Game) -> tuple[Vector, OptimisticState]:
        last = tf.nest.map_structure(lambda a, b: tf.where(state.started, a, b), state.last, xi)
        guess = vectors.subtract(vectors.scale(2.0, xi), last)
        return vectors.scale(-learning_rate, guess), OptimisticState(tf.ones_like(state.started), xi)

    return Rule(init, update)
