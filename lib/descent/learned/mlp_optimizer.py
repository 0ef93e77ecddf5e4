"""A small network per coordinate on nineteen features, in the manner of the library ``learned_optimization``."""

from typing import NamedTuple

import numpy as np

from descent import vectors
from descent.games import Game
from descent.learned.base import Key, LearnedOptimizer, Weights, dtype_of, stateless_key
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules.base import Rule
from descent.vectors import Vector

DECAYS = np.array([0.1, 0.5, 0.9, 0.99, 0.999, 0.9999])
TIMESCALES = np.array([1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000])
FEATURES = 2 + len(DECAYS) + len(TIMESCALES)


class MLPOptimizerState(NamedTuple):
    """Steps made (int64 scalar) and the running means of xi: per parameter tensor one of shape [coordinates, 6]."""

    t: tf.Tensor
    means: Vector


def mlp_optimizer(hidden: int = 32, layers: int = 2, step: float = 1e-3, exponent: float = 1e-3) -> LearnedOptimizer:
    """A network reads gradient, parameter, six running means and the time, and writes a direction and a magnitude:

        theta+ = theta - step direction exp(exponent magnitude).

    Args:
        hidden: ReLU units per layer.
        layers: hidden layers.
        step: scale of the steps.
        exponent: scale of the magnitude.

    Returns:
        A learned optimiser; its rule's state is ``MLPOptimizerState``.

    Source: Metz et al. 2019 ("Understanding and correcting pathologies ..."); ``MLPLOpt`` of ``learned_optimization``.
    The first eight features are divided, per parameter tensor, by their root mean square over its coordinates; the time
    enters as tanh(t / tau - 1) for eleven tau from 1 to 100,000.
    """
    net = mlp([FEATURES, *[hidden] * layers, 2])

    def init(key: Key, dtype: tf.DType = tf.float32) -> Weights:
        return net.init(stateless_key(key, 0), dtype)

    def rule(weights: Weights) -> Rule:
        dtype = dtype_of(weights)

        def rule_init(params: Vector) -> MLPOptimizerState:
            means = tf.nest.map_structure(lambda w: tf.zeros([w.shape.num_elements(), len(DECAYS)], dtype), params)
            return MLPOptimizerState(tf.zeros([], tf.int64), means)

        def update(
            xi: Vector, state: MLPOptimizerState, params: Vector, game: Game
        ) -> tuple[Vector, MLPOptimizerState]:
            rho = tf.constant(DECAYS, dtype)
            clock = tf.tanh(tf.cast(state.t, dtype) / tf.constant(TIMESCALES, dtype) - 1)

            def column(w: tf.Tensor) -> tf.Tensor:
                return tf.reshape(tf.cast(w, dtype), [-1, 1])

            def one_tensor(w: tf.Tensor, g: tf.Tensor, mean: tf.Tensor) -> tf.Tensor:
                seen = tf.concat([column(g), column(w), mean], 1)
                seen *= tf.math.rsqrt(tf.reduce_mean(tf.square(seen), 0) + vectors.cast(1e-5, dtype))
                times = tf.broadcast_to(clock, [seen.shape[0], len(TIMESCALES)])
                heading, magnitude = tf.unstack(net(weights, tf.concat([seen, times], 1)), axis=1)
                move = vectors.cast(step, dtype) * heading * tf.exp(vectors.cast(exponent, dtype) * magnitude)
                return -tf.cast(tf.reshape(move, w.shape), w.dtype)

            means = vectors.mean(rho, state.means, tf.nest.map_structure(column, xi))
            return tf.nest.map_structure(one_tensor, params, xi, means), MLPOptimizerState(state.t + 1, means)

        return Rule(rule_init, update)

    settings = {"hidden": hidden, "layers": layers, "step": step, "exponent": exponent}
    return LearnedOptimizer("mlp_optimizer", settings, init, rule)
