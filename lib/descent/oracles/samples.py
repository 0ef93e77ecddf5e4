"""Oracles that choose their examples: from data of one's own, or by their importance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from descent.games import Game
from descent.oracles.base import BatchFn, Oracle, gradients_of, the_key
from descent.quiet import tf
from descent.vectors import Vector


def own_examples(game: Game, data: Any, count: int | tf.Tensor, batch_size: int) -> Oracle:
    """Make the oracle of minibatches from data of one's own: a client's, in a ``Sweep`` whose lanes are clients.

    Args:
        game: the game; its batch is structured like the data.
        data: nested tensors, examples on axis 0; lanes of different counts are filled up to one length (``filled_up``).
        count: how many of the examples are real, the first ones.
        batch_size: examples per minibatch, drawn with replacement.
    """

    def seen(params: Vector, state: Any, uniform: tf.Tensor) -> Game:
        rows = tf.cast(uniform * tf.cast(count, uniform.dtype), tf.int32)
        return game.at(tf.nest.map_structure(lambda leaf: tf.gather(leaf, rows), data))

    return gradients_of(seen, lambda like, key, step: tf.random.stateless_uniform([batch_size], key, dtype=tf.float64))


def filled_up(data: Sequence[Any]) -> tuple[Any, np.ndarray]:
    """Stack data sets of different lengths, zeros behind the shorter: (leaves [sets, longest, ...], lengths [sets])."""
    lengths = np.array([len(tf.nest.flatten(one)[0]) for one in data])

    def stack(*leaves: Any) -> np.ndarray:
        out = np.zeros((len(leaves), lengths.max(), *np.shape(leaves[0])[1:]), np.asarray(leaves[0]).dtype)
        for k, leaf in enumerate(leaves):
            out[k, : len(leaf)] = leaf
        return out

    return tf.nest.map_structure(stack, *data), lengths


def importance_weighted(
    game: Game, draw: Callable[[Vector, Any], tuple[Any, Any]], randomness: BatchFn | None = None
) -> Oracle:
    r"""Make the oracle of examples drawn from another law q than the game's own p, each weighted by p/q.

    Player i is told the gradient of 1/n sum_k weight_k l_i(w, example_k), weights held constant.

    Args:
        game: its losses are vectors, one number per example: shape [n].
        draw: ``(params, key) -> (batch, weights)``: the law may depend on where the players are. weights are of shape
            [n], or a tuple of one such tensor per player.
        randomness: ``(key, step) -> numbers`` that draw is given in place of the key; then the lanes of a sweep share
            them, and drawing is compiled side by side.
    """

    def losses(params: Vector, weighted: Any) -> tuple[tf.Tensor, ...]:
        batch, weights = weighted
        examples = game.loss_functions(params, batch)
        each = weights if isinstance(weights, tuple) else (weights,) * len(examples)
        return tuple(
            tf.reduce_mean(tf.cast(tf.stop_gradient(w), loss.dtype) * loss)
            for w, loss in zip(each, examples, strict=True)
        )

    def weighted(params: Vector, state: Any, sample: Any) -> Game:
        return Game(losses, draw(params, sample), game.zero_sum)

    return gradients_of(weighted, the_key if randomness is None else lambda like, key, step: randomness(key, step))
