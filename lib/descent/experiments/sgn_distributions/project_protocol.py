"""Gradient noise as the SGN project takes it: along the path of an epoch, against the gradient at the epoch's start."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.vectors import Vector


class MovingPath:
    """An epoch of plain SGD for many networks at once, keeping "full gradient at the start minus minibatch gradient".

    The weights move between minibatches, so the difference holds the *drift* of the mean gradient as well as noise.

    Args:
        game: a one-player game whose batch is a nested structure of tensors, examples on axis 0; its loss is a mean.
        data: all examples, structured like a batch.
        select: the part of the gradient that is kept, ``player's gradient -> vector``; all of it by default.

    Source: the SGN project's ``model_epoch_vs_alpha.py``, which keeps the output layer, and visits examples in order.
    """

    def __init__(self, game: Game, data: Any, select: Callable[[Vector], Vector] | None = None):
        self.game, self.select = game, select or (lambda gradient: gradient)
        self.data = tf.nest.map_structure(tf.convert_to_tensor, data)
        self._epoch: Any = None

    def epoch(self, params: Vector, learning_rates: Any, order: Any) -> tuple[Vector, np.ndarray]:
        """Train for one epoch.

        Args:
            params: the networks' weights, leaves of shape [networks, ...].
            learning_rates: shape [networks].
            order: numbers of the examples of each minibatch, int32, shape [minibatches, batch_size].

        Returns:
            (params after the epoch, differences of shape [networks, minibatches, coordinates]).
        """
        params, noise = self._run(params, learning_rates, order)
        return params, noise.numpy()

    def checkpoints(
        self, params: Vector, learning_rates: Any, order: Any, at: Iterable[int]
    ) -> Iterator[tuple[int, Vector, np.ndarray]]:
        """Train, and yield (epoch, params before it, differences along it) at some epochs, counted from 0.

        Args:
            params, learning_rates, order: as ``epoch`` has them.
            at: epochs wanted, increasing.
        """
        done = 0
        for wanted in at:
            for _ in range(done, wanted):
                params, _ = self._run(params, learning_rates, order)
            after, noise = self.epoch(params, learning_rates, order)
            yield wanted, params, noise
            params, done = after, wanted + 1

    @property
    def traces(self) -> int:
        """How many times the epoch was traced; tests hold it at one."""
        return 0 if self._epoch is None else self._epoch.experimental_get_tracing_count()

    def _run(self, params: Vector, learning_rates: Any, order: Any) -> tuple[Vector, tf.Tensor]:
        rates, order = tf.constant(learning_rates, tf.float64), tf.constant(order, tf.int32)
        arguments = tf.nest.map_structure(tf.convert_to_tensor, params), rates, order
        if self._epoch is None:  # compiled once for any number of networks, minibatches and images in them
            signature = tf.nest.map_structure(_open_shape, arguments)
            self._epoch = tf.function(self._epoch_graph, input_signature=signature)
        return self._epoch(*arguments)

    def _epoch_graph(self, params: Vector, rates: tf.Tensor, order: tf.Tensor) -> tuple[Vector, tf.Tensor]:
        def gradients(params, batch):
            return tf.vectorized_map(lambda one: self.game.at(batch).gradient((one,))[0], params)

        def kept(gradients):
            return tf.vectorized_map(lambda one: vectors.flatten(self.select(one)), gradients)

        def step(k, params, noise):
            batch = tf.nest.map_structure(lambda leaf: tf.gather(leaf, order[k]), self.data)
            gradient = gradients(params, batch)
            moved = tf.nest.map_structure(
                lambda w, g: w - tf.reshape(tf.cast(rates, w.dtype), [-1] + [1] * (w.shape.rank - 1)) * g,
                params,
                gradient,
            )
            return k + 1, moved, noise.write(k, start - kept(gradient))

        start = kept(gradients(params, self.data))
        count = tf.shape(order)[0]
        noise = tf.TensorArray(start.dtype, size=count, element_shape=start.shape)
        _, params, noise = tf.while_loop(lambda k, *_: k < count, step, (tf.constant(0), params, noise))
        return params, tf.transpose(noise.stack(), [1, 0, 2])


def _open_shape(tensor: tf.Tensor) -> tf.TensorSpec:
    """A network's weights keep their shape behind the leading axis; orders and rates have none to keep."""
    if tensor.dtype.is_integer:
        return tf.TensorSpec([None, None], tensor.dtype)
    return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)


def stack(networks: Iterable[Vector]) -> Vector:
    """Return networks of one shape as one vector with a leading axis of networks."""
    return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *networks)


def network(params: Vector, k: int) -> Vector:
    """Return the k-th of the networks that ``stack`` put together."""
    return tf.nest.map_structure(lambda leaf: leaf[k], params)
