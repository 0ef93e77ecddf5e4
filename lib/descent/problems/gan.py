"""The game of a generative adversarial network: what generator and discriminator each go down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from descent.games import Game
from descent.problems.mixtures import Mixture
from descent.problems.networks import MLP, Activation, Initializer, mlp
from descent.quiet import tf
from descent.randomness import as_seed
from descent.vectors import Vector

GENERATOR, DISCRIMINATOR = 0, 1
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


@dataclass(frozen=True, eq=False)
class GAN:
    """A generator and a discriminator, both fully connected, that learn a mixture of Gaussians.

    Args:
        mixture: the data.
        latent: coordinates of z, standard normal.
        widths: units of the generator's hidden layers.
        critic_widths: of the discriminator's; by default the same.
        loss: of ``gan_game``.
        initializer: of both networks, as of ``mlp``.
        activation: of both, likewise.

    >>> from descent.problems.mixtures import ring
    >>> gan = GAN(ring(), latent=16, widths=(128, 128))
    >>> game, params = gan.game.at(gan.draw(seed=0, n=64)), gan.start(1, 2)
    >>> len(game.losses(params))
    2
    """

    mixture: Mixture
    latent: int
    widths: tuple[int, ...]
    critic_widths: tuple[int, ...] | None = None
    loss: LossName = "non-saturating"
    initializer: Initializer = "sonnet"
    activation: Activation = "relu"

    @cached_property
    def networks(self) -> tuple[MLP, MLP]:
        """The generator and the discriminator."""
        inner = self.widths if self.critic_widths is None else self.critic_widths
        sizes = [self.latent, *self.widths, self.mixture.dimension], [self.mixture.dimension, *inner, 1]
        generator, discriminator = (mlp(s, self.activation, initializer=self.initializer) for s in sizes)
        return generator, discriminator

    @cached_property
    def game(self) -> Game:
        """The game of generator (player 0) and discriminator (player 1); its batches are (real samples, z)."""
        return gan_game(*self.networks, self.loss)

    def start(
        self, generator_seed: Any, discriminator_seed: Any, dtype: tf.DType = tf.float32
    ) -> tuple[Vector, Vector]:
        """Draw params; each seed is an integer or a stateless seed (int32 tensor of shape [2])."""
        generator, discriminator = self.networks
        return generator.init(generator_seed, dtype), discriminator.init(discriminator_seed, dtype)

    def draw(
        self, seed: int | tf.Tensor, n: int, stratified: bool = False, dtype: tf.DType = tf.float32
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw n real samples and n z's; arguments as of ``Mixture.sample``."""
        seed = as_seed(seed)
        real_seed, z_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        real = self.mixture.sample(real_seed, n, stratified, dtype)
        return real, tf.random.stateless_normal([n, self.latent], z_seed, dtype=dtype)

    def generate(self, params: tuple[Vector, ...], z: tf.Tensor) -> tf.Tensor:
        """Return what the generator makes of z [n, latent], shape [n, d]."""
        return self.networks[GENERATOR](params[GENERATOR], z)
