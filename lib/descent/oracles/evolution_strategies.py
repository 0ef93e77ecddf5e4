"""The oracle that asks for losses only."""

from __future__ import annotations

from typing import Any, Literal

from descent import vectors
from descent.games import Game
from descent.oracles.base import BatchFn, Estimate, Oracle
from descent.quiet import tf
from descent.vectors import Scalar, Vector


def evolution_strategies(
    game: Game,
    sigma: Scalar,
    directions: int = 1,
    kind: Literal["antithetic", "forward", "plain"] = "antithetic",
    draw: BatchFn | None = None,
    samples: Literal["one", "pairs", "each"] = "one",
) -> Oracle:
    r"""Make the oracle that asks for losses only: evolution strategies.

    With eps ~ N(0, I) over all players' coordinates, player i is told the mean over directions of

        antithetic   eps_i (l_i(w + sigma eps) - l_i(w - sigma eps)) / (2 sigma)
        forward      eps_i (l_i(w + sigma eps) - l_i(w)) / sigma
        plain        eps_i  l_i(w + sigma eps) / sigma

    each an unbiased estimate of the gradient of the smoothed loss E l_i(w + sigma eps) in w_i.

    Args:
        game: the game.
        sigma: size of the perturbations.
        directions: how many eps a step.
        kind: of difference.
        draw: ``(key, step) -> batch``; None: the game's own batch.
        samples: "one" batch for the whole step; one for each direction, which its two evaluations share ("pairs"); or
            one for "each" evaluation.

    Source: Nesterov & Spokoiny 2017, equations 22 and 26; Salimans et al. 2017, section 2.
    """
    signs = {"antithetic": (1.0, -1.0), "forward": (1.0, 0.0), "plain": (1.0,)}[kind]
    shape = {"one": [], "pairs": [directions], "each": [directions, len(signs)]}[samples]

    def drawn(like: Vector, key: tf.Tensor, step: tf.Tensor) -> Any:
        normal, batches = tf.unstack(tf.random.experimental.stateless_split(key, 2))
        leaves = tf.nest.flatten(like)
        keys = tf.unstack(tf.random.experimental.stateless_split(normal, len(leaves)))
        eps = [
            tf.random.stateless_normal([directions, *leaf.shape], k, dtype=leaf.dtype)
            for leaf, k in zip(leaves, keys, strict=True)
        ]
        return tf.nest.pack_sequence_as(like, eps), () if draw is None else (_many(draw, batches, step, shape),)

    def seen(params: Vector, state: Any, sample: Any) -> Game:
        batch = tf.nest.map_structure(lambda leaf: leaf[(0,) * len(shape)], sample[1])
        return game.at(batch[0]) if batch else game

    def estimate(params: Vector, state: Any, sample: Any) -> tuple[Estimate, Any]:
        eps, batches = sample

        def one_direction(mapped: Any) -> tuple[Vector, tuple[tf.Tensor, ...]]:
            eps, own = mapped
            losses = []
            for k, sign in enumerate(signs):
                batch = own if own else batches
                batch = tf.nest.map_structure(lambda leaf, k=k: leaf[k], batch) if samples == "each" else batch
                at = game.at(batch[0]) if batch else game
                losses.append(at.losses(vectors.axpy(sign * sigma, eps, params) if sign else params))
            weights = {"antithetic": (0.5, -0.5), "forward": (1.0, -1.0), "plain": (1.0,)}[kind]
            slopes = [
                tf.add_n([vectors.cast(w / sigma, x.dtype) * x for w, x in zip(weights, player, strict=True)])
                for player in zip(*losses, strict=True)
            ]
            return tuple(vectors.scale(s, e) for s, e in zip(slopes, eps, strict=True)), losses[0]

        own = batches if shape else ()
        each, losses = tf.vectorized_map(one_direction, (eps, own))
        xi = tf.nest.map_structure(lambda leaf: tf.reduce_mean(leaf, 0), each)
        mean = tf.nest.map_structure(lambda leaf: tf.reduce_mean(leaf, 0), losses)
        return Estimate(xi, seen(params, state, sample), tuple(mean)), state

    return Oracle(lambda params, key: (), estimate, drawn, seen)


def _many(draw: BatchFn, key: tf.Tensor, step: tf.Tensor, shape: list[int]) -> Any:
    """Return so many batches, leaves of shape [*shape, ...]."""
    if not shape:
        return draw(key, step)
    count = shape[0] if len(shape) == 1 else shape[0] * shape[1]
    keys = tf.random.experimental.stateless_split(key, count)
    template = draw(keys[0], step)
    signature = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), template)
    batches = tf.map_fn(lambda one: draw(one, step), keys, fn_output_signature=signature)
    return tf.nest.map_structure(lambda leaf: tf.reshape(leaf, [*shape, *leaf.shape[1:]]), batches)
