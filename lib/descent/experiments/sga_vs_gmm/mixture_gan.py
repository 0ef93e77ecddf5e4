"""A generative adversarial network that learns a mixture of Gaussians, by one rule, from one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from descent import vectors
from descent.evidence.cache import Arrays, cached
from descent.games import Game
from descent.problems.gan import DISCRIMINATOR, GAN, GENERATOR, LossName
from descent.problems.mixtures import Mixture, grid
from descent.problems.networks import Initializer
from descent.quiet import tf
from descent.randomness import EVALUATION, INITIALISATION, fold_seed
from descent.rules.base import Rule
from descent.simulate import Simulator, default_progress
from descent.vectors import Vector


@dataclass(frozen=True)
class MixtureGAN:
    """The experiment's settings; the defaults are the published ones.

    Args:
        mixture: the data.
        depth: hidden layers of each network.
        width: units of each of them, ReLU.
        latent: coordinates of z, standard normal.
        batch: real samples and z's per step.
        stratified: every batch holds the same number of samples from each mode.
        loss: of the game.
        initializer: of the networks.
        samples: how many generated samples (and real ones, for the losses) each record holds.

    Source: the authors' notebook for Letcher et al. 2019, section 4.3.
    """

    mixture: Mixture = field(default_factory=grid)
    depth: int = 6
    width: int = 384
    latent: int = 64
    batch: int = 256
    stratified: bool = True
    loss: LossName = "non-saturating"
    initializer: Initializer = "sonnet"
    samples: int = 2560

    @property
    def gan(self) -> GAN:
        """Return the two networks and their data."""
        hidden = (self.width,) * self.depth
        return GAN(self.mixture, self.latent, hidden, loss=self.loss, initializer=self.initializer)

    @property
    def game(self) -> Game:
        """Return the game of generator (player 0) and discriminator (player 1)."""
        return self.gan.game

    def params(self, seed: int) -> tuple[Vector, Vector]:
        """Draw (generator's, discriminator's) parameters; every rule starts from the same."""
        return self.gan.start(*(fold_seed(seed, INITIALISATION, player) for player in (GENERATOR, DISCRIMINATOR)))

    def draw(self, seed: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the batch (real, z) of a step: the simulator's ``batch``."""
        return self.gan.draw(seed, self.batch, self.stratified)

    def run(self, rule: Rule, steps: int, every: int, seed: int, alignment: bool = False) -> Arrays:
        """Train, and keep what the generator makes.

        Args:
            rule: the rule.
            steps: how many steps.
            every: steps between records, a divisor of steps.
            seed: gives the start, every batch, and the latents of the records.
            alignment: record what the sign of the adjustment is decided by; two more Jacobian products a record.

        Returns:
            steps [r]; samples [r, samples, d], all from the same latents; losses [r, 2], the generator's and the
            discriminator's on as many fresh samples; inner [r, 2], <xi, grad H> and <A^T xi, grad H> on that step's
            batch (shape [r, 0] without ``alignment``); seconds, all in all; seconds_per_step, the median over records,
            each with its share of one record's work. A run that diverges is returned up to its last finite record.
        """
        gan = self.gan
        seen = gan.draw(fold_seed(seed, EVALUATION), self.samples, self.stratified)

        def record(params, state, game):
            losses = tf.stack(gan.game.at(seen).losses(params))
            inner = _alignment(params, game) if alignment else tf.zeros([0])
            return {"samples": gan.generate(params, seen[1]), "losses": losses, "inner": inner}

        clock = _Clock()
        simulator = Simulator(gan.game, rule, self.draw, record, every, chunk=1)
        trajectory = simulator.run(self.params(seed), steps, seed, on_nan="stop", progress=clock)
        return {
            "steps": trajectory.recorded_at,
            **trajectory.records,
            "seconds": np.array(trajectory.seconds),
            "seconds_per_step": np.array(clock.seconds_per_step()),
        }

    def run_kept(
        self,
        folder: Path,
        name: str,
        make_rule: Callable[[float], Rule],
        eta: float,
        steps: int,
        every: int,
        seed: int,
        alignment: bool = False,
    ) -> Arrays:
        """Return ``run(make_rule(eta), ...)``, from disk if the same code has made it before.

        Args:
            folder: where runs are kept.
            name: of the rule, for the file.
            make_rule: ``learning rate -> rule``.
            eta: learning rate.
            steps: as in ``run``.
            every: as in ``run``.
            seed: as in ``run``.
            alignment: as in ``run``.
        """
        rule = make_rule(eta)
        return cached(
            f"{name}-{eta:g}-{steps}-{seed}",
            {"experiment": self, "rule": rule, "run": [steps, every, seed, alignment]},
            lambda: self.run(rule, steps, every, seed, alignment),
            folder,
        )


def _alignment(params: Vector, game: Game) -> tf.Tensor:
    xi = game.gradient(params)
    grad_h = game.vjp(params, xi)
    return tf.stack([vectors.dot(xi, grad_h), vectors.dot(game.rotation(params, xi), grad_h)])


class _Clock:
    """A simulator's progress, remembered."""

    def __init__(self):
        self.seen: list[tuple[int, float]] = []

    def __call__(self, done: int, steps: int, seconds: float) -> None:
        self.seen.append((done, seconds))
        default_progress(done, steps, seconds)

    def seconds_per_step(self) -> float:
        """Return the median over chunks; the first, which compiles, is left out if there is another."""
        chunks = pairwise([(0, 0.0), *self.seen])
        rates = [(s1 - s0) / (d1 - d0) for (d0, s0), (d1, s1) in chunks if d1 > d0]  # a diverged chunk makes no step
        return float(np.median(rates[1:] or rates or [0.0]))
