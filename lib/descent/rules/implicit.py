"""The implicit gradient step, backward Euler linearised: (I + eta H) delta = -eta g, without forming H."""

from typing import Any, Literal, NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.solvers.curvature import Curvature, hessian
from descent.solvers.krylov import LinearMap, Solution, conjugate_gradients
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
    """

    def init(params: Vector) -> ImplicitState:
        if len(params) != 1:
            raise ValueError(f"implicit is for one player, this game has {len(params)}: use implicit_dense")
        last = select(params, only) if warm_start else ()
        zero = tf.zeros([], tf.int64)
        residual = tf.zeros([], tf.nest.flatten(params)[0].dtype)
        return ImplicitState(vectors.zeros_like(last), tf.constant(0), residual, zero, zero)

    def update(xi: Vector, state: ImplicitState, params: Vector, game: Game) -> tuple[Vector, ImplicitState]:
        explicit = vectors.scale(-learning_rate, xi)
        b, product = select(explicit, only), block(curvature, game, params, only)
        solution = conjugate_gradients(
            lambda v: vectors.axpy(learning_rate, product(v), v),
            b,
            state.last if warm_start else None,
            tolerance,
            max_iterations,
            negative_curvature == "stop",
        )
        delta = downhill(solution, b)
        state = ImplicitState(
            delta if warm_start else (),
            solution.iterations,
            solution.residual,
            state.products + tf.cast(solution.iterations, tf.int64) + int(warm_start),
            state.truncated + tf.cast(solution.negative_curvature, tf.int64),
        )
        return _merge(delta, explicit, only), state

    return Rule(init, update)


def implicit_dense(learning_rate: Scalar) -> Rule:
    """The same step through the dense Jacobian, for small games of any number of players.

    Args:
        learning_rate: eta.

    Returns:
        A rule without state: delta = -(I + eta J)^-1 eta xi; J need not be symmetric, so games that rotate may use it.
    """

    def update(xi: Vector, state: tuple, params: Vector, game: Game) -> tuple[Vector, tuple]:
        b = vectors.flatten(vectors.scale(-learning_rate, xi))
        matrix = tf.eye(b.shape[0], dtype=b.dtype) + vectors.scale(learning_rate, game.jacobian(params))
        return vectors.like(tf.linalg.solve(matrix, b[:, None])[:, 0], params), state

    return Rule(lambda params: (), update)


def downhill(solution: Solution, b: Vector) -> Vector:
    """Return the solution, or b where not even one direction of positive curvature was found."""
    none = solution.negative_curvature & (solution.iterations == 1)
    return tf.nest.map_structure(lambda x, y: tf.where(none, y, x), solution.x, b)


def block(curvature: Curvature, game: Game, params: Vector, only: Any = None) -> LinearMap:
    """Return v -> C v for the block of the curvature that belongs to the parameters that ``only`` marks.

    Vectors are structured as ``select(params, only)`` is.
    """
    return curvature(game, select(params, only), lambda own: _merge(own, params, only))


def select(params: Vector, only: Any) -> Vector:
    """Return params, or the list of those of its leaves that ``only`` marks."""
    if only is None:
        return params
    tf.nest.assert_same_structure(params, only)
    pairs = zip(tf.nest.flatten(params), tf.nest.flatten(only), strict=True)
    return [leaf for leaf, chosen in pairs if chosen]


def _merge(leaves: Vector, params: Vector, only: Any) -> Vector:
    """Return params with the marked leaves replaced: what ``select`` took out goes back in."""
    if only is None:
        return leaves
    new = iter(leaves)
    pairs = zip(tf.nest.flatten(params), tf.nest.flatten(only), strict=True)
    return tf.nest.pack_sequence_as(params, [next(new) if chosen else leaf for leaf, chosen in pairs])
