"""The implicit gradient step, backward Euler linearised: (I + eta H) delta = -eta g, without forming H."""

from typing import Any, Literal, NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, one_player, stateless
from descent.rules.makers import maker
from descent.solvers.curvature import Curvature, block, hessian, merge, select
from descent.solvers.krylov import damped_solve
from descent.vectors import Scalar, Vector


class ImplicitState(NamedTuple):
    """What the last step's linear solve took, and running totals.

    Args:
        last: its solution, for a warm start (empty without).
        iterations: its products with the curvature, int32 scalar.
        residual: its relative residual, scalar of the parameters' type.
        products: products with the curvature in all steps so far, int64 scalar.
        truncated: steps so far whose solve met negative curvature, int64 scalar.
    """

    last: Vector
    iterations: tf.Tensor
    residual: tf.Tensor
    products: tf.Tensor
    truncated: tf.Tensor


@maker
def implicit(
    learning_rate: Scalar,
    curvature: Curvature = hessian,
    only: Any = None,
    tolerance: Scalar = 1e-6,
    max_iterations: Scalar = 100,
    warm_start: bool = False,
    negative_curvature: Literal["stop", "ignore"] = "stop",
) -> Rule:
    """Linearised backward Euler: w <- w + delta with (I + eta H(w)) delta = -eta g(w).

    Backward Euler on dw/dt = -g is w+ = w - eta g(w+); with g(w+) = g(w) + H delta it becomes linear. Along an
    eigenvector of H > 0 the error shrinks by 1 / (1 + eta lambda), for every eta; explicit descent has 1 - eta lambda.
    The same step is Newton's on (H + I / eta) delta = -g: Levenberg's damping, a trust region with multiplier 1 / eta.

    Args:
        learning_rate: eta.
        curvature: ``hessian``, or ``gauss_newton(outputs, loss)``, which is never indefinite.
        only: which parameters step implicitly: booleans, structured like params. The others step by -eta g, at the same
            time, and H is then the block of the implicit ones. None: all of them.
        tolerance: relative residual at which conjugate gradients stop.
        max_iterations: their most products a step.
        warm_start: start from the last step's solution, at the price of one product.
        negative_curvature: "stop" keeps the iterate before the first direction in which I + eta H is not positive, and
            steps by -eta g if there is none; then a step from a cold start always leads downhill. "ignore" goes on,
            and is drawn to saddles wherever H has an eigenvalue below -2 / eta.

    Returns:
        A rule for games of one player; its state is ``ImplicitState``. ``implicit_dense`` is for games of more.

    Source: the course project "Implicit Gradient Descent" (2020), with the sign of its equation put right; solved by
    conjugate gradients without a matrix, as in Martens 2010.

    Example:
        >>> distance(implicit(10.0), bowl)  # fifty times what gradient descent bears
    """

    def init(params: Vector) -> ImplicitState:
        one_player(params, "implicit")
        last = select(params, only) if warm_start else ()
        zero = tf.zeros([], tf.int64)
        residual = tf.zeros([], tf.nest.flatten(params)[0].dtype)
        return ImplicitState(vectors.zeros_like(last), tf.constant(0), residual, zero, zero)

    def update(xi: Vector, state: ImplicitState, params: Vector, game: Game) -> tuple[Vector, ImplicitState]:
        explicit = vectors.scale(-learning_rate, xi)
        delta, solution = damped_solve(
            block(curvature, game, params, only),
            learning_rate,
            select(explicit, only),
            state.last if warm_start else None,
            tolerance,
            max_iterations,
            negative_curvature == "stop",
        )
        state = ImplicitState(
            delta if warm_start else (),
            solution.iterations,
            solution.residual,
            state.products + tf.cast(solution.iterations, tf.int64) + int(warm_start),
            state.truncated + tf.cast(solution.negative_curvature, tf.int64),
        )
        return merge(delta, explicit, only), state

    return Rule(init, update)


@maker
def implicit_dense(learning_rate: Scalar, theta: Scalar = 1.0) -> Rule:
    """The same step through the dense Jacobian, for small games of any number of players.

    Args:
        learning_rate: eta.
        theta: the share of the step that is implicit, as in the theta method: 1 is backward Euler, 1/2 the trapezium
            rule, 0 gradient descent.

    Returns:
        A rule without state: delta = -(I + theta eta J)^-1 eta xi; J need not be symmetric, so games that rotate may
        use it.

    Example:
        >>> distance(implicit_dense(1.0), duel, steps=2), distance(implicit_dense(1.0, theta=0.5), duel, steps=2)
    """

    def update(xi: Vector, params: Vector, game: Game) -> Vector:
        b = vectors.flatten(vectors.scale(-learning_rate, xi))
        matrix = tf.eye(b.shape[0], dtype=b.dtype) + vectors.scale(theta * learning_rate, game.jacobian(params))
        return vectors.like(tf.linalg.solve(matrix, b[:, None])[:, 0], params)

    return stateless(update)
