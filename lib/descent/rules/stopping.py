"""Lanes that diverge one by one, where a whole run would be lost for the first of them."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, State, that_steps
from descent.rules.makers import maker
from descent.vectors import Vector


class StoppingState(NamedTuple):
    """Which lanes have stopped, shape [lanes], and the inner rule's state."""

    stopped: tf.Tensor
    inner: State


@maker
def stopping(rule: Rule) -> Rule:
    """Keep lanes apart when one diverges: from its first step that is not finite on, a lane stands still.

    Args:
        rule: of params whose leaves have a leading axis of lanes.

    Returns:
        A rule; its state is ``StoppingState``.

    Example:
        >>> from descent.simulate import Simulator
        >>> run = Simulator(bowl[0], stopping(gradient_descent(0.5))).run(bowl[1], steps=100)
        >>> run.state.stopped.numpy().tolist()  # the bowl's coordinates are two lanes here
    """

    def init(params: Vector) -> StoppingState:
        lanes = tf.nest.flatten(params)[0].shape[0]
        return StoppingState(tf.zeros([lanes], tf.bool), rule.init(params))

    def update(xi: Vector, state: StoppingState, params: Vector, game: Game) -> tuple[Vector, StoppingState]:
        step, inner = that_steps(rule).update(xi, state.inner, params, game)
        arrived = vectors.add(params, step)
        finite = [tf.reduce_all(tf.math.is_finite(x), range(1, x.shape.rank)) for x in tf.nest.flatten(arrived)]
        stopped = state.stopped | ~tf.reduce_all(tf.stack(finite), 0)

        def hold(x: tf.Tensor) -> tf.Tensor:
            return tf.where(tf.reshape(stopped, [-1] + [1] * (x.shape.rank - 1)), tf.zeros_like(x), x)

        return tf.nest.map_structure(hold, step), StoppingState(stopped, inner)

    return Rule(init, update)
