r"""Multiscale Adam: several Adams of several time scales run side by side, and the step is a learned mean of theirs.

theta+ = theta - eta sum_i w_i s_i,     s_i = m_i^ / (sqrt(v_i^) + epsilon),     w_i >= 0, sum_i w_i = 1.
"""

from typing import Literal, NamedTuple

import numpy as np

from descent import vectors
from descent.learned.base import Key, LearnedOptimizer, Weights, coordinatewise, dtype_of, stateless_key
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules.base import Rule

SCALES = np.array([(0.99, 0.9999), (0.9, 0.999), (0.8, 0.888), (0.7, 0.777), (0.6, 0.666), (0.5, 0.555)])
EPSILON = 1e-8


class Moments(NamedTuple):
    """Steps made (int64 scalar), and both moments of all Adams, uncorrected, each of shape [n, scales]."""

    steps: tf.Tensor
    m: tf.Tensor
    v: tf.Tensor


def multiscale_adam(
    weighting: Literal["average", "mlp"] = "average",
    learning_rate: float = 1e-3,
    layers: int = 1,
    clock: int = 1,
) -> LearnedOptimizer:
    """A learned mean of six Adams' steps.

    Args:
        weighting: "average": six weights |w_i| / sum |w| for all coordinates; "mlp": a network reads the coordinate's
            six proposals s and returns its own six weights, 6 -> 50 -> softmax.
        learning_rate: eta; it is not learned.
        layers: hidden layers of 50 ReLU units of the network.
        clock: inner steps per tick of the time t in Adam's bias correction. 1 is Adam. Shahid's code ticks once per
            *unroll*, which with unrolls of 20 steps is 20: the slow Adam is then too large early and too small late.

    Returns:
        A learned optimiser; its rule's state is ``Moments``.

    Raises:
        ValueError: a weighting of another name.

    Source: Shahid 2017, chapter 4. The "RNN" of the thesis is "mlp" meta-trained through 20 unrolled steps.
    """
    if weighting not in ("average", "mlp"):
        raise ValueError(f"weighting is 'average' or 'mlp'; got {weighting!r}")
    count = len(SCALES)
    net = mlp([count, *[50] * layers, count])

    def init(key: Key, dtype: tf.DType = tf.float32) -> Weights:
        return tf.ones([count], dtype) if weighting == "average" else net.init(stateless_key(key, 0), dtype)

    def rule(weights: Weights) -> Rule:
        def rule_init(x: tf.Tensor) -> Moments:
            nothing = tf.zeros([x.shape[0], count], x.dtype)
            return Moments(tf.zeros([], tf.int64), nothing, nothing)

        def update(xi: tf.Tensor, state: Moments, x: tf.Tensor) -> tuple[tf.Tensor, Moments]:
            state = moments(xi, state)
            s = proposals(state, clock)
            mixed = tf.reduce_sum(mixture(weights, s) * s, 1)
            return -vectors.cast(learning_rate, x.dtype) * mixed, state

        return coordinatewise(rule_init, update, dtype_of(weights))

    settings = {"weighting": weighting, "learning_rate": learning_rate, "layers": layers, "clock": clock}
    return LearnedOptimizer("multiscale_adam", settings, init, rule)


def moments(xi: tf.Tensor, state: Moments) -> Moments:
    """Return the moments of all Adams after one more gradient xi, shape [n]."""
    beta1, beta2 = (tf.constant(beta, xi.dtype) for beta in SCALES.T)
    g = xi[:, None]
    return Moments(
        state.steps + 1,
        vectors.mean(beta1, state.m, g),
        vectors.mean(beta2, state.v, tf.square(g)),
    )


def proposals(state: Moments, clock: int = 1) -> tf.Tensor:
    """Return the steps s of all Adams at learning rate 1, shape [n, scales]; ``clock`` as in ``multiscale_adam``."""
    beta1, beta2 = (tf.constant(beta, state.m.dtype) for beta in SCALES.T)
    t = tf.cast((state.steps + clock - 1) // clock, state.m.dtype)
    v = state.v / (1 - tf.pow(beta2, t))
    moved = v > 0  # the root has no derivative at 0, where pixels that are never lit keep it
    root = tf.sqrt(tf.where(moved, v, tf.ones_like(v))) + vectors.cast(EPSILON, v.dtype)
    return tf.where(moved, state.m / (1 - tf.pow(beta1, t)) / root, tf.zeros_like(v))


def mixture(weights: Weights, s: tf.Tensor) -> tf.Tensor:
    """Return the weights w of the Adams that propose s: shape [scales] of an average, [n, scales] of a network."""
    if tf.is_tensor(weights):
        return tf.abs(weights) / tf.reduce_sum(tf.abs(weights))
    net = mlp([len(SCALES), *(b.shape[0] for _, b in weights)])
    return tf.nn.softmax(net(weights, s))
