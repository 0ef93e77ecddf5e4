"""Partial awareness: competitive gradient descent whose players expect only part of each other's step."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.rules.local_game import anticipating_step, times, two_players
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


class AwareState(NamedTuple):
    """Iterations that both solves of the last step took together, and solves so far that met the cap; int32 scalars."""

    iterations: tf.Tensor
    capped: tf.Tensor


@maker
def aware(learning_rate: Scalar, awareness: Scalar = 1.0, tolerance: Scalar = 1e-6, iterations: Scalar = 1000) -> Rule:
    """Competitive steps of two players, each of whom models the other's rate as alpha times what it is.

    Player x, with loss f, steps to the Nash point of the local bilinear game in which y has the rate alpha eta:

        (I - alpha eta^2 D_xy f D_yx g) dx = -eta (grad_x f - alpha eta D_xy f grad_y g),

    and y likewise. alpha = 0 is simultaneous gradient descent, alpha = 1 competitive gradient descent; in between each
    player's system is solved for itself. Coordinates scaled by the roots of their rates make it the rule with unequal
    rates.

    Args:
        learning_rate: eta.
        awareness: alpha.
        tolerance: relative residual at which the iterations stop.
        iterations: cap on the number of iterations of each solve; ``AwareState.capped`` counts the solves that met it.

    Returns:
        A rule; its state is ``AwareState``. Raises ValueError for a game of other than two players.

    Source: the class ``ICR`` in the code of Schaefer, Zheng and Anandkumar 2020.

    Example:
        >>> distance(aware(0.5, awareness=1.0), duel), distance(cgd(0.5), duel)
        (0.152, 0.152)
    """

    def init(params: Vector) -> AwareState:
        two_players(params, "aware")
        return AwareState(tf.constant(0), tf.constant(0))

    def update(xi: Vector, state: AwareState, params: Vector, game: Game) -> tuple[Vector, AwareState]:
        roots = vectors.scale(tf.sqrt(vectors.cast(learning_rate, tf.float64)), vectors.ones_like(params))
        (sx, kx), (sy, ky) = (
            anticipating_step(i, xi, params, game, roots, awareness, None, tolerance, iterations) for i in (0, 1)
        )
        met = tf.cast(kx >= iterations, tf.int32) + tf.cast(ky >= iterations, tf.int32)
        return times(roots, (sx, sy)), AwareState(kx + ky, state.capped + met)

    return Rule(init, update)
