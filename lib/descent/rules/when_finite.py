"""A rule that leaves out steps whose gradient is not finite."""

from collections.abc import Callable
from typing import Any, NamedTuple

from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.vectors import Scalar, Vector


class Counted(NamedTuple):
    """Steps so far, those left out included, and the inner rule's state."""

    step: tf.Tensor
    inner: Any


def when_finite(
    make_rule: Callable[[Scalar], Rule], learning_rate: Callable[[tf.Tensor], Scalar], clip: Scalar | None = None
) -> Rule:
    """Make a rule that stands still, and forgets that it was asked, where the gradient's norm is not finite.

    Args:
        make_rule: ``learning rate -> Rule``.
        learning_rate: a function of the step, a scalar int64, which counts steps left out as well.
        clip: the gradient is scaled down to this norm if it is longer; None leaves it.

    Returns:
        A rule; its state is ``Counted``.

    Source: clipping by norm, Pascanu, Mikolov and Bengio 2013, Algorithm 1.
    """

    def update(xi: Vector, state: Counted, params: Vector, game: Game) -> tuple[Vector, Counted]:
        norm = tf.linalg.global_norm(tf.nest.flatten(xi))
        finite = tf.math.is_finite(norm)
        if clip is not None:
            factor = tf.minimum(1.0, clip / tf.maximum(norm, 1e-30))
            xi = tf.nest.map_structure(lambda g: g * tf.cast(factor, g.dtype), xi)
        change, inner = make_rule(learning_rate(state.step)).update(xi, state.inner, params, game)
        change = tf.nest.map_structure(lambda x: tf.where(finite, x, tf.zeros_like(x)), change)
        inner = tf.nest.map_structure(lambda new, old: tf.where(finite, new, old), inner, state.inner)
        return change, Counted(state.step + 1, inner)

    return Rule(lambda params: Counted(tf.constant(0, tf.int64), make_rule(0.0).init(params)), update)
