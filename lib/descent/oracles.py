"""Oracles: what a rule is told about a game's vector field.

The field is xi(w). A rule seldom sees it: it sees a minibatch's, one guessed from losses alone, or one that an
adversary has touched. An *oracle* is that view, with a memory if it needs one; rules and simulators don't know which
they have.

The randomness of a step is drawn first (``draw``), from the key alone, and used afterwards (``estimate``): so the lanes
of a sweep can share their draws, and compiled maps have no random operation inside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.vectors import Scalar, Vector

BatchFn = Callable[[tf.Tensor, tf.Tensor], Any]


class Estimate(NamedTuple):
    """What an oracle says at one step.

    Args:
        xi: what the rule is told: an estimate of the simultaneous gradient, structured like the parameters.
        game: what the rule may ask further questions, at this step's sample.
        losses: of this step's sample, one per player; () where none is known.
    """

    xi: Vector
    game: Game
    losses: tuple[tf.Tensor, ...] = ()


def _the_key(like: Vector, key: tf.Tensor, step: tf.Tensor) -> Any:
    return key


class Oracle(NamedTuple):
    """A view of a game's vector field.

    Args:
        init: ``(params, key) -> state``; key is a stateless seed, int32 of shape [2].
        estimate: ``(params, state, sample) -> (Estimate, state)``.
        draw: ``(like, key, step) -> sample``, all the randomness of a step; ``like`` holds the parameters' shapes and
            types (``tf.TensorSpec``), the key is new at each step, step is a scalar int64. By default the sample is
            the key itself, and ``estimate`` draws from it.
        game: ``(params, state, sample) -> Game``: the game of the estimate without its gradient, which is what records
            see. None: taken from the estimate.
    """

    init: Callable[[Vector, tf.Tensor], Any]
    estimate: Callable[[Vector, Any, Any], tuple[Estimate, Any]]
    draw: Callable[[Vector, tf.Tensor, tf.Tensor], Any] = _the_key
    game: Callable[[Vector, Any, Any], Game] | None = None

    def sample(self, params: Vector, key: tf.Tensor, step: tf.Tensor | int = 0) -> Any:
        """Return the sample of one step."""
        like = tf.nest.map_structure(lambda leaf: tf.TensorSpec(leaf.shape, leaf.dtype), params)
        return self.draw(like, key, tf.cast(step, tf.int64))

    def seen(self, params: Vector, state: Any, sample: Any) -> Game:
        """Return the game at a sample."""
        if self.game is not None:
            return self.game(params, state, sample)
        return self.estimate(params, state, sample)[0].game


def as_oracle(game: Game | Oracle, batch: BatchFn | None = None) -> Oracle:
    """Return an oracle as it is, and a game as ``exact`` or, with a batch, as ``minibatch``.

    Raises:
        ValueError: a batch for an oracle, which draws its own.
    """
    if isinstance(game, Oracle):
        if batch is not None:
            raise ValueError("an oracle draws its own batches: give it the draw (`minibatch(game, draw)`), not batch=")
        return game
    return exact(game) if batch is None else minibatch(game, batch)


def exact(game: Game) -> Oracle:
    """Make the oracle that tells the game's own simultaneous gradient."""
    return gradients_of(lambda params, state, sample: game, lambda like, key, step: ())


def minibatch(game: Game, draw: BatchFn) -> Oracle:
    """Make the oracle of the game seen through a new batch at every step.

    Args:
        game: the game.
        draw: ``(key, step) -> batch``, in TensorFlow operations. Unbiased if the losses' mean over draws is the loss.
    """
    return gradients_of(lambda params, state, batch: game.at(batch), lambda like, key, step: draw(key, step))


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
        examples = game.at(batch).losses(params)
        each = weights if isinstance(weights, tuple) else (weights,) * len(examples)
        return tuple(
            tf.reduce_mean(tf.cast(tf.stop_gradient(w), loss.dtype) * loss)
            for w, loss in zip(each, examples, strict=True)
        )

    def weighted(params: Vector, state: Any, sample: Any) -> Game:
        return Game(losses, draw(params, sample), game.zero_sum)

    return gradients_of(weighted, _the_key if randomness is None else lambda like, key, step: randomness(key, step))


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


def gradients_of(
    game: Callable[[Vector, Any, Any], Game], draw: Callable[[Vector, tf.Tensor, tf.Tensor], Any]
) -> Oracle:
    """Make the oracle without memory that tells the gradient of the game at a sample.

    Args:
        game: ``(params, state, sample) -> Game``; the state is always ().
        draw: as ``Oracle``'s.
    """

    def estimate(params: Vector, state: Any, sample: Any) -> tuple[Estimate, Any]:
        seen = game(params, state, sample)
        losses, xi = seen.losses_and_gradient(params)
        return Estimate(xi, seen, losses), state

    return Oracle(lambda params, key: (), estimate, draw, game)


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
