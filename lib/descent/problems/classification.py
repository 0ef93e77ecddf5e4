"""Classifying images as a game of one player: a network, its loss image by image, and how often it is right.

Everything here is a pure function of ``params``, the one-player tuple ``(weights,)`` that a game has, so the same
problem serves a simulator, lanes that are mapped side by side, and single evaluations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from descent.games import Game
from descent.problems.images import Images
from descent.problems.networks import Network
from descent.quiet import tf
from descent.vectors import Vector

Batch = tuple[tf.Tensor, tf.Tensor]
CLASSES = 10


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy of each example in nats, -log softmax(z)_y, shape [n].

    Args:
        logits: z, shape [n, classes].
        labels: y, integers, shape [n].

    Departures: written in elementary operations rather than as TensorFlow's kernel, from which it differs by rounding:
    mapped over lanes and differentiated twice, as meta-training does, this is a fifth faster.
    """
    chosen = tf.reduce_sum(logits * tf.one_hot(labels, logits.shape[-1], dtype=logits.dtype), -1)
    return tf.reduce_logsumexp(logits, -1) - chosen


class Evaluation(NamedTuple):
    """How a network does on a set of images: mean loss, share classified right, and this share class by class [10]."""

    loss: float
    accuracy: float
    by_class: np.ndarray


@dataclass(frozen=True, eq=False)
class Classification:
    """A network that classifies images.

    Args:
        images: those it is trained on; ``Images`` can be cut to some of them, or given other labels.
        network: ``mlp([pixels, ..., 10])`` or a ``Convolutional``: anything with ``init(seed, dtype)`` and
            ``network(weights, x) -> logits``.
        each_loss: ``(logits [n, 10], labels [n]) -> losses [n]``.
        dtype: of weights and pixels.

    >>> from descent.problems.images import load
    >>> from descent.problems.networks import mlp
    >>> problem = Classification(load("digits"), mlp([64, 20, 10], "sigmoid"))
    >>> problem.evaluate(problem.start(0)).by_class.shape
    (10,)
    """

    images: Images
    network: Network
    each_loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = cross_entropy
    dtype: tf.DType = tf.float32

    def start(self, seed: int | tf.Tensor) -> tuple[Vector]:
        """Draw params; seed is an integer or a stateless seed (int32 tensor of shape [2])."""
        return (self.network.init(seed, self.dtype),)

    @cached_property
    def data(self) -> Batch:
        """All images and labels, as a batch."""
        return self.batch_of(self.images)

    @cached_property
    def game(self) -> Game:
        """The game of one player; its batches are (images [n, ...], labels [n]), its loss is their mean."""
        return Game(lambda params, batch: (tf.reduce_mean(self.losses(params, batch)),))

    def batch_of(self, images: Images) -> Batch:
        """Return images as a batch in this problem's dtype."""
        with tf.init_scope():  # it may first be asked for inside a graph, into which the data are not to be copied
            return tf.constant(images.x, self.dtype), tf.constant(images.y)

    def logits(self, params: tuple[Vector, ...], batch: Batch) -> tf.Tensor:
        """Return the network's outputs, shape [n, 10]."""
        return self.network(params[0], batch[0])

    def losses(self, params: tuple[Vector, ...], batch: Batch) -> tf.Tensor:
        """Return the loss of each image, shape [n]."""
        return self.each_loss(self.logits(params, batch), batch[1])

    def correct(self, params: tuple[Vector, ...], batch: Batch) -> tf.Tensor:
        """Return 1 where the largest output is the label's, else 0, shape [n] in this problem's dtype."""
        return tf.cast(tf.argmax(self.logits(params, batch), -1, batch[1].dtype) == batch[1], self.dtype)

    def accuracy(self, params: tuple[Vector, ...], batch: Batch) -> tf.Tensor:
        """Return the share of a batch that is classified right, a scalar tensor: a record for a simulator, say."""
        return tf.reduce_mean(self.correct(params, batch))

    def example_gradients(self, params: tuple[Vector, ...], batch: Batch) -> tuple[Vector]:
        """Return the gradient of each image's loss, structured like params, leaves of shape [n, ...]; compiled."""
        return self._example_gradients(params, batch)

    def evaluate(self, params: tuple[Vector, ...], images: Images | None = None, at_once: int = 2000) -> Evaluation:
        """Evaluate the network.

        Args:
            params: where.
            images: on which; by default the training images.
            at_once: images per compiled call, which bounds the memory.

        Returns:
            The evaluation; ``by_class`` is NaN for a class of which there is no image.
        """
        x, y = self.data if images is None else self.batch_of(images)
        parts = [self._each(params, (x[k : k + at_once], y[k : k + at_once])) for k in range(0, len(y), at_once)]
        losses, correct = (np.concatenate(part).astype(float) for part in zip(*parts, strict=True))
        count = np.bincount(y, minlength=CLASSES)
        right = np.bincount(y, correct, CLASSES)
        by_class = np.where(count > 0, right / np.maximum(count, 1), np.nan)
        return Evaluation(float(losses.mean()), float(correct.mean()), by_class)

    def minibatches(self, size: int) -> Callable[[tf.Tensor, tf.Tensor], Batch]:
        """Return a ``batch`` function for ``Simulator``: ``size`` images drawn independently, with replacement."""
        return lambda seed, step: self._drawn([size], seed)

    def lane_minibatches(self, size: int) -> Callable[[tf.Tensor, int], Batch]:
        """Return ``(key, lanes) -> batch``: a minibatch for each lane, leaves of shape [lanes, size, ...]."""
        return lambda key, lanes: self._drawn([lanes, size], key)

    def _drawn(self, shape: list[int], seed: tf.Tensor) -> Batch:
        x, y = self.data
        rows = tf.random.stateless_uniform(shape, seed, 0, len(self.images), tf.int32)
        return tf.gather(x, rows), tf.gather(y, rows)

    @cached_property
    def _each(self) -> Any:
        return tf.function(
            lambda params, batch: (self.losses(params, batch), self.correct(params, batch)),
            autograph=False,
            reduce_retracing=True,
        )

    @cached_property
    def _example_gradients(self) -> Any:
        def one(params: tuple[Vector, ...], example: Batch) -> tuple[Vector, ...]:
            return self.game.at(tf.nest.map_structure(lambda leaf: leaf[None], example)).gradient(params)

        def each(params: tuple[Vector, ...], batch: Batch) -> tuple[Vector, ...]:
            return tf.vectorized_map(lambda example: one(params, example), batch)

        return tf.function(each, autograph=False, reduce_retracing=True)


def logistic_regression(features: Any, labels: Any, penalty: float = 0.0) -> Game:
    """Make the game of logistic regression, mean log(1 + exp(-y <a, w>)) + penalty/2 |w|^2; its player is w, shape [d].

    Args:
        features: the rows a, shape [n, d]; their dtype is the game's. A column of ones gives an intercept (which is
            then penalised as well).
        labels: y, -1 or 1, shape [n].
        penalty: of the squared norm.
    """
    a = tf.convert_to_tensor(features)
    y = tf.cast(labels, a.dtype)

    def losses(params: tuple[tf.Tensor], batch: Any) -> tuple[tf.Tensor]:
        (w,) = params
        margins = y * tf.linalg.matvec(a, w)
        return (tf.reduce_mean(tf.math.softplus(-margins)) + penalty / 2 * tf.reduce_sum(w * w),)

    return Game(losses)
