"""A factor on the gradient: a learning rate apart from the rule, or a loss in other units."""

from descent import vectors
from descent.rules.base import Adjustment, stateless
from descent.rules.makers import maker
from descent.vectors import Scalar


@maker
def scale(factor: Scalar) -> Adjustment:
    """Scale the gradient: xi -> factor xi.

    Args:
        factor: a number, a scalar tensor or a schedule.

    Returns:
        An adjustment without state.

    Source: ``optax.scale``, without its minus sign: here the rule at a chain's end descends.

    Example:
        >>> distance(chain(scale(0.5), gradient_descent(0.3)), bowl)  # gradient_descent(0.15)
    """
    return stateless(lambda xi, params, game: vectors.scale(factor, xi), Adjustment)
