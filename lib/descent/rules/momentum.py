"""Momentum: the heavy ball and Nesterov's variant of it."""

from descent import vectors
from descent.games import Game
from descent.rules.base import Rule
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


@maker
def momentum(learning_rate: Scalar, beta: Scalar = 0.9) -> Rule:
    """Heavy ball: u <- beta u - eta xi(w),  w <- w + u.

    Args:
        learning_rate: eta.
        beta: the share of the last step that is kept, -1 < beta < 1; negative damps the rotation of games.

    Returns:
        A rule; its state is u, structured like params.

    Source: Polyak 1964; Gidel et al. 2019 ("Negative Momentum for Improved Game Dynamics"); ``keras.optimizers.SGD``.

    Example:
        >>> distance(momentum(0.15, beta=0.5), bowl), distance(alternating(momentum(0.5, beta=-0.5)), duel)
    """

    def update(xi: Vector, u: Vector, params: Vector, game: Game) -> tuple[Vector, Vector]:
        u = vectors.axpy(beta, u, vectors.scale(-learning_rate, xi))
        return u, u

    return Rule(vectors.zeros_like, update)


@maker
def nesterov(learning_rate: Scalar, beta: Scalar = 0.9) -> Rule:
    """Nesterov's momentum: u <- beta u - eta xi(w),  w <- w + beta u - eta xi(w).

    Here w is the point at which the gradient is taken, the look-ahead point of the usual form: with y = w - beta u,
    y and u follow u <- beta u - eta xi(y + beta u), y <- y + u.

    Args:
        learning_rate: eta.
        beta: as in ``momentum``.

    Returns:
        A rule; its state is u, structured like params.

    Source: Sutskever et al. 2013, in the shifted variable; ``keras.optimizers.SGD(nesterov=True)``.

    Example:
        >>> distance(nesterov(0.1, beta=0.5), bowl)
    """

    def update(xi: Vector, u: Vector, params: Vector, game: Game) -> tuple[Vector, Vector]:
        descent = vectors.scale(-learning_rate, xi)
        u = vectors.axpy(beta, u, descent)
        return vectors.axpy(beta, u, descent), u

    return Rule(vectors.zeros_like, update)
