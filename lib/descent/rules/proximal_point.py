"""The proximal point step: backward Euler solved, not linearised."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, one_player
from descent.rules.makers import maker
from descent.solvers.curvature import Curvature, hessian
from descent.solvers.krylov import damped_solve
from descent.vectors import Scalar, Vector

ARMIJO = 1e-4  # the share of the decrease promised by the slope that a step must deliver
HALVINGS = 30


class ProximalState(NamedTuple):
    """What the last step's inner solve took.

    Args:
        iterations: Newton steps, int32 scalar.
        residual: |eta g(w+) + w+ - w| / |eta g(w)|, scalar of the parameters' type: 0 when solved.
        products: products with the curvature in all steps so far, int64 scalar.
        gradients: gradients inside all steps so far, int64 scalar.
    """

    iterations: tf.Tensor
    residual: tf.Tensor
    products: tf.Tensor
    gradients: tf.Tensor


@maker
def proximal_point(
    learning_rate: Scalar,
    curvature: Curvature = hessian,
    tolerance: float = 1e-8,
    max_iterations: int = 50,
    cg_tolerance: float = 1e-2,
    cg_iterations: int = 100,
) -> Rule:
    """w+ = argmin f(v) + |v - w|^2 / (2 eta), that is w+ = w - eta grad f(w+): backward Euler, nothing linearised.

    If f is mu-strongly convex, distances to the minimum shrink by 1 / (1 + eta mu) at least, for every eta; for any f,
    the loss never rises. The inner problem is solved by Newton's method, its systems by conjugate gradients (stopped at
    negative curvature), with steps halved until they decrease it.

    Args:
        learning_rate: eta.
        curvature: of the Newton systems; ``implicit`` is the first of these iterations alone.
        tolerance: stop once |eta g(v) + v - w| <= tolerance |eta g(w)|; about 1e-4 is what float32 can do.
        max_iterations: Newton steps at most.
        cg_tolerance: relative residual of each Newton system.
        cg_iterations: products at most, for each.

    Returns:
        A rule for games of one player; its state is ``ProximalState``.

    Source: Rockafellar 1976.

    Example:
        >>> distance(proximal_point(10.0), bowl, steps=3)
    """

    def init(params: Vector) -> ProximalState:
        one_player(params, "proximal_point")
        zero = tf.zeros([], tf.int64)
        return ProximalState(tf.constant(0), tf.zeros([], tf.nest.flatten(params)[0].dtype), zero, zero)

    def update(xi: Vector, state: ProximalState, params: Vector, game: Game) -> tuple[Vector, ProximalState]:
        eta = vectors.cast(learning_rate, tf.nest.flatten(params)[0].dtype)
        first = vectors.norm(vectors.scale(eta, xi))

        def objective(v: Vector) -> tf.Tensor:
            move = vectors.subtract(v, params)
            return eta * game.losses(v)[0] + vectors.dot(move, move) / 2

        def newton(count, v, r, products):
            product = curvature(game, v, lambda own: own)
            d, solution = damped_solve(product, eta, vectors.scale(-1.0, r), None, cg_tolerance, cg_iterations)
            v = vectors.axpy(_step_length(objective, v, d, vectors.dot(r, d)), d, v)
            r = vectors.add(vectors.scale(eta, game.gradient(v)), vectors.subtract(v, params))
            return count + 1, v, r, products + tf.cast(solution.iterations, tf.int64)

        count, v, r, products = tf.while_loop(
            lambda count, v, r, products: (count < max_iterations) & (vectors.norm(r) > tolerance * first),
            newton,
            (tf.constant(0), params, vectors.scale(eta, xi), state.products),
        )
        residual = tf.math.divide_no_nan(vectors.norm(r), first)
        gradients = state.gradients + tf.cast(count, tf.int64)
        return vectors.subtract(v, params), ProximalState(count, residual, products, gradients)

    return Rule(init, update)


def _step_length(objective, v: Vector, d: Vector, slope: tf.Tensor) -> tf.Tensor:
    """Halve 1 until the objective decreases along d by a share of what its slope there promises (Armijo)."""
    here = objective(v)
    rounding = 10 * tf.abs(here) * tf.constant(2.0**-52 if here.dtype == tf.float64 else 2.0**-23, here.dtype)

    def too_far(count, t):
        there = objective(vectors.axpy(t, d, v))
        # written so that a loss that is not a number is too far
        return (count < HALVINGS) & ~(there <= here + ARMIJO * t * slope + rounding)

    return tf.while_loop(too_far, lambda count, t: (count + 1, t / 2), (tf.constant(0), tf.ones_like(here)))[1]
