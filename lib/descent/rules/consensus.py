"""Consensus optimisation: gradient descent that also goes down |xi|^2."""

from typing import Literal

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Adjustment, stateless
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


@maker
def consensus(gamma: Scalar, alignment: Literal["none", "sign"] = "none") -> Adjustment:
    """Consensus optimisation: xi -> xi + gamma grad H,  H = |xi|^2 / 2,  grad H = J^T xi.

    An adjustment of xi, to be chained: ``chain(consensus(10.0), rmsprop(1e-4))``.

    Args:
        gamma: weight of grad H, in units of 1/curvature.
        alignment: "none" adds gamma grad H always, and so is drawn to any zero of xi, maxima included; "sign" adds
            |gamma| sign<xi, grad H> grad H, so is drawn to zeros where <xi, S xi> > 0 and driven off where < 0.

    Returns:
        An adjustment without state.

    Source: Mescheder et al. 2017; Letcher et al. 2019 compare SGA with aligned consensus too, and the sign here is
    that of their infinitesimal alignment (Definition 6) for the adjustment grad H.

    Example:
        >>> distance(chain(consensus(1.0), gradient_descent(0.1)), duel)
    """
    if alignment not in ("none", "sign"):
        raise ValueError(f'alignment is "none" or "sign", got {alignment!r}')

    def adjust(xi: Vector, params: Vector, game: Game) -> Vector:
        grad_h = game.vjp(params, xi)
        if alignment == "none":
            return vectors.axpy(gamma, grad_h, xi)
        inner = vectors.dot(xi, grad_h)
        return vectors.axpy(tf.abs(vectors.cast(gamma, inner.dtype)) * tf.sign(inner), grad_h, xi)

    return stateless(adjust, Adjustment)
