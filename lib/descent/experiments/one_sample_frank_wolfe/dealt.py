"""An oracle for lanes that are alike: one draw serves them all, and each is dealt its own part of it."""

from typing import Any

from descent.games import Game
from descent.oracles import BatchFn, Oracle, gradients_of
from descent.quiet import tf


def dealt(game: Game, draw: BatchFn, hand: tf.Tensor) -> Oracle:
    """Make the minibatch oracle of one lane among many.

    Args:
        game: the lane's game.
        draw: ``(key, step) -> hands``, leaves with a leading axis of hands; drawn once for all lanes of a ``Sweep``.
        hand: which of them this lane sees, an integer scalar: lanes with equal hands see equal samples.
    """

    def seen(params: Any, state: Any, hands: Any) -> Game:
        return game.at(tf.nest.map_structure(lambda leaf: tf.gather(leaf, hand), hands))

    return gradients_of(seen, lambda like, key, step: draw(key, step))
