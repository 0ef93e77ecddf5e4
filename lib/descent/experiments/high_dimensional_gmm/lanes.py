"""Many small adversarial networks at once: mixtures x learning rates x seeds, as lanes of one game.

Small networks leave a processor idle between operations. Here every tensor has a leading axis of lanes, and the game's
losses are sums over lanes. Lanes share no parameters, so the gradient of the sum is every lane's own gradient, J is
block-diagonal, and a rule that works coordinate by coordinate or by products with J moves each lane as if alone. (A
rule that reduces a vector to one number, such as the sign of an alignment, would mix them.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from descent.evidence.cache import Arrays
from descent.games import Game
from descent.problems.gan import GAN
from descent.problems.mixtures import Mixture
from descent.problems.networks import MLP
from descent.quiet import tf
from descent.randomness import EVALUATION, INITIALISATION, fold_seed
from descent.rules import Rule, stopping
from descent.simulate import Simulator
from descent.vectors import Scalar, Vector

Draws = tuple[tf.Tensor, tf.Tensor]


@dataclass(frozen=True)
class LanedGAN:
    """An adversarial network for each mixture, learning rate and seed.

    Lanes of one seed share start, latents and random numbers, whatever the mixture and the rate, so methods and rates
    are compared on the same draws.

    Args:
        mixtures: the data of each lane, all in as many dimensions.
        rates: learning rates.
        seeds: give start, batches and latents.
        depth: hidden layers of each network.
        width: units of each of them, ReLU.
        latent: coordinates of z, standard normal.
        batch: real samples and z's per step.
        samples: how many generated samples each record holds per lane.
    """

    mixtures: tuple[Mixture, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]
    depth: int = 2
    width: int = 64
    latent: int = 32
    batch: int = 64
    samples: int = 2048

    @property
    def lanes(self) -> int:
        """Return how many there are."""
        return len(self.mixtures) * len(self.rates) * len(self.seeds)

    @property
    def dimension(self) -> int:
        """Return d of the samples."""
        return self.mixtures[0].dimension

    @property
    def gan(self) -> GAN:
        """Return the networks of a lane, with the first mixture for data."""
        return GAN(self.mixtures[0], self.latent, (self.width,) * self.depth)

    @property
    def game(self) -> Game:
        """Return the game whose players are all generators and all discriminators; the losses are sums over lanes."""
        one = self.gan.game  # its losses are means over all samples of all lanes

        def losses(params: Vector, batch: Draws) -> tuple[tf.Tensor, tf.Tensor]:
            generator, discriminator = one.at(batch).losses(params)
            return self.lanes * generator, self.lanes * discriminator

        return Game(losses)

    def params(self) -> tuple[Vector, Vector]:
        """Draw all lanes' parameters: W has shape [lanes, inputs, outputs], b [lanes, 1, outputs]."""
        return tuple(self._lanes_of(network, player) for player, network in enumerate(self.gan.networks))

    def draw(self, seed: tf.Tensor, step: tf.Tensor) -> Draws:
        """Return a step's batch: real samples and z's, [lanes, batch, ...]. The simulator's ``batch``."""
        return self._draws([tf.random.experimental.stateless_fold_in(seed, s) for s in self.seeds], self.batch)

    def run(self, make_rule: Callable[[Scalar], Rule], steps: int, every: int) -> Arrays:
        """Train all lanes.

        Args:
            make_rule: ``learning rate -> rule``; the rate is a tensor that broadcasts over lanes.
            steps: how many steps.
            every: steps between records, a divisor of steps.

        Returns:
            steps [r]; samples [r, mixtures, rates, seeds, samples, d]; stopped [mixtures, rates, seeds], whether a lane
            diverged: its parameters stay where they last were finite. seconds, wall time of all steps.
        """
        gan = self.gan
        _, z = self._draws([fold_seed(seed, EVALUATION) for seed in self.seeds], self.samples)
        rates = tf.constant(self.rates, tf.float32)
        rates = tf.reshape(self._across(rates[None, :, None]), [self.lanes, 1, 1])
        simulator = Simulator(
            self.game,
            stopping(make_rule(rates)),
            self.draw,
            lambda params, state, game: gan.generate(params, z),
            every,
        )
        trajectory = simulator.run(self.params(), steps)
        shape = (len(self.mixtures), len(self.rates), len(self.seeds))
        return {
            "steps": trajectory.recorded_at,
            "samples": trajectory.records.reshape(-1, *shape, self.samples, self.dimension),
            "stopped": trajectory.state.stopped.numpy().reshape(shape),
            "seconds": np.array(trajectory.seconds),
        }

    def _across(self, x: tf.Tensor) -> tf.Tensor:
        """Broadcast [mixtures or 1, rates or 1, seeds or 1, ...] to lanes [lanes, ...]."""
        shape = (len(self.mixtures), len(self.rates), len(self.seeds), *x.shape[3:])
        return tf.reshape(tf.broadcast_to(x, shape), (self.lanes, *x.shape[3:]))

    def _lanes_of(self, network: MLP, player: int) -> Vector:
        starts = [network.init(fold_seed(seed, INITIALISATION, player)) for seed in self.seeds]
        stacked = tf.nest.map_structure(lambda *leaves: tf.stack(leaves)[None, None], *starts)
        layers = tf.nest.map_structure(self._across, stacked)
        return [(weights, bias[:, None, :]) for weights, bias in layers]

    def _draws(self, seeds: list[tf.Tensor], n: int) -> Draws:
        real, latents = [], []
        for seed in seeds:
            mode, noise, z = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
            uniform = tf.random.stateless_uniform([n], mode)
            normal = tf.random.stateless_normal([n, self.dimension], noise)
            real.append(tf.stack([mixture.place(mixture.pick(uniform), normal) for mixture in self.mixtures]))
            latents.append(tf.random.stateless_normal([n, self.latent], z))
        return self._across(tf.stack(real, 1)[:, None]), self._across(tf.stack(latents)[None, None])
