"""What competitive rules solve: a player's step in a local game with quadratic penalties and a model of the other."""

from descent import vectors
from descent.games import Game
from descent.quiet import tf
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
    relative = tf.sqrt(tf.math.divide_no_nan(tf.square(vectors.cast(absolute, dtype)), vectors.dot(b, b)))
    tolerance = tf.maximum(vectors.cast(tolerance, dtype), relative)
    return solve(apart(j_by_i, i_by_j), b, start, tolerance, iterations, transposed)
