"""The oracle that compares two iterates on one sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from descent import vectors
from descent.games import Game
from descent.oracles.base import BatchFn, Estimate, Oracle
from descent.quiet import tf
from descent.vectors import Scalar, Vector


class Recursive(NamedTuple):
    """What variance reduction remembers: its last estimate, where it was made, and whether there was one."""

    xi: Vector
    params: Vector
    begun: tf.Tensor


def variance_reduced(game: Game, draw: BatchFn, forget: Scalar | Callable[[tf.Tensor], Scalar] = 0.0) -> Oracle:
    r"""Make the oracle that corrects its last estimate by what one sample says has changed.

    With g(w; s) the gradient at sample s, and the *same* sample at both iterates,

        d_t = g(w_t; s_t) + (1 - a) (d_{t-1} - g(w_{t-1}; s_t)),        d_0 = g(w_0; s_0).

    Its error is a martingale: unbiased along any path that does not depend on the samples.

    Args:
        game: the game.
        draw: ``(key, step) -> batch``.
        forget: a, or a function of the step: 0 is SARAH's recursion, 1 the minibatch's own gradient, between is STORM.

    Source: Nguyen et al. 2017 (SARAH), Algorithm 1; Cutkosky & Orabona 2019 (STORM), Algorithm 1.
    """

    def init(params: Vector, key: tf.Tensor) -> Recursive:
        return Recursive(vectors.zeros_like(params), params, tf.constant(False))

    def seen(params: Vector, state: Recursive, sample: Any) -> Game:
        return game.at(sample[0])

    def estimate(params: Vector, state: Recursive, sample: Any) -> tuple[Estimate, Recursive]:
        batch, step = sample
        here = game.at(batch)
        losses, xi = here.losses_and_gradient(params)
        kept = 1.0 - (forget(step) if callable(forget) else forget)
        change = vectors.subtract(state.xi, here.gradient(state.params))
        kept = tf.nest.map_structure(lambda x: vectors.cast(kept, x.dtype) * x, change)
        xi = tf.nest.map_structure(lambda g, old: tf.where(state.begun, g + old, g), xi, kept)
        return Estimate(xi, here, losses), Recursive(xi, params, tf.ones_like(state.begun))

    return Oracle(init, estimate, lambda like, key, step: (draw(key, step), step), seen)
