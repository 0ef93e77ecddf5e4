"""Adaptive competitive gradient descent: CGD with RMSProp's rates, one a coordinate."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.rules.local_game import (
    anticipating_step,
    coupling,
    times,
    two_players,
    zero_sum_step,
)
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


class ACGDState(NamedTuple):
    """What the next step starts from, and what the solves so far took.

    Args:
        t: steps made, int32 scalar.
        v: running mean of xi^2, structured like params.
        last: last step over the roots of its rates, both players': where the next solve starts.
        iterations: of the last solve, int32 scalar.
        capped: how many solves so far met the cap, int32 scalar.
    """

    t: tf.Tensor
    v: Vector
    last: Vector
    iterations: tf.Tensor
    capped: tf.Tensor


@maker
def acgd(
    learning_rate: Scalar,
    beta: Scalar = 0.99,
    epsilon: Scalar = 1e-5,
    tolerance: Scalar = 1e-6,
    iterations: Scalar = 1000,
    absolute: Scalar = 1e-10,
) -> Rule:
    """Adaptive competitive gradient descent of two players, x with loss f and y with loss g.

    Every coordinate has a rate of its own, E = eta sqrt(1 - beta^t) / (sqrt(v) + epsilon) with
    v <- beta v + (1 - beta) xi^2. In odd steps x solves for its part of the local game's Nash point, and y answers:

        (I - E_x^(1/2) D_xy f E_y D_yx g E_x^(1/2)) s = -E_x^(1/2) (grad_x f - D_xy f E_y grad_y g),
        dx = E_x^(1/2) s,       dy = -E_y (grad_y g + D_yx g dx);

    in even steps they change places. Each solve starts where the player's last step, over the roots of its rates,
    ended. In a zero-sum game these are conjugate gradients; otherwise (``game.zero_sum`` not set) they run on the
    normal equations.

    Args:
        learning_rate: eta.
        beta: how much of the mean of xi^2 is kept at a step.
        epsilon: added to the root of v.
        tolerance: relative residual at which the iteration stops.
        iterations: cap on the number of iterations of a solve; ``ACGDState.capped`` counts the solves that met it.
        absolute: residual at which the iteration stops in any case.

    Returns:
        A rule; its state is ``ACGDState``. Raises ValueError for a game of other than two players.

    Source: the authors' PyTorch package ``CGDs``, with player 0 as its max player. The package's ``tol`` = 1e-12 and
    ``atol`` = 1e-20 are of squared norms.

    Departures: the package has no cap but the player's dimension, and solves general-sum games by GMRES.

    Example:
        >>> distance(acgd(0.3), duel)
        0.207
    """

    def init(params: Vector) -> ACGDState:
        two_players(params, "acgd")
        zeros = vectors.zeros_like(params)
        return ACGDState(tf.constant(0), zeros, zeros, tf.constant(0), tf.constant(0))

    def update(xi: Vector, state: ACGDState, params: Vector, game: Game) -> tuple[Vector, ACGDState]:
        t, v = state.t + 1, vectors.mean(beta, state.v, times(xi, xi))
        roots = tf.nest.map_structure(lambda mean: tf.sqrt(acgd_rates(mean, t, learning_rate, beta, epsilon)), v)

        coupled = coupling(params, game) if game.zero_sum else None

        def solved_for(i):
            start = state.last[i]
            if coupled:
                s, answer, count = zero_sum_step(i, xi, roots, coupled, start, tolerance, iterations, absolute)
                return ((s, answer) if i == 0 else (answer, s)), count
            s, count = anticipating_step(i, xi, params, game, roots, 1.0, start, tolerance, iterations, absolute)
            j = 1 - i
            told = game.mixed(params, j, j, i)(times(roots[i], s))  # D_ji l_j d_i
            answer = vectors.scale(-1.0, times(roots[j], vectors.add(xi[j], told)))
            return ((s, answer) if i == 0 else (answer, s)), count

        last, count = tf.cond(t % 2 == 1, lambda: solved_for(0), lambda: solved_for(1))
        capped = state.capped + tf.cast(count >= iterations, tf.int32)
        return times(roots, last), ACGDState(t, v, last, count, capped)

    return Rule(init, update)


def acgd_rates(v, t, eta, beta, epsilon):
    """One tensor's rates E at step t = 1, 2, ..."""
    eta, beta, epsilon = (vectors.cast(x, v.dtype) for x in (eta, beta, epsilon))
    return eta * tf.sqrt(1 - beta ** tf.cast(t, v.dtype)) / (tf.sqrt(v) + epsilon)
