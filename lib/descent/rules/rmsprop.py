"""RMSProp, in Keras's form and in TensorFlow 1's."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.vectors import Scalar, Vector


class RMSPropState(NamedTuple):
    """The running mean of xi^2, structured like params."""

    v: Vector


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
    """

    def init(params: Vector) -> RMSPropState:
        return RMSPropState(vectors.scale(initial_accumulator, vectors.ones_like(params)))

    def update(xi: Vector, state: RMSPropState, params: Vector, game: Game) -> tuple[Vector, RMSPropState]:
        def mean(v, g):
            rho = vectors.cast(decay, g.dtype)
            return rho * v + (1 - rho) * tf.square(g)

        def step(v, g):
            return -vectors.cast(learning_rate, g.dtype) * g * tf.math.rsqrt(v + vectors.cast(epsilon, g.dtype))

        v = tf.nest.map_structure(mean, state.v, xi)
        return tf.nest.map_structure(step, v, xi), RMSPropState(v)

    return Rule(init, update)


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
    """
    return rmsprop(learning_rate, decay, epsilon, initial_accumulator=1.0)
