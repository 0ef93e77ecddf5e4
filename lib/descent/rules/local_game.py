"""What competitive rules solve: a player's step in a local game with quadratic penalties and a model of the other."""

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.solvers.krylov import LinearMap
from descent.solvers.least_squares import damped_least_squares
from descent.solvers.linear import solve
from descent.vectors import Scalar, Vector


def two_players(params: Vector, name: str) -> None:
    """Raise ValueError unless there are two players, for the rule of that name."""
    if len(params) != 2:
        raise ValueError(f"{name} is for games of two players, this one has {len(params)}")


def times(x: Vector, y: Vector) -> Vector:
    """Return x y, coordinate by coordinate."""
    return tf.nest.map_structure(lambda a, b: a * b, x, y)


def anticipating_step(
    i: int,
    xi: Vector,
    params: Vector,
    game: Game,
    roots: Vector,
    awareness: Scalar,
    start: Vector | None,
    tolerance: Scalar,
    iterations: Scalar,
    absolute: Scalar = 0.0,
) -> tuple[Vector, tf.Tensor]:
    """Return the step of player i, over the roots of its rates, and how many iterations it took.

    With rates E (one a coordinate), j the other player and alpha its awareness, player i believes that j steps with
    rates alpha E_j, as aware as itself. The Nash point of the bilinear game with these penalties has i's step
    E_i^(1/2) s, where

        (I - alpha E_i^(1/2) D_ij l_i E_j D_ji l_j E_i^(1/2)) s = -E_i^(1/2) (g_i - alpha D_ij l_i E_j g_j).

    Args:
        i: the player, 0 or 1.
        xi: the simultaneous gradient, (g_0, g_1).
        params: where it was taken.
        game: of two players, at its batch.
        roots: E^(1/2), structured like params.
        awareness: alpha.
        start: first guess of s; None is zero.
        tolerance: relative residual at which conjugate gradients stop.
        iterations: their cap.
        absolute: residual at which they stop in any case.

    Returns:
        (s, count), s structured like params[i].
    """
    j, dtype = 1 - i, tf.nest.flatten(xi)[0].dtype
    alpha = vectors.cast(awareness, dtype)
    root, rates = roots[i], times(roots[j], roots[j])  # E_i^(1/2) and E_j
    i_by_j, j_by_i = game.mixed(params, i, i, j), game.mixed(params, j, j, i)

    def apart(there, back):  # v -> v - alpha E_i^(1/2) back(E_j there(E_i^(1/2) v))
        def matrix(v):
            return vectors.axpy(-alpha, times(root, back(times(rates, there(times(root, v))))), v)

        return matrix

    transposed = None  # in a zero-sum game the matrix is symmetric
    if not game.zero_sum:
        transposed = apart(game.mixed(params, i, j, i), game.mixed(params, j, i, j))
    seen = vectors.axpy(-alpha, i_by_j(times(rates, xi[j])), xi[i])
    b = vectors.scale(-1.0, times(root, seen))
    floor = tf.square(vectors.cast(absolute, dtype))
    relative = tf.sqrt(tf.math.divide_no_nan(floor, vectors.dot(b, b)))
    tolerance = tf.maximum(vectors.cast(tolerance, dtype), relative)
    return solve(apart(j_by_i, i_by_j), b, start, tolerance, iterations, transposed)


def coupling(params: Vector, game: Game) -> tuple[LinearMap, LinearMap]:
    """Return v -> D_xy f v and u -> D_yx f u for a zero-sum game's loss f = l_0, from one pass.

    Each call of a map is one reverse sweep through the first derivatives, also from inside a ``tf.while_loop``.
    """
    none = tf.UnconnectedGradients.ZERO
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as outer:
        outer.watch(params)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(params)
            f = game.losses(params)[0]
        by_x, by_y = inner.gradient(f, params, unconnected_gradients=none)
    return (
        lambda v: vectors.dense(outer.gradient(by_y, params[0], v, unconnected_gradients=none)),
        lambda u: vectors.dense(outer.gradient(by_x, params[1], u, unconnected_gradients=none)),
    )


def zero_sum_step(
    i: int,
    xi: Vector,
    roots: Vector,
    coupled: tuple[LinearMap, LinearMap],
    start: Vector,
    tolerance: Scalar,
    iterations: Scalar,
    absolute: Scalar = 0.0,
) -> tuple[Vector, Vector, tf.Tensor]:
    """Return the steps of player i and of the other one, who answers, in a zero-sum game.

    With K = E_j^(1/2) D_ji l_j E_i^(1/2) the system of ``anticipating_step`` at alpha = 1 is

        (I + K^T K) s = -E_i^(1/2) g_i - K^T E_j^(1/2) g_j,

    because D_ij l_i = -(D_ji l_j)^T; and the other's answer is -E_j^(1/2) (E_j^(1/2) g_j + K s).

    Args:
        i: the player who solves, 0 or 1.
        xi: the simultaneous gradient, (g_0, g_1).
        roots: E^(1/2), structured like params.
        coupled: what ``coupling`` returns.
        start: first guess of s.
        tolerance: relative residual at which conjugate gradients stop.
        iterations: their cap.
        absolute: residual at which they stop in any case.

    Returns:
        (s, answer, count): both steps over the roots of their rates, and how many iterations it took.
    """
    j, (d_xy, d_yx) = 1 - i, coupled
    there, back, sign = (d_yx, d_xy, -1.0) if i == 0 else (d_xy, d_yx, 1.0)  # l_1 = -f

    def product(v):
        return vectors.scale(sign, times(roots[j], there(times(roots[i], v))))

    def transposed(u):
        return vectors.scale(sign, times(roots[i], back(times(roots[j], u))))

    a, c = vectors.scale(-1.0, times(roots[i], xi[i])), times(roots[j], xi[j])
    s, z, count = damped_least_squares(product, transposed, a, c, start, tolerance, iterations, absolute)
    return s, vectors.scale(-1.0, z), count
