"""The game of a generative adversarial network: what generator and discriminator each go down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from descent.games import Game
from descent.quiet import tf

Network = Callable[[Any, tf.Tensor], tf.Tensor]
LossName = Literal["non-saturating", "zero-sum", "wasserstein"]


def gan_game(generator: Network, discriminator: Network, loss: LossName = "non-saturating") -> Game:
    """Make the game of a generator (player 0) and a discriminator (player 1).

    Args:
        generator: ``(params, z) -> samples``.
        discriminator: ``(params, samples) -> logits``; a positive logit says "real".
        loss: name of one of the three loss functions below.

    Returns:
        A game whose params are (generator's, discriminator's) and whose batch is (real samples, z).

    Raises:
        ValueError: a loss of another name.

    Source: Goodfellow et al. 2014, equation 1 ("zero-sum") and the end of section 3 ("non-saturating"); Arjovsky et
    al. 2017 ("wasserstein").
    """
    if loss not in LOSSES:
        raise ValueError(f"loss is one of {', '.join(map(repr, LOSSES))}; got {loss!r}")
    of_logits = LOSSES[loss]

    def losses(params: tuple[Any, ...], batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        real, z = batch
        fake = generator(params[0], z)
        return of_logits(discriminator(params[1], real), discriminator(params[1], fake))

    return Game(losses, zero_sum=loss != "non-saturating")


def non_saturating(real: tf.Tensor, fake: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the generator's loss -E log D(fake) and the discriminator's -E log D(real) - E log(1 - D(fake)).

    Args:
        real: logits of real samples; D is their sigmoid.
        fake: logits of generated samples.

    Where the discriminator can't tell (all logits 0) they are ln 2 and 2 ln 2. Not a zero-sum game.
    """
    generator = tf.reduce_mean(tf.nn.softplus(-fake))
    return generator, _cross_entropy(real, fake)


def zero_sum(real: tf.Tensor, fake: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the discriminator's loss of ``non_saturating`` for player 1, and minus it for player 0."""
    discriminator = _cross_entropy(real, fake)
    return -discriminator, discriminator


def wasserstein(real: tf.Tensor, fake: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return E[real] - E[fake] of the critic's values, and minus it: the dual of the Wasserstein-1 distance.

    Departures: that the critic be Lipschitz is for the caller to enforce; without it the game has no value.
    """
    critic = tf.reduce_mean(fake) - tf.reduce_mean(real)
    return -critic, critic


def _cross_entropy(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.softplus(-real)) + tf.reduce_mean(tf.nn.softplus(fake))


LOSSES = {"non-saturating": non_saturating, "zero-sum": zero_sum, "wasserstein": wasserstein}
