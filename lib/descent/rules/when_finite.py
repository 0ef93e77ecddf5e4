"""Steps left out where a gradient is not finite, and gradients cut to length."""

from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Adjustment, Rule, State, stateless, that_steps
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


@maker
def clip(length: Scalar) -> Adjustment:
    """Scale the gradient down to a length if it is longer.

    Args:
        length: the largest Euclidean norm, over all players' coordinates.

    Returns:
        An adjustment without state.

    Source: Pascanu, Mikolov and Bengio 2013, Algorithm 1.

    Example:
        >>> distance(chain(clip(1.0), gradient_descent(0.15)), bowl)
        0.091
    """

    def clipped(xi: Vector, params: Vector, game: Game) -> Vector:
        norm = tf.linalg.global_norm(tf.nest.flatten(xi))
        factor = tf.minimum(tf.cast(length, norm.dtype) / tf.maximum(norm, 1e-30), 1.0)
        return tf.nest.map_structure(lambda g: g * tf.cast(factor, g.dtype), xi)

    return stateless(clipped, Adjustment)


@maker
def when_finite(rule: Rule) -> Rule:
    """Stand still, and remember nothing of the step, where the gradient's norm is not finite.

    Args:
        rule: the rule.

    Returns:
        A rule whose state is the inner rule's.

    Source: ``optax.apply_if_finite``, without its limit to how often.

    Example:
        >>> distance(when_finite(gradient_descent(0.15)), bowl)
        0.039
    """

    def update(xi: Vector, state: State, params: Vector, game: Game) -> tuple[Vector, State]:
        finite = tf.math.is_finite(tf.linalg.global_norm(tf.nest.flatten(xi)))
        change, inner = that_steps(rule).update(xi, state, params, game)
        change = tf.nest.map_structure(lambda x: tf.where(finite, x, tf.zeros_like(x)), change)
        return change, tf.nest.map_structure(lambda new, old: tf.where(finite, new, old), inner, state)

    return Rule(rule.init, update)
