"""Symplectic gradient adjustment (SGA): gradient descent that also turns against the game's rotation."""

from typing import Literal

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Adjustment, stateless
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector

Alignment = Literal["none", "paper", "notebook"]


@maker
def sga(strength: Scalar = 1.0, alignment: Alignment = "none", epsilon: Scalar = 0.1) -> Adjustment:
    """Symplectic gradient adjustment: xi -> xi + lambda A^T xi,  A = (J - J^T) / 2.

    With alignment the sign of lambda is chosen so that the adjusted xi turns towards stable fixed points and away from
    unstable ones:

        lambda <- lambda sign( <xi, grad H> <A^T xi, grad H> / d + epsilon ),      grad H = J^T xi.

    An adjustment of xi, to be chained: ``chain(sga(1.0), rmsprop_tf1(1e-4))``.

    Args:
        strength: lambda, in units of 1/curvature.
        alignment: "none" keeps lambda; "paper" takes d = number of coordinates of params; "notebook" takes d = number
            of tensors in params, as the authors' notebook does.
        epsilon: leans the sign towards +1 where the inner products are small.

    Returns:
        An adjustment without state.

    Source: Letcher et al. 2019, Algorithm 1 (epsilon = 1/10); Balduzzi et al. 2018; the authors' notebook.

    Departures: ours lets lambda be other than 1 with alignment.

    Example:
        >>> distance(gradient_descent(0.3), duel), distance(chain(sga(1.0), gradient_descent(0.3)), duel)
    """
    if alignment not in ("none", "paper", "notebook"):
        raise ValueError(f'alignment is "none", "paper" or "notebook", got {alignment!r}')

    return stateless(lambda xi, params, game: adjusted(xi, params, game, strength, alignment, epsilon), Adjustment)


def adjusted(xi: Vector, params: Vector, game: Game, strength: Scalar, alignment: Alignment, epsilon: Scalar) -> Vector:
    """Return xi + lambda A^T xi, with lambda's sign chosen by the alignment."""
    if alignment == "none":
        return vectors.axpy(strength, game.rotation(params, xi), xi)
    j_xi, grad_h = game.products(params, xi)  # grad H = J^T xi
    turn = vectors.scale(0.5, vectors.subtract(grad_h, j_xi))  # A^T xi
    d = vectors.size(params) if alignment == "paper" else len(tf.nest.flatten(params))
    product = vectors.dot(xi, grad_h) * vectors.dot(turn, grad_h) / d
    sign = tf.sign(product + vectors.cast(epsilon, product.dtype))
    return vectors.axpy(vectors.cast(strength, product.dtype) * sign, turn, xi)
