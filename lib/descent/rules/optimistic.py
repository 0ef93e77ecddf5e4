"""Optimistic gradient descent, the unconstrained form of optimistic mirror descent (OMD, also OGDA)."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Adjustment, Rule
from descent.rules.chain import chain
from descent.rules.gradient_descent import gradient_descent
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


class OptimisticState(NamedTuple):
    """Whether a step was made (boolean scalar), and xi at the last one, structured like params."""

    started: tf.Tensor
    last: Vector


@maker
def optimism(*, zero_start: bool = False) -> Adjustment:
    """Optimism: xi_t -> 2 xi_t - xi_{t-1}, which guesses the next gradient by the straight line through the last two.

    An adjustment of xi, to be chained: ``chain(optimism(), rmsprop(1e-4))``.

    Args:
        zero_start: take xi_{-1} = 0, which doubles the first step, as some published codes do; by default
            xi_{-1} = xi_0, so that the first step is gradient descent's.

    Returns:
        An adjustment; its state is ``OptimisticState``.

    Source: Daskalakis et al. 2018; ``optax.scale_by_optimistic_gradient`` with alpha = beta = 1.

    Example:
        >>> distance(chain(optimism(), rmsprop(0.1)), duel)
    """

    def init(params: Vector) -> OptimisticState:
        return OptimisticState(tf.constant(zero_start), vectors.zeros_like(params))

    def update(xi: Vector, state: OptimisticState, params: Vector, game: Game) -> tuple[Vector, OptimisticState]:
        return guess(xi, state.last, state.started), OptimisticState(tf.ones_like(state.started), xi)

    return Adjustment(init, update)


@maker
def optimistic(learning_rate: Scalar, zero_start: bool = False) -> Rule:
    """Optimistic gradient descent: w_{t+1} = w_t - eta (2 xi_t - xi_{t-1}).

    Args:
        learning_rate: eta.
        zero_start: as in ``optimism``.

    Returns:
        A rule: ``chain(optimism(), gradient_descent(eta))``.

    Source: Daskalakis et al. 2018; ``optax.optimistic_gradient_descent`` with alpha = beta = 1.

    Example:
        >>> distance(gradient_descent(0.3), duel), distance(optimistic(0.3), duel)
    """
    return chain(optimism(zero_start=zero_start), gradient_descent(learning_rate))


def guess(xi: Vector, last: Vector, started: tf.Tensor) -> Vector:
    """Return 2 xi_t - xi_{t-1}: where the next gradient will be, if it goes on as it went."""
    last = tf.nest.map_structure(lambda a, b: tf.where(started, a, b), last, xi)  # xi_{-1} = xi_0
    return vectors.subtract(vectors.scale(2.0, xi), last)
