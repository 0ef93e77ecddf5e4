"""What an oracle is, and the two of a game as it stands: its exact gradient, and a minibatch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from descent.games import Game
from descent.quiet import tf
from descent.vectors import Vector

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


def the_key(like: Vector, key: tf.Tensor, step: tf.Tensor) -> Any:
    """Return the key: the draw of an oracle that draws while it estimates."""
    return key


def nothing(like: Vector, key: tf.Tensor, step: tf.Tensor) -> Any:
    """Return (): the draw of an oracle without randomness. Loops know it, and make no key for it."""
    return ()


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
    draw: Callable[[Vector, tf.Tensor, tf.Tensor], Any] = the_key
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
    return gradients_of(lambda params, state, sample: game, nothing)


def minibatch(game: Game, draw: BatchFn) -> Oracle:
    """Make the oracle of the game seen through a new batch at every step.

    Args:
        game: the game.
        draw: ``(key, step) -> batch``, in TensorFlow operations. Unbiased if the losses' mean over draws is the loss.
    """
    return gradients_of(lambda params, state, batch: game.at(batch), lambda like, key, step: draw(key, step))


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
