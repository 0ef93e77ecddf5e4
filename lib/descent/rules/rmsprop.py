"""RMSProp, in Keras's form and in TensorFlow 1's."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


class RMSPropState(NamedTuple):
    """The running mean of xi^2, structured like params."""

    v: Vector


@maker
def rmsprop(
    learning_rate: Scalar, decay: Scalar = 0.9, epsilon: Scalar = 1e-7, initial_accumulator: Scalar = 0.0
) -> Rule:
    """RMSProp: v <- rho v + (1 - rho) xi^2,  w <- w - eta xi / sqrt(v + epsilon).

    Args:
        learning_rate: eta.
        decay: rho in [0, 1), how much of the mean is kept at a step.
        epsilon: added inside the root.
        initial_accumulator: every coordinate of v before the first step.

    Returns:
        A rule; its state is ``RMSPropState``.

    Source: Tieleman and Hinton 2012, lecture 6e of "Neural Networks for Machine Learning"; defaults and the place of
    epsilon as in ``keras.optimizers.RMSprop``.

    Departures: neither centred nor with momentum, which Keras offers and no paper of this book uses.

    Example:
        >>> distance(rmsprop(0.02), bowl)
    """

    def init(params: Vector) -> RMSPropState:
        return RMSPropState(vectors.scale(initial_accumulator, vectors.ones_like(params)))

    def update(xi: Vector, state: RMSPropState, params: Vector, game: Game) -> tuple[Vector, RMSPropState]:
        def one(g, v):
            return rmsprop_step(g, v, *(vectors.cast(x, g.dtype) for x in (learning_rate, decay, epsilon)))

        step, v = vectors.each(one, xi, state.v)
        return step, RMSPropState(v)

    return Rule(init, update)


@maker
def rmsprop_tf1(learning_rate: Scalar, decay: Scalar = 0.9, epsilon: Scalar = 1e-10) -> Rule:
    """RMSProp as TensorFlow 1 had it: v starts at ones, so the first steps are damped, and epsilon is 1e-10.

    The notebook of SGA's authors runs on it. Its first step is eta xi / sqrt(.9 + .1 xi^2): about eta xi where
    Keras's form makes eta sign(xi) / sqrt(.1), for small xi.

    Args:
        learning_rate: eta.
        decay: rho.
        epsilon: added inside the root.

    Returns:
        A rule; its state is ``RMSPropState``.

    Source: ``tf.compat.v1.train.RMSPropOptimizer`` (its ``rms`` slot is initialised to ones).

    Example:
        >>> distance(rmsprop_tf1(0.02), bowl)
    """
    return rmsprop(learning_rate, decay, epsilon, initial_accumulator=1.0)


def rmsprop_step(g, v, eta, rho, epsilon):
    """One tensor's step, and its new mean square."""
    v = vectors.mean(rho, v, tf.square(g))  # v <- rho v + (1 - rho) xi^2
    return -eta * g * tf.math.rsqrt(v + epsilon), v
