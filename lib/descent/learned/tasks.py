"""Inner problems, and distributions of them: where an optimiser is meta-trained, and where it is put to the test.

A task draws *lanes*: several inner problems of one kind, each with its own start and its own data order, side by side
on a leading axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from descent import vectors
from descent.games import Game
from descent.problems.classification import Classification
from descent.quiet import tf
from descent.vectors import Scalar, Vector


class Task(NamedTuple):
    """A distribution of inner problems.

    Args:
        start: ``(key, lanes) -> (params, context)``, leaves of shape [lanes, ...]; the context is what belongs to one
            inner problem for good: a rescaling, say.
        batch: ``(key, lanes) -> batch``, leaves of shape [lanes, ...]. Keys are stateless seeds, int32 of shape [2].
        loss: ``(params, context, batch) -> scalar``, for one lane.
    """

    start: Callable[[tf.Tensor, int], tuple[Vector, Any]]
    batch: Callable[[tf.Tensor, int], Any]
    loss: Callable[[Vector, Any, Any], tf.Tensor]

    @property
    def game(self) -> Game:
        """Return the one-player game of one lane; its batch is (context, batch)."""
        return Game(lambda params, batch: (self.loss(params[0], *batch),))


def classification(problem: Classification, batch_size: int = 32) -> Task:
    """Make the task of classifying images: random starts, random minibatches.

    Args:
        problem: images, network and loss.
        batch_size: images per minibatch, drawn with replacement.
    """

    def start(key: tf.Tensor, lanes: int) -> tuple[Vector, Any]:
        keys = [tf.random.experimental.stateless_fold_in(key, lane) for lane in range(lanes)]
        drawn = [problem.start(lane_key)[0] for lane_key in keys]
        return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *drawn), ()

    def loss(params: Vector, context: Any, batch: Any) -> tf.Tensor:
        return tf.reduce_mean(problem.losses((params,), batch))

    return Task(start, problem.lane_minibatches(batch_size), loss)


def rescaled(task: Task, r: Scalar = 3.0) -> Task:
    """Make the task in which every coordinate is measured in another unit, drawn afresh for each inner problem.

    The optimiser sees z with params = exp(u) z, u uniform on [-r, r] per coordinate; the start is the same point.

    Args:
        task: to be rescaled.
        r: how far the logarithms of the units go.

    Source: Lv, Jiang and Li 2017, section 4.2 ("random scaling"), r = 3 in their code.
    """

    def start(key: tf.Tensor, lanes: int) -> tuple[Vector, Any]:
        params, context = task.start(key, lanes)
        leaves = tf.nest.flatten(params)
        keys = [tf.random.experimental.stateless_fold_in(key, 10_000 + k) for k in range(len(leaves))]
        units = [
            tf.exp(tf.random.stateless_uniform(leaf.shape, k, -r, r, leaf.dtype))
            for leaf, k in zip(leaves, keys, strict=True)
        ]
        units = tf.nest.pack_sequence_as(params, units)
        return tf.nest.map_structure(tf.divide, params, units), (units, context)

    def loss(params: Vector, context: Any, batch: Any) -> tf.Tensor:
        units, inner = context
        return task.loss(tf.nest.map_structure(tf.multiply, params, units), inner, batch)

    return Task(start, task.batch, loss)


def quadratic(curvatures: tf.Tensor, noise: float = 0.0, start: tf.Tensor | float = 1.0) -> Task:
    """Make the task of descending 1/2 sum_j h_j x_j^2, where every meta-gradient is known exactly.

    Args:
        curvatures: h, shape [d].
        noise: standard deviation of a Gaussian that each minibatch adds to every gradient coordinate.
        start: x_0, a number or shape [d]; the same for all inner problems.
    """
    h = tf.convert_to_tensor(curvatures)

    def begin(key: tf.Tensor, lanes: int) -> tuple[Vector, Any]:
        return tf.broadcast_to(vectors.cast(start, h.dtype), [lanes, *h.shape]), ()

    def batch(key: tf.Tensor, lanes: int) -> tf.Tensor:
        return vectors.cast(noise, h.dtype) * tf.random.stateless_normal([lanes, *h.shape], key, dtype=h.dtype)

    def loss(x: tf.Tensor, context: Any, shift: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(h * tf.square(x)) / 2 + tf.reduce_sum(shift * x)

    return Task(begin, batch, loss)
