"""Inner problems, and distributions of them: where an optimiser is meta-trained, and where it is put to the test.

A task draws *lanes*: several inner problems of one kind, each with its own start and its own data order, side by side
on a leading axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from descent import vectors
from descent.games import Game
from descent.problems.images import Images
from descent.quiet import tf
from descent.vectors import Scalar, Vector

Network = Callable[[Any, tf.Tensor], tf.Tensor]


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


def classification(images: Images, network: Any, batch_size: int = 32) -> Task:
    """Make the task of classifying images: random starts, random minibatches, cross-entropy in nats.

    Args:
        images: the data.
        network: ``init(key) -> params`` and ``network(params, x) -> logits``, as ``networks.MLP``.
        batch_size: images per minibatch, drawn with replacement.
    """
    x, y = tf.constant(images.x), tf.constant(images.y)

    def start(key: tf.Tensor, lanes: int) -> tuple[Vector, Any]:
        keys = [tf.random.experimental.stateless_fold_in(key, lane) for lane in range(lanes)]
        drawn = [network.init(lane_key) for lane_key in keys]
        return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *drawn), ()

    def batch(key: tf.Tensor, lanes: int) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.random.stateless_uniform([lanes, batch_size], key, 0, len(images), tf.int32)
        return tf.gather(x, rows), tf.gather(y, rows)

    def loss(params: Vector, context: Any, batch: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        return cross_entropy(network(params, batch[0]), batch[1])

    return Task(start, batch, loss)


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the mean cross-entropy in nats of logits [n, classes] with integer labels [n]."""
    chosen = tf.reduce_sum(logits * tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype), -1)
    return tf.reduce_sum(tf.reduce_logsumexp(logits, -1) - chosen) / logits.shape[0]


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
