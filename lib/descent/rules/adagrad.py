"""Adagrad: each coordinate's step shrinks with the sum of its squared gradients."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


class AdagradState(NamedTuple):
    """The sum of xi^2 so far, structured like params."""

    total: Vector


@maker
def adagrad(learning_rate: Scalar, initial_accumulator: Scalar = 0.1, epsilon: Scalar = 1e-7) -> Rule:
    """Adagrad: G <- G + xi^2,  w <- w - eta xi / sqrt(G + epsilon).

    Args:
        learning_rate: eta.
        initial_accumulator: every coordinate of G before the first step.
        epsilon: added inside the root.

    Returns:
        A rule; its state is ``AdagradState``.

    Source: Duchi et al. 2011, with a diagonal matrix; defaults and the place of epsilon as in
    ``keras.optimizers.Adagrad``.

    Example:
        >>> distance(adagrad(0.5), bowl)
    """

    def init(params: Vector) -> AdagradState:
        return AdagradState(vectors.scale(initial_accumulator, vectors.ones_like(params)))

    def update(xi: Vector, state: AdagradState, params: Vector, game: Game) -> tuple[Vector, AdagradState]:
        def step(total, g):
            return -vectors.cast(learning_rate, g.dtype) * g * tf.math.rsqrt(total + vectors.cast(epsilon, g.dtype))

        total = tf.nest.map_structure(lambda total, g: total + tf.square(g), state.total, xi)
        return tf.nest.map_structure(step, total, xi), AdagradState(total)

    return Rule(init, update)
