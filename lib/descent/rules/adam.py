"""Adam, and AMSGrad, which is Adam with a second moment that never shrinks."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.vectors import Scalar, Vector


class AdamState(NamedTuple):
    """Steps made so far (int64 scalar) and the moments, structured like params."""

    t: tf.Tensor
    m: Vector
    v: Vector


class AMSGradState(NamedTuple):
    """Adam's state and the largest second moment so far, structured like params."""

    adam: AdamState
    largest: Vector


def adam(learning_rate: Scalar, beta1: Scalar = 0.9, beta2: Scalar = 0.999, epsilon: Scalar = 1e-7) -> Rule:
    """Adam: running means of xi and xi^2, corrected for their start at zero.

        m <- beta1 m + (1 - beta1) xi,     v <- beta2 v + (1 - beta2) xi^2,
        w <- w - eta sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon),      t = 1, 2, ...

    Args:
        learning_rate: eta.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        epsilon: added to the root of the uncorrected v.

    Returns:
        A rule; its state is ``AdamState``.

    Source: Kingma and Ba 2015, the formula just before section 2.1; ``keras.optimizers.Adam``.

    Departures: from the paper's Algorithm 1, Optax and PyTorch, which add epsilon to the root of the *corrected* v.
    """

    def init(params: Vector) -> AdamState:
        return AdamState(tf.zeros([], tf.int64), vectors.zeros_like(params), vectors.zeros_like(params))

    def update(xi: Vector, state: AdamState, params: Vector, game: Game) -> tuple[Vector, AdamState]:
        state = _moments(xi, state, beta1, beta2)
        return _step(state.t, state.m, state.v, learning_rate, beta1, beta2, epsilon), state

    return Rule(init, update)


def amsgrad(learning_rate: Scalar, beta1: Scalar = 0.9, beta2: Scalar = 0.999, epsilon: Scalar = 1e-7) -> Rule:
    """AMSGrad: Adam that divides by the root of the largest v so far, so no coordinate's step size ever grows.

    Args:
        learning_rate: eta.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        epsilon: added to the root.

    Returns:
        A rule; its state is ``AMSGradState``.

    Source: Reddi et al. 2018; ``keras.optimizers.Adam(amsgrad=True)``, which corrects for the moments' start at zero.
    """
    inner = adam(learning_rate, beta1, beta2, epsilon)

    def init(params: Vector) -> AMSGradState:
        return AMSGradState(inner.init(params), vectors.zeros_like(params))

    def update(xi: Vector, state: AMSGradState, params: Vector, game: Game) -> tuple[Vector, AMSGradState]:
        moments = _moments(xi, state.adam, beta1, beta2)
        largest = tf.nest.map_structure(tf.maximum, state.largest, moments.v)
        step = _step(moments.t, moments.m, largest, learning_rate, beta1, beta2, epsilon)
        return step, AMSGradState(moments, largest)

    return Rule(init, update)


def _moments(xi: Vector, state: AdamState, beta1: Scalar, beta2: Scalar) -> AdamState:
    def mean(beta, old, new):
        beta = vectors.cast(beta, old.dtype)
        return beta * old + (1 - beta) * new

    m = tf.nest.map_structure(lambda m, g: mean(beta1, m, g), state.m, xi)
    v = tf.nest.map_structure(lambda v, g: mean(beta2, v, tf.square(g)), state.v, xi)
    return AdamState(state.t + 1, m, v)


def _step(
    t: tf.Tensor, m: Vector, v: Vector, learning_rate: Scalar, beta1: Scalar, beta2: Scalar, epsilon: Scalar
) -> Vector:
    def step(m, v):
        eta, b1, b2, eps = (vectors.cast(x, m.dtype) for x in (learning_rate, beta1, beta2, epsilon))
        power = tf.cast(t, m.dtype)
        return -eta * tf.sqrt(1 - b2**power) / (1 - b1**power) * m / (tf.sqrt(v) + eps)

    return tf.nest.map_structure(step, m, v)
