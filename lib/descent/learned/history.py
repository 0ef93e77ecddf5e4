r"""Learning to optimise with normalised inputs: one small network reads each coordinate's own recent past.

For every coordinate alone there is a row of k past gradients and a row of k past positions. The network sees the
gradients over their largest modulus, so neither the loss's scale nor the parameters' shows, and answers with a number
delta in [-1, 1]. The scale comes from the positions:

    x+ = x_ref + delta (x_max - x_min + eta_min),

so a coordinate that has been moving takes steps as wide as it has moved, and one that stands still steps by eta_min.
"""

from typing import NamedTuple

import numpy as np

from descent import vectors
from descent.learned.base import Key, LearnedOptimizer, Weights, coordinatewise, dtype_of, stateless_key
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules.base import Rule

MAGNITUDES = np.linspace(0.0, 1.0, 10)


class History(NamedTuple):
    """Rows of gradients and of positions (or of their means), each of shape [n, k]."""

    xi: tf.Tensor
    x: tf.Tensor


def normalized_history(k: int = 20, hidden: int = 50, eta_min: float = 1e-4) -> LearnedOptimizer:
    """The optimiser that sees the last k gradients and moves about the middle of its last k positions.

    Args:
        k: how many steps it remembers, the current one included.
        hidden: ReLU units of the network k -> hidden -> 12.
        eta_min: the width of a step where nothing has moved yet, in the parameters' unit.

    Returns:
        A learned optimiser; its rule's state is ``History``, newest first.

    Source: Shahid 2017, chapter 3; x_ref = (x_max + x_min) / 2.

    Departures: the pseudo-code subtracts delta (...), the code adds it; this adds. The history starts as k copies of
    the first position with zero gradients, where the code first makes k steps to fill it.
    """
    net = mlp([k, hidden, len(MAGNITUDES) + 2])

    def rule(weights: Weights) -> Rule:
        def init(x: tf.Tensor) -> History:
            return History(tf.zeros([x.shape[0], k], x.dtype), tf.repeat(x[:, None], k, 1))

        def update(xi: tf.Tensor, state: History, x: tf.Tensor) -> tuple[tf.Tensor, History]:
            state = History(_pushed(xi, state.xi), _pushed(x, state.x))
            high, low = tf.reduce_max(state.x, 1), tf.reduce_min(state.x, 1)
            delta = direction(net(weights, normalized(state.xi)))
            return (high + low) / 2 + delta * (high - low + vectors.cast(eta_min, x.dtype)) - x, state

        return coordinatewise(init, update, dtype_of(weights))

    settings = {"k": k, "hidden": hidden, "eta_min": eta_min}
    return LearnedOptimizer("normalized_history", settings, _init(net), rule)


def k_momentums(k: int = 6, hidden: int = 50, eta_min: float = 1e-4) -> LearnedOptimizer:
    """The optimiser that remembers k running means instead of k steps, and moves about where it is.

    Args:
        k: how many means, with decays evenly spaced from .2 to .99.
        hidden: ReLU units of the network k -> hidden -> 12.
        eta_min: the width of a step where nothing has moved yet, in the parameters' unit.

    Returns:
        A learned optimiser; its rule's state is ``History`` with the running means of gradients (from zero) and of
        positions (from the first one).

    Source: Shahid 2017, chapter 3, "k momentums"; x_ref = x.
    """
    net = mlp([k, hidden, len(MAGNITUDES) + 2])
    decays = np.linspace(0.2, 0.99, k)

    def rule(weights: Weights) -> Rule:
        def init(x: tf.Tensor) -> History:
            return History(tf.zeros([x.shape[0], k], x.dtype), tf.repeat(x[:, None], k, 1))

        def update(xi: tf.Tensor, state: History, x: tf.Tensor) -> tuple[tf.Tensor, History]:
            mean = vectors.mean(tf.constant(decays, x.dtype), state, History(xi[:, None], x[:, None]))
            width = tf.reduce_max(mean.x, 1) - tf.reduce_min(mean.x, 1) + vectors.cast(eta_min, x.dtype)
            return direction(net(weights, normalized(mean.xi))) * width, mean

        return coordinatewise(init, update, dtype_of(weights))

    settings = {"k": k, "hidden": hidden, "eta_min": eta_min}
    return LearnedOptimizer("k_momentums", settings, _init(net), rule)


def normalized(rows: tf.Tensor) -> tf.Tensor:
    """Return rows [n, k] each divided by its largest modulus; rows of zeros stay."""
    largest = tf.reduce_max(tf.abs(rows), 1, keepdims=True)
    return rows / tf.where(largest > 0, largest, tf.ones_like(largest))


def direction(logits: tf.Tensor) -> tf.Tensor:
    """Return delta in [-1, 1], shape [n]: the expected magnitude times the expected sign.

    Args:
        logits: of ten magnitudes from 0 to 1, then of the signs - and +; shape [n, 12].
    """
    magnitude = tf.nn.softmax(logits[:, : len(MAGNITUDES)])
    sign = tf.nn.softmax(logits[:, len(MAGNITUDES) :])
    return tf.linalg.matvec(magnitude, tf.constant(MAGNITUDES, logits.dtype)) * (sign[:, 1] - sign[:, 0])


def _pushed(new: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    return tf.concat([new[:, None], rows[:, :-1]], 1)


def _init(net):
    def init(key: Key, dtype: tf.DType = tf.float32) -> Weights:
        return net.init(stateless_key(key, 0), dtype)

    return init
