"""Extragradient: step to a trial point, and go from where you were along the gradient found there."""

from descent import vectors
from descent.games import Game
from descent.rules.base import Rule, stateless
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


@maker
def extragradient(learning_rate: Scalar, extrapolation: Scalar | None = None) -> Rule:
    """Extragradient: w' = w - gamma xi(w),  w <- w - eta xi(w').

    Two gradients a step. In a chain the first may have been adjusted; the second is always the game's own.

    Args:
        learning_rate: eta.
        extrapolation: gamma, the length of the trial step; eta unless given.

    Returns:
        A rule without state.

    Source: Korpelevich 1976 (gamma = eta).

    Example:
        >>> distance(gradient_descent(0.3), duel), distance(extragradient(0.3), duel)
    """
    gamma = learning_rate if extrapolation is None else extrapolation

    def step(xi: Vector, params: Vector, game: Game) -> Vector:
        trial = vectors.axpy(-gamma, xi, params)
        return vectors.scale(-learning_rate, game.gradient(trial))

    return stateless(step)
