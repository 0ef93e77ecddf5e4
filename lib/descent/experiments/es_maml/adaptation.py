"""What a policy does with K + 1 looks at a task before it is judged: the inner operators U of ES-MAML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from descent import vectors
from descent.quiet import tf

Value = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]  # (points [..., d], number of the query) -> returns [...]
Adaptation = Callable[..., tuple[tf.Tensor, Any]]


def monte_carlo(
    value: Value, point: tf.Tensor, noise: tf.Tensor, size: Any, sigma: float = 0.1
) -> tuple[tf.Tensor, Any]:
    r"""Adapt by one step along a Monte Carlo gradient.

    Args:
        value: ``(points, query) -> returns``, the task's; query is 0 for the pivot, [1, ..., K] for all draws.
        point: theta, shape [..., d].
        noise: standard normal, shape [K, ..., d].
        size: alpha, a number, or a tensor of shape [..., 1].
        sigma: size of the draws.

    Returns:
        U(theta), shape [..., d], and how many returns were asked for.

    Source: Song et al. 2020, Algorithm 3; as released (adaptation_optimizers.py): returns are normalised over the pivot
    and the K draws, and a policy whose returns are all equal stays.
    """
    queries = noise.shape[0]
    f_0 = value(point, tf.zeros([], tf.int32))
    f = value(point + sigma * noise, 1 + tf.range(queries))
    everything = tf.concat([f_0[None], f], 0)
    mean, std = tf.reduce_mean(everything, 0), tf.math.reduce_std(everything, 0)
    z = tf.math.divide_no_nan(f - mean, tf.broadcast_to(std, f.shape))
    step = tf.reduce_mean(z[..., None] * noise, 0) / sigma
    return point + vectors.cast(size, point.dtype) * step, queries + 1


def hill_climbing(value: Value, point: tf.Tensor, noise: tf.Tensor, size: Any) -> tuple[tf.Tensor, Any]:
    """Adapt by K attempts, each of which is kept if its return is higher than any before.

    Args:
        value: as of ``monte_carlo``; it is asked one query at a time.
        point: theta, shape [..., d].
        noise: standard normal, shape [K, ..., d].
        size: of an attempt, a number, or a tensor of shape [..., 1].

    Returns:
        U(theta), shape [..., d], and how many returns were asked for.

    Source: Song et al. 2020, section 4.1; as released (adaptation_optimizers.py, one evaluation for each query).
    """
    steps = vectors.cast(size, point.dtype) * noise

    def attempt(k: tf.Tensor, best: tf.Tensor, pivot: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        q = best + steps[k]
        f = value(q, k + 1)
        better = f > pivot
        return k + 1, tf.where(better[..., None], q, best), tf.where(better, f, pivot)

    queries = noise.shape[0]
    start = (tf.constant(0), point, value(point, tf.zeros([], tf.int32)))
    asked, best, _ = tf.while_loop(lambda k, *_: k < queries, attempt, start, maximum_iterations=queries)
    return best, asked + 1


def stay(value: Value, point: tf.Tensor, noise: tf.Tensor, size: Any) -> tuple[tf.Tensor, Any]:
    """Do not adapt: the policy is judged as it is, and nothing is asked for."""
    return point, 0
