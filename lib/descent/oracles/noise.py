"""The oracle with added noise, a law's or an adversary's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from descent import vectors
from descent.games import Game
from descent.oracles.base import BatchFn, Estimate, Oracle, as_oracle
from descent.quiet import tf
from descent.vectors import Vector


def noisy(inner: Game | Oracle, noise: Callable[[Vector, Any], Vector], randomness: BatchFn | None = None) -> Oracle:
    """Make the oracle that adds noise to what another one tells.

    Args:
        inner: a game, told exactly, or an oracle.
        noise: ``(params, key) -> vector`` structured like params. As it sees the iterate, it may be an adversary's;
            unbiased if its mean is zero at every iterate.
        randomness: ``(key, step) -> numbers`` that noise is given in place of the key; then the lanes of a sweep share
            them, and noise is compiled side by side.
    """
    oracle = as_oracle(inner)

    def draw(like: Vector, key: tf.Tensor, step: tf.Tensor) -> Any:
        own, others = tf.unstack(tf.random.experimental.stateless_split(key, 2))
        return oracle.draw(like, others, step), own if randomness is None else randomness(own, step)

    def estimate(params: Vector, state: Any, sample: Any) -> tuple[Estimate, Any]:
        told, state = oracle.estimate(params, state, sample[0])
        return told._replace(xi=vectors.add(told.xi, noise(params, sample[1]))), state

    return Oracle(oracle.init, estimate, draw, lambda params, state, sample: oracle.seen(params, state, sample[0]))
