"""Other ways to exact zeros: sparsemax, STR's threshold, hard-concrete gates, and soft thresholds as proximal steps."""

from __future__ import annotations

import math
from collections.abc import Callable

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, stateless
from descent.vectors import Scalar, Vector

# Louizos et al. 2018, section 4: the stretched interval, and the temperature.
LOW, HIGH, TEMPERATURE = -0.1, 1.1, 2 / 3


def sparsemax(z: tf.Tensor) -> tf.Tensor:
    """Return the point of the simplex nearest to z, relu(z_i - t) with sum 1; its gradient is exact but at kinks.

    Args:
        z: shape [n].

    Source: Martins and Astudillo 2016, Algorithm 1: with z sorted, t = (sum of the k largest - 1) / k for the largest
    k with 1 + k z_(k) > that sum.
    """
    falling = tf.sort(tf.stop_gradient(z), direction="DESCENDING")
    sums = tf.cumsum(falling)
    count = tf.range(1, z.shape[0] + 1, dtype=z.dtype)
    among = tf.cast(1 + count * falling > sums, z.dtype)  # 1 for the k largest
    size = tf.reduce_sum(among)
    alive = tf.cast(tf.stop_gradient(z) > (tf.reduce_sum(among * falling) - 1) / size, z.dtype)
    return tf.nn.relu(z - (tf.reduce_sum(alive * z) - 1) / size)


def soft_threshold(x: tf.Tensor, t: Scalar) -> tf.Tensor:
    """Return sign(x) relu(|x| - t), the proximal map of t |x|_1; shaped like x."""
    return tf.sign(x) * tf.nn.relu(tf.abs(x) - t)


def block_soft_threshold(x: tf.Tensor, t: Scalar, axis: int) -> tf.Tensor:
    """Return x relu(1 - t / |x|) with norms along an axis, the proximal map of t times the sum of norms.

    Args:
        x: shape [n, m].
        t: the threshold.
        axis: along which the groups lie: 1 if rows are groups.

    Source: Yuan and Lin 2006, equation 2.4, the group lasso's.
    """
    size = tf.norm(x, axis=axis, keepdims=True)
    kept = size > t
    return tf.where(kept, x * (1 - t / tf.where(kept, size, tf.ones_like(size))), tf.zeros_like(x))


def threshold_reparametrised(v: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
    """Return STR's weights, sign(v) relu(|v| - sigmoid(s)), with one threshold s for all of them.

    Source: Kusupati et al. 2020, equation 4, and their ``utils/conv_type.py``.
    """
    return soft_threshold(v, tf.sigmoid(s))


def hard_concrete(log_alpha: tf.Tensor, uniforms: tf.Tensor | None = None) -> tf.Tensor:
    """Return gates between 0 and 1 that are exactly 0 or 1 with positive probability.

    Args:
        log_alpha: shape [n].
        uniforms: the step's noise, uniform on (0, 1), shape [n]; None: the gates used once training has ended.

    Source: Louizos et al. 2018, equations 10, 11 and 13.
    """
    if uniforms is None:
        concrete = tf.sigmoid(log_alpha)
    else:
        concrete = tf.sigmoid((tf.math.log(uniforms) - tf.math.log1p(-uniforms) + log_alpha) / TEMPERATURE)
    return tf.clip_by_value(concrete * (HIGH - LOW) + LOW, 0.0, 1.0)


def expected_gates(log_alpha: tf.Tensor) -> tf.Tensor:
    """Return the expected number of gates that are not 0, a scalar.

    Source: Louizos et al. 2018, equation 12.
    """
    return tf.reduce_sum(tf.sigmoid(log_alpha - TEMPERATURE * math.log(-LOW / HIGH)))


def proximal_descent(learning_rate: Scalar, proximal: Callable[[Vector, Scalar], Vector]) -> Rule:
    """Proximal gradient descent: w <- prox_eta(w - eta xi(w)).

    Args:
        learning_rate: eta.
        proximal: ``(params, eta) -> params``, the proximal map of eta times the part of the loss that has no gradient.

    Returns:
        A rule without state; where the map gives 0, the parameter becomes exactly 0, for x + (0 - x) is.

    Source: Beck and Teboulle 2009, equation 1.5 (ISTA is the case of an l1 norm).
    """

    def update(xi: Vector, params: Vector, game: Game) -> Vector:
        ahead = vectors.add(params, vectors.scale(-learning_rate, xi))
        return tf.nest.map_structure(lambda new, old: new - old, proximal(ahead, learning_rate), params)

    return stateless(update)
