"""Gradient descent, all players at once."""

from descent import vectors
from descent.rules.base import Rule, stateless
from descent.rules.makers import maker
from descent.vectors import Scalar


@maker
def gradient_descent(learning_rate: Scalar) -> Rule:
    """Simultaneous gradient descent: w <- w - eta xi(w).

    Args:
        learning_rate: eta > 0, a number or a scalar tensor.

    Returns:
        A rule without state.

    Source: Letcher et al. 2019, section 2 ("SimGD"); forward Euler on dw/dt = -xi.

    Example:
        >>> distance(gradient_descent(0.15), bowl), distance(gradient_descent(0.15), duel)
    """
    eta = learning_rate
    return stateless(lambda xi, params, game: vectors.scale(-eta, xi))
