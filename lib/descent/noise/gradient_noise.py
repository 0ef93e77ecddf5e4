"""Minibatch gradients at fixed weights, many at a time: the raw material of every question about gradient noise."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.vectors import Vector


class MinibatchGradients:
    """Gradients of a loss over minibatches of a data set, at weights that do not move.

    Args:
        game: a one-player game whose batch is a nested structure of tensors, examples on axis 0; its loss is a mean.
        data: all examples, structured like a batch.
        batch_size: b, which each call may replace.
        select: the part of the gradient that is wanted, ``player's gradient -> vector``; all of it by default.
        chunk: minibatches per compiled call, which bounds the memory and names the random stream.

    Raises:
        ValueError: batch_size is below 1 or above the number of examples.
    """

    def __init__(
        self,
        game: Game,
        data: Any,
        batch_size: int,
        select: Callable[[Vector], Vector] | None = None,
        chunk: int = 50,
    ):
        self.game = game
        self.select = select or (lambda gradient: gradient)
        self.chunk = chunk
        self.batch_size = batch_size
        self.data = tf.nest.map_structure(tf.convert_to_tensor, data)
        self.examples = int(tf.nest.flatten(self.data)[0].shape[0])
        self._size(batch_size)
        self._many = tf.function(self._many_graph, autograph=False, reduce_retracing=True)
        self._full = tf.function(self._gradient, autograph=False)
        self._fresh = tf.function(self._fresh_graph, autograph=False)

    def full(self, params: Vector) -> np.ndarray:
        """Return the gradient over all examples, shape [coordinates]."""
        return self._full(params, self.data).numpy()

    def stream(self, params: Vector, count: int, seed: int = 0, batch_size: int | None = None) -> Iterator[np.ndarray]:
        """Yield gradients of independent minibatches, each drawn with replacement.

        Args:
            params: the player's weights.
            count: how many minibatches.
            seed: gives every draw.
            batch_size: b of this call, by default the sampler's; another b compiles nothing.

        Yields:
            Arrays of shape [up to chunk, coordinates]; no more than one is held at a time.
        """
        size = tf.constant(self._size(batch_size or self.batch_size))
        for first in range(0, count, self.chunk):
            draw = tf.constant([seed, first // self.chunk], tf.int32)
            yield self._fresh(params, draw, tf.constant(min(self.chunk, count - first)), size).numpy()

    def sample(self, params: Vector, count: int, seed: int = 0, batch_size: int | None = None) -> np.ndarray:
        """Return what ``stream`` yields as one array, shape [count, coordinates]."""
        return np.concatenate(list(self.stream(params, count, seed, batch_size)))

    def noise(self, params: Vector, count: int, seed: int = 0, batch_size: int | None = None) -> np.ndarray:
        """Return ``sample`` minus ``full``: gradient noise, of mean exactly 0, shape [count, coordinates]."""
        return self.sample(params, count, seed, batch_size) - self.full(params)

    def one_pass(self, params: Vector, batch_size: int | None = None) -> np.ndarray:
        """Return the gradients of one pass through the examples in their order, shape [whole minibatches, coordinates].

        Departures: the last minibatch is left out where it would be smaller.
        """
        return np.concatenate(
            [
                self._many(params, tf.constant(order)).numpy()
                for order in _split(in_order(self.examples, self._size(batch_size or self.batch_size)), self.chunk)
            ]
        )

    @property
    def traces(self) -> int:
        """How many times the gradient was traced; tests hold it."""
        return self._fresh.experimental_get_tracing_count()

    def _size(self, batch_size: int) -> int:
        if not 1 <= batch_size <= self.examples:
            raise ValueError(f"batch_size is {batch_size}; there are {self.examples} examples")
        return batch_size

    def _gradient(self, params: Vector, batch: Any) -> tf.Tensor:
        return vectors.flatten(self.select(self.game.at(batch).gradient((params,))[0]))

    def _many_graph(self, params: Vector, indices: tf.Tensor) -> tf.Tensor:
        def one(chosen):
            return self._gradient(params, tf.nest.map_structure(lambda leaf: tf.gather(leaf, chosen), self.data))

        return tf.vectorized_map(one, indices)

    def _fresh_graph(self, params: Vector, seed: tf.Tensor, count: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        # Whole chunks are drawn, so that a shorter one begins with the same minibatches.
        indices = tf.random.stateless_uniform([self.chunk, size], seed, 0, self.examples, tf.int32)
        return self._many_graph(params, indices[:count])


def in_order(examples: int, batch_size: int) -> np.ndarray:
    """Return the examples' numbers in order, cut into whole minibatches: int32, shape [minibatches, batch_size]."""
    return np.arange(examples // batch_size * batch_size, dtype=np.int32).reshape(-1, batch_size)


@dataclass(frozen=True)
class Moments:
    """Moments of each coordinate over a stream.

    Args:
        count: number of vectors.
        mean: shape [coordinates].
        variance: unbiased, shape [coordinates].
        kurtosis: excess kurtosis, 0 for a Gaussian; NaN where the variance is 0.
    """

    count: int
    mean: np.ndarray
    variance: np.ndarray
    kurtosis: np.ndarray


def moments(stream: Iterable[np.ndarray]) -> Moments:
    """Return the moments of a stream of chunks, holding one chunk at a time.

    Args:
        stream: arrays of shape [any, coordinates].

    Departures: sums are taken about the first chunk's mean, in float64, which is as good as Welford's updates where
    that mean is within a few standard deviations of the whole's.
    """
    count, origin, powers = 0, None, np.zeros([])
    for chunk in stream:
        chunk = np.asarray(chunk, dtype=np.float64)
        origin = chunk.mean(axis=0) if origin is None else origin
        away = chunk - origin
        square = away * away
        powers = powers + np.stack([away.sum(0), square.sum(0), (square * away).sum(0), (square * square).sum(0)])
        count += len(chunk)
    if origin is None or count < 2:
        raise ValueError(f"moments of {count} vectors: at least 2 are needed")
    m1, m2, m3, m4 = iter(powers / count)
    second = m2 - m1**2
    fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
    alive = second > 0
    kurtosis = np.where(alive, fourth / np.where(alive, second, 1) ** 2 - 3, np.nan)
    return Moments(count, origin + m1, second * count / (count - 1), kurtosis)


def _split(order: np.ndarray, size: int) -> list[np.ndarray]:
    return [order[first : first + size] for first in range(0, len(order), size)]
