"""LookAhead: each player goes down its loss where the opponents are about to be; LCGD is its linear form."""

from descent import vectors
from descent.games import Game
from descent.rules.base import Rule, stateless
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


@maker
def lookahead(learning_rate: Scalar, extrapolation: Scalar | None = None, linear: bool = False) -> Rule:
    """LookAhead: w_i <- w_i - eta d l_i / d w_i (w_i, w_-i - gamma xi_-i).

    Each player expects the others (-i) to make a step of gradient descent, and does not count on changing that step.
    With ``linear`` the gradient at the opponents' new place is its tangent there,

        w_i <- w_i - eta (xi_i - gamma sum_{j != i} D_ij l_i xi_j),

    which is linearised competitive gradient descent (LCGD); on quadratic games the two agree.

    Args:
        learning_rate: eta.
        extrapolation: gamma, the opponents' expected step size; eta unless given.
        linear: use mixed second derivatives instead of gradients at moved points.

    Returns:
        A rule without state.

    Source: Zhang and Lesser 2010, and LookAhead in Letcher et al. 2019 ("Stable Opponent Shaping"), which is the linear
    form; LCGD: Schaefer and Anandkumar 2019.

    Example:
        >>> distance(lookahead(0.3), duel)
    """
    gamma = learning_rate if extrapolation is None else extrapolation

    def ahead(xi: Vector, params: Vector, game: Game) -> Vector:
        moved = vectors.axpy(-gamma, xi, params)
        players = range(len(params))
        return tuple(game.player_gradient((*moved[:i], params[i], *moved[i + 1 :]), i) for i in players)

    def tangent(xi: Vector, params: Vector, game: Game) -> Vector:
        gradient = list(xi)
        for i in range(len(params)):
            for j in range(len(params)):
                if i != j:
                    gradient[i] = vectors.axpy(-gamma, game.mixed(params, i, i, j)(xi[j]), gradient[i])
        return tuple(gradient)

    gradient = tangent if linear else ahead
    return stateless(lambda xi, params, game: vectors.scale(-learning_rate, gradient(xi, params, game)))
