"""Gradient noise as the SGN project takes it: along the path of an epoch, against the gradient at the epoch's start."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from descent import vectors
from descent.games import Game
from descent.oracles import Estimate, Oracle
from descent.quiet import tf
from descent.rules import gradient_descent
from descent.sweep import Sweep
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
        self.game = game
        self.select = select or (lambda gradient: gradient)
        self.data = tf.nest.map_structure(tf.convert_to_tensor, data)
        self._order = tf.Variable(tf.zeros([0, 0], tf.int32), shape=[None, None])
        self._sweep = Sweep(
            self._oracle,
            {"SGD": gradient_descent},
            lambda params, state, game, memory: memory.noise,
            record_oracle=True,
            any_lanes=True,
        )

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
        return self._sweep.traces

    def _run(self, params: Vector, learning_rates: Any, order: Any) -> tuple[Vector, tf.Tensor]:
        self._order.assign(order)
        rates = tf.constant(learning_rates, tf.float64)
        noise, ((after,), *_) = self._sweep.run_to_end(rates, (params,), len(order) + 1)["SGD"]
        return after, tf.transpose(noise[1:], [1, 0, 2])

    @property
    def _oracle(self) -> Oracle:
        """Return minibatches in order, with a memory: the kept part of the gradient at the start, and the noise."""

        def kept(gradient: Vector) -> tf.Tensor:
            return vectors.flatten(self.select(gradient[0]))

        def init(params: Vector, key: tf.Tensor) -> Memory:
            start = kept(self.game.at(self.data).gradient(params))
            return Memory(start, tf.zeros_like(start))

        def draw(like: Vector, key: tf.Tensor, step: tf.Tensor) -> Any:
            rows = self._order[step % tf.shape(self._order, tf.int64)[0]]
            return tf.nest.map_structure(lambda leaf: tf.gather(leaf, rows), self.data)

        def estimate(params: Vector, memory: Memory, batch: Any) -> tuple[Estimate, Memory]:
            game = self.game.at(batch)
            losses, xi = game.losses_and_gradient(params)
            return Estimate(xi, game, losses), Memory(memory.start, memory.start - kept(xi))

        return Oracle(init, estimate, draw, lambda params, memory, batch: self.game.at(batch))


class Memory(NamedTuple):
    """The kept part of the full gradient at the epoch's start, and what it exceeds the last minibatch's by."""

    start: tf.Tensor
    noise: tf.Tensor


def stack(networks: Iterable[Vector]) -> Vector:
    """Return networks of one shape as one vector with a leading axis of networks."""
    return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *networks)


def network(params: Vector, k: int) -> Vector:
    """Return the k-th of the networks that ``stack`` put together."""
    return tf.nest.map_structure(lambda leaf: leaf[k], params)
