"""Implicit descent that finds its own step size: trust the quadratic model as far as it has just proved right."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, one_player
from descent.rules.makers import maker
from descent.solvers.curvature import Curvature, hessian
from descent.solvers.krylov import damped_solve
from descent.vectors import Scalar, Vector


class LevenbergMarquardtState(NamedTuple):
    """The step size in use, how well the last step was foretold, and running totals.

    Args:
        learning_rate: eta for the next step, scalar of the parameters' type.
        ratio: actual over predicted decrease of the last step.
        products: products with the curvature so far, int64 scalar.
        rejected: steps so far that were not taken, int64 scalar.
    """

    learning_rate: tf.Tensor
    ratio: tf.Tensor
    products: tf.Tensor
    rejected: tf.Tensor


@maker
def levenberg_marquardt(
    learning_rate: Scalar,
    curvature: Curvature = hessian,
    grow: float = 2.0,
    shrink: float = 4.0,
    tolerance: Scalar = 1e-6,
    max_iterations: Scalar = 100,
) -> Rule:
    """The implicit step (I + eta C) delta = -eta g, with eta raised or lowered by how well the model did.

    delta minimises g^T delta + delta^T C delta / 2 inside the ball of radius |delta|, and 1 / eta is that ball's
    Lagrange multiplier: a larger eta is a larger trust region. With rho = actual / predicted decrease (of this batch's
    loss), eta grows if rho > 3/4, shrinks if rho < 1/4, and the step is not taken at all if rho <= 0.

    Args:
        learning_rate: eta at the start.
        curvature: as for ``implicit``; a product more is spent on the prediction.
        grow: eta is multiplied by it.
        shrink: eta is divided by it.
        tolerance: as for ``implicit``.
        max_iterations: as for ``implicit``.

    Returns:
        A rule for games of one player; its state is ``LevenbergMarquardtState``.

    Source: Levenberg 1944; Marquardt 1963. Thresholds and factors are ours.

    Example:
        >>> distance(levenberg_marquardt(0.1), bowl, steps=3)
        0.542
    """

    def init(params: Vector) -> LevenbergMarquardtState:
        one_player(params, "levenberg_marquardt")
        dtype = tf.nest.flatten(params)[0].dtype
        zero = tf.zeros([], tf.int64)
        return LevenbergMarquardtState(vectors.cast(learning_rate, dtype), tf.ones([], dtype), zero, zero)

    def update(
        xi: Vector, state: LevenbergMarquardtState, params: Vector, game: Game
    ) -> tuple[Vector, LevenbergMarquardtState]:
        eta = state.learning_rate
        product = curvature(game, params, lambda own: own)
        delta, solution = damped_solve(product, eta, vectors.scale(-eta, xi), None, tolerance, max_iterations)
        predicted = -vectors.dot(xi, delta) - vectors.dot(delta, product(delta)) / 2
        actual = game.losses(params)[0] - game.losses(vectors.add(params, delta))[0]
        ratio, factor, taken = trust(actual, predicted, grow, shrink)
        state = LevenbergMarquardtState(
            eta * factor,
            ratio,
            state.products + tf.cast(solution.iterations, tf.int64) + 1,
            state.rejected + tf.cast(~taken, tf.int64),
        )
        return tf.nest.map_structure(lambda d: tf.where(taken, d, tf.zeros_like(d)), delta), state

    return Rule(init, update)


def trust(
    actual: tf.Tensor, predicted: tf.Tensor, grow: float, shrink: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return rho, the factor of the next eta, and whether the step is taken."""
    # a predicted rise, or a loss that is not a number, is a failure; at the minimum 0 / 0 is a success
    trusted = (predicted >= 0) & tf.math.is_finite(actual)
    still = (predicted == 0) & (actual == 0)
    rho = tf.where(trusted, tf.math.divide_no_nan(actual, predicted), -tf.ones_like(actual))
    rho = tf.where(still, tf.ones_like(rho), rho)
    up, down = vectors.cast(grow, rho.dtype), vectors.cast(1 / shrink, rho.dtype)
    return rho, tf.where(rho > 0.75, up, tf.where(rho < 0.25, down, tf.ones_like(rho))), rho > 0
