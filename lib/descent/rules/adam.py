"""Adam, and AMSGrad, which is Adam with a second moment that never shrinks."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.rules.makers import maker
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


@maker
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

    Example:
        >>> distance(adam(0.1), bowl)
        0.383
        >>> distance(adam(linear(0.1, 0.0, 50)), bowl)  # a rate that falls to zero
        0.27
    """

    def init(params: Vector) -> AdamState:
        return AdamState(tf.zeros([], tf.int64), vectors.zeros_like(params), vectors.zeros_like(params))

    def update(xi: Vector, state: AdamState, params: Vector, game: Game) -> tuple[Vector, AdamState]:
        t = state.t + 1

        def one(g, m, v):
            numbers = (vectors.cast(x, g.dtype) for x in (t, learning_rate, beta1, beta2, epsilon))
            return adam_step(g, m, v, *numbers)

        step, m, v, _ = vectors.each(one, xi, state.m, state.v)
        return step, AdamState(t, m, v)

    return Rule(init, update)


@maker
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

    Example:
        >>> distance(amsgrad(0.1), bowl)
        0.383
    """

    def init(params: Vector) -> AMSGradState:
        zero = vectors.zeros_like(params)
        return AMSGradState(AdamState(tf.zeros([], tf.int64), zero, zero), zero)

    def update(xi: Vector, state: AMSGradState, params: Vector, game: Game) -> tuple[Vector, AMSGradState]:
        t = state.adam.t + 1

        def one(g, m, v, largest):
            time, eta, b1, b2, eps = (vectors.cast(x, g.dtype) for x in (t, learning_rate, beta1, beta2, epsilon))
            return adam_step(g, m, v, time, eta, b1, b2, eps, largest)

        step, m, v, largest = vectors.each(one, xi, state.adam.m, state.adam.v, state.largest)
        return step, AMSGradState(AdamState(t, m, v), largest)

    return Rule(init, update)


def adam_step(g, m, v, t, eta, beta1, beta2, epsilon, largest=None):
    """One tensor's step at time t = 1, 2, ..., its new moments, and v or, for AMSGrad, the largest v so far."""
    m = vectors.mean(beta1, m, g)  # m <- beta1 m + (1 - beta1) xi
    v = vectors.mean(beta2, v, tf.square(g))  # v <- beta2 v + (1 - beta2) xi^2
    bound = v if largest is None else tf.maximum(largest, v)
    rate = eta * tf.sqrt(1 - beta2**t) / (1 - beta1**t)  # undoes the moments' start at zero
    return -rate * m / (tf.sqrt(bound) + epsilon), m, v, bound
