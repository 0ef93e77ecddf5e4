"""Competitive gradient descent: both players step to the Nash point of a local bilinear game."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.rules.makers import maker
from descent.solvers.linear import solve
from descent.vectors import Scalar, Vector


class CGDState(NamedTuple):
    """The last solution, for a warm start (empty without), and how many iterations it took (int32 scalar)."""

    last: Vector
    iterations: tf.Tensor


@maker
def cgd(learning_rate: Scalar, tolerance: Scalar = 1e-6, iterations: Scalar = 1000, warm_start: bool = False) -> Rule:
    """Competitive gradient descent of two players, x with loss f and y with loss g.

    The step (dx, dy) is the Nash point of the game whose losses are linear in each step and bilinear in both, plus
    |dx|^2 / 2 eta for x and |dy|^2 / 2 eta for y:

        (I - eta^2 D_xy f D_yx g) dx = -eta (grad_x f - eta D_xy f grad_y g),       dy = -eta (grad_y g + D_yx g dx).

    The system is solved for x alone; y then answers in closed form. In a zero-sum game the matrix is
    I + eta^2 D_xy f (D_xy f)^T, positive definite, and conjugate gradients solve it at two mixed products an iteration.
    Otherwise (``game.zero_sum`` not set) it need not be symmetric, nor even invertible, and conjugate gradients run on
    the normal equations, at four. Pure second derivatives appear nowhere.

    Args:
        learning_rate: eta.
        tolerance: relative residual at which the iteration stops.
        iterations: cap on the number of iterations.
        warm_start: start from the last step's solution, instead of zero.

    Returns:
        A rule; its state is ``CGDState``. Raises ValueError for a game of other than two players.

    Source: Schaefer and Anandkumar 2019, with dy eliminated.

    Departures: the authors' PyTorch package solves general-sum games by GMRES.

    Example:
        >>> distance(cgd(0.5), duel)
    """

    def init(params: Vector) -> CGDState:
        _two(params)
        return CGDState(vectors.zeros_like(params[0]) if warm_start else (), tf.constant(0))

    def update(xi: Vector, state: CGDState, params: Vector, game: Game) -> tuple[Vector, CGDState]:
        _two(params)
        start = state.last if warm_start else None
        dx, dy, count = nash_step(xi, params, game, learning_rate, start, tolerance, iterations)
        return (dx, dy), CGDState(dx if warm_start else (), count)

    return Rule(init, update)


def nash_step(xi, params, game, eta, start, tolerance, iterations) -> tuple[Vector, Vector, tf.Tensor]:
    """Return dx, dy and the number of iterations that dx took."""
    x, y = 0, 1
    eta2 = eta * eta
    d_xy_f, d_yx_g = game.mixed(params, x, x, y), game.mixed(params, y, y, x)
    transposed = None  # in a zero-sum game the matrix is symmetric
    if not game.zero_sum:
        d_xy_g, d_yx_f = game.mixed(params, y, x, y), game.mixed(params, x, y, x)
        transposed = lambda v: vectors.axpy(-eta2, d_xy_g(d_yx_f(v)), v)  # noqa: E731

    def matrix(v):  # I - eta^2 D_xy f D_yx g
        return vectors.axpy(-eta2, d_xy_f(d_yx_g(v)), v)

    b = vectors.scale(-eta, vectors.axpy(-eta, d_xy_f(xi[y]), xi[x]))  # -eta (grad_x f - eta D_xy f grad_y g)
    dx, count = solve(matrix, b, start, tolerance, iterations, transposed)
    dy = vectors.scale(-eta, vectors.add(xi[y], d_yx_g(dx)))  # the best answer to dx
    return dx, dy, count


def _two(params: Vector) -> None:
    if len(params) != 2:
        raise ValueError(f"cgd is for games of two players, this one has {len(params)}")
