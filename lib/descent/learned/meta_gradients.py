r"""Three ways to a meta-gradient: how the meta-loss of a window of training changes with the optimiser's weights.

*Truncated backpropagation* is exact for the window and blind to what comes after it. *Evolution strategies* ask for
losses only: with eps ~ N(0, sigma^2 I) and antithetic pairs,

    g = eps (L(theta + eps) - L(theta - eps)) / (2 sigma^2),

an unbiased estimate of the gradient of the smoothed meta-loss E L(theta + eps), truncated as well. *Persistent*
evolution strategies cure the truncation: each pair of inner problems keeps going with its own perturbed weights, and is
credited with the sum of all perturbations since it began.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from descent import vectors
from descent.games import Game
from descent.learned.base import Weights
from descent.learned.unroll import Inner, Unroll
from descent.oracles import Estimate, Oracle
from descent.quiet import tf
from descent.vectors import Vector

RESTART, WINDOW, PERTURBATION, HORIZON = 0, 1, 2, 3


class Estimator(NamedTuple):
    """A way to estimate meta-gradients.

    Args:
        name: which, for the record.
        unroll: the window that is estimated.
        init: ``(weights, key) -> state``: inner problems under way, and what else the estimator remembers.
        estimate: ``(weights, state, key) -> (meta-gradient, meta-loss, state)``.
    """

    name: str
    unroll: Unroll
    init: Callable[[Weights, tf.Tensor], Any]
    estimate: Callable[[Weights, Any, tf.Tensor], tuple[Weights, tf.Tensor, Any]]

    @property
    def oracle(self) -> Oracle:
        """Return the oracle that tells these estimates; the weights are the only player's parameters.

        The game behind it has the meta-loss of the window that is estimated, from where its inner problems are.
        """

        def game(params: Vector, state: Any, key: tf.Tensor) -> Game:
            paired = isinstance(state, PersistentLanes)
            inner = state.lanes.inner if paired else state.inner

            def meta_loss(params: Vector, batch: Any) -> tuple[tf.Tensor]:
                inner, key = batch
                losses, _ = self.unroll(params[0], inner, _fold(key, WINDOW), copies=2 if paired else 1)
                return (tf.reduce_mean(losses),)

            return Game(meta_loss, (inner, key))

        def estimate(params: Vector, state: Any, key: tf.Tensor) -> tuple[Estimate, Any]:
            gradient, loss, after = self.estimate(params[0], state, key)
            return Estimate((gradient,), game(params, state, key), (loss,)), after

        return Oracle(lambda params, key: self.init(params[0], key), estimate, game=game)


class Lanes(NamedTuple):
    """Inner problems under way, and the windows that each has left, int32 of shape [tasks]."""

    inner: Inner
    left: tf.Tensor


class PersistentLanes(NamedTuple):
    """Pairs of inner problems: the first half of ``lanes.inner`` trains with theta + eps, the second with theta - eps.

    ``sums`` holds each pair's perturbations since it began, structured like the weights, leaves [tasks, ...].
    """

    lanes: Lanes
    sums: Vector


def truncated_bptt(unroll: Unroll, tasks: int = 8, windows: tuple[int, int] = (1, 10)) -> Estimator:
    """Backpropagation through the window, first- or second-order as the unroll says.

    Args:
        unroll: the window.
        tasks: inner problems side by side; the meta-loss is their mean.
        windows: an inner problem is begun afresh after a number of windows, log-uniform between these two.

    Source: Andrychowicz et al. 2016, section 2; Werbos 1990.
    """

    def init(weights: Weights, key: tf.Tensor) -> Lanes:
        return _fresh(unroll, weights, key, tasks, windows)

    def estimate(weights: Weights, state: Lanes, key: tf.Tensor) -> tuple[Weights, tf.Tensor, Lanes]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            losses, inner = unroll(weights, state.inner, _fold(key, WINDOW))
            loss = tf.reduce_mean(losses)
        gradient = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return gradient, loss, _renewed(unroll, weights, Lanes(inner, state.left - 1), losses, key, windows)

    return Estimator("truncated_bptt", unroll, init, estimate)


def evolution_strategies(
    unroll: Unroll, tasks: int = 8, windows: tuple[int, int] = (1, 10), sigma: float = 0.01
) -> Estimator:
    """Antithetic evolution strategies on the window; with windows (1, 1) the window is all there is, and unbiased.

    Args:
        unroll: the window.
        tasks: pairs of inner problems; each pair has its own perturbation, and shares start and minibatches.
        windows: as in ``truncated_bptt``; what goes on is the half that was trained with theta + eps.
        sigma: standard deviation of the perturbations.

    Source: Metz et al. 2019, section 3; Vicol et al. 2021, equation 1.
    """

    def init(weights: Weights, key: tf.Tensor) -> Lanes:
        return _fresh(unroll, weights, key, tasks, windows)

    def estimate(weights: Weights, state: Lanes, key: tf.Tensor) -> tuple[Weights, tf.Tensor, Lanes]:
        eps = _perturbations(weights, key, tasks, sigma)
        losses, inner = unroll(_pairs(weights, eps), _twice(state.inner), _fold(key, WINDOW), per_lane=True, copies=2)
        upper, lower = tf.split(losses, 2)
        gradient = _weighted_mean(eps, (upper - lower) / (2 * sigma**2))
        kept = Lanes(tf.nest.map_structure(lambda x: x[:tasks], inner), state.left - 1)
        return gradient, tf.reduce_mean(losses), _renewed(unroll, weights, kept, upper, key, windows)

    return Estimator("evolution_strategies", unroll, init, estimate)


def persistent_es(unroll: Unroll, tasks: int = 8, windows: tuple[int, int] = (1, 10), sigma: float = 0.01) -> Estimator:
    """Persistent evolution strategies: unbiased for the whole inner training, updated at every window of it.

    Args:
        unroll: the window.
        tasks: pairs of inner problems.
        windows: as in ``truncated_bptt``.
        sigma: standard deviation of the perturbation that each window draws.

    Source: Vicol, Metz and Sohl-Dickstein 2021, Algorithm 2. Over an inner training of K windows the estimates add up
    to the gradient of E sum_k L_k(theta + eps_1, ..., theta + eps_k); ours is K times smaller, their mean.
    """

    def init(weights: Weights, key: tf.Tensor) -> PersistentLanes:
        lanes = _fresh(unroll, weights, key, tasks, windows)
        return PersistentLanes(Lanes(_twice(lanes.inner), lanes.left), _no_perturbations(weights, tasks))

    def estimate(
        weights: Weights, state: PersistentLanes, key: tf.Tensor
    ) -> tuple[Weights, tf.Tensor, PersistentLanes]:
        eps = _perturbations(weights, key, tasks, sigma)
        sums = vectors.add(state.sums, eps)
        losses, inner = unroll(_pairs(weights, eps), state.lanes.inner, _fold(key, WINDOW), per_lane=True, copies=2)
        upper, lower = tf.split(losses, 2)
        gradient = _weighted_mean(sums, (upper - lower) / (2 * sigma**2))
        left = state.lanes.left - 1
        over = _over(left, upper + lower)
        fresh = init(weights, _fold(key, RESTART))
        both = tf.concat([over, over], 0)
        lanes = Lanes(_choose(both, fresh.lanes.inner, inner), tf.where(over, fresh.lanes.left, left))
        return gradient, tf.reduce_mean(losses), PersistentLanes(lanes, _choose(over, fresh.sums, sums))

    return Estimator("persistent_es", unroll, init, estimate)


def _fold(key: tf.Tensor, stream: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(key, stream)


def _fresh(unroll: Unroll, weights: Weights, key: tf.Tensor, tasks: int, windows: tuple[int, int]) -> Lanes:
    low, high = windows
    u = tf.random.stateless_uniform([tasks], _fold(key, HORIZON), dtype=tf.float64)
    logarithm = tf.math.log(vectors.cast(low, u.dtype)) + u * tf.math.log(vectors.cast((high + 1) / low, u.dtype))
    left = tf.minimum(tf.cast(tf.exp(logarithm), tf.int32), high)
    return Lanes(unroll.start(weights, _fold(key, RESTART), tasks), left)


def _renewed(
    unroll: Unroll, weights: Weights, lanes: Lanes, losses: tf.Tensor, key: tf.Tensor, windows: tuple[int, int]
) -> Lanes:
    """Begin afresh the inner problems that are over, or whose loss is no longer finite."""
    over = _over(lanes.left, losses)
    fresh = _fresh(unroll, weights, _fold(key, RESTART), losses.shape[0], windows)
    return _choose(over, fresh, lanes)


def _over(left: tf.Tensor, losses: tf.Tensor) -> tf.Tensor:
    return (left <= 0) | ~tf.math.is_finite(losses)


def _choose(mask: tf.Tensor, x: Vector, y: Vector) -> Vector:
    """Return x's lanes where the mask, shape [lanes], is true, and y's elsewhere."""

    def choose(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.reshape(mask, [-1] + [1] * (a.shape.rank - 1)), a, b)

    return tf.nest.map_structure(choose, x, y)


def _perturbations(weights: Weights, key: tf.Tensor, tasks: int, sigma: float) -> Vector:
    leaves = tf.nest.flatten(weights)
    seeds = [_fold(_fold(key, PERTURBATION), k) for k in range(len(leaves))]
    drawn = [
        tf.random.stateless_normal([tasks, *leaf.shape], seed, stddev=sigma, dtype=leaf.dtype)
        for leaf, seed in zip(leaves, seeds, strict=True)
    ]
    return tf.nest.pack_sequence_as(weights, drawn)


def _no_perturbations(weights: Weights, tasks: int) -> Vector:
    return tf.nest.map_structure(lambda leaf: tf.zeros([tasks, *leaf.shape], leaf.dtype), weights)


def _pairs(weights: Weights, eps: Vector) -> Vector:
    return tf.nest.map_structure(lambda w, e: tf.concat([w + e, w - e], 0), weights, eps)


def _twice(x: Vector) -> Vector:
    return tf.nest.map_structure(lambda leaf: tf.concat([leaf, leaf], 0), x)


def _weighted_mean(eps: Vector, factors: tf.Tensor) -> Vector:
    """Return the mean over tasks of factor x eps; a task whose losses are not finite counts as zero."""
    factors = tf.where(tf.math.is_finite(factors), factors, tf.zeros_like(factors))
    count = vectors.cast(factors.shape[0], factors.dtype)

    def mean(e: tf.Tensor) -> tf.Tensor:
        return tf.tensordot(tf.cast(factors, e.dtype), e, 1) / tf.cast(count, e.dtype)

    return tf.nest.map_structure(mean, eps)
