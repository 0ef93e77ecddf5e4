"""Networks that learn mixtures of Gaussians: how much awareness helps, and what competes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from descent import vectors
from descent.experiments.competitive_descent.counted import counted, one_sided
from descent.games import Game
from descent.measures.modes import modes, sliced_w1
from descent.problems.gan import GAN
from descent.problems.mixtures import Mixture
from descent.quiet import tf
from descent.randomness import EVALUATION, INITIALISATION, fold_seed
from descent.rules import Rule, acgd, adam, chain, consensus, extrapolated, optimism, rmsprop, sga
from descent.rules.acgd import acgd_rates
from descent.rules.local_game import anticipating_step, times
from descent.sweep import MakeRule, Sweep
from descent.vectors import Scalar, Vector


class AdaptiveState(NamedTuple):
    """Steps made, running mean of xi^2, and iterations of both solves of the last step."""

    t: tf.Tensor
    v: Vector
    iterations: tf.Tensor


def adaptive_awareness(learning_rate: Scalar, awareness: Scalar, iterations: int = 10) -> Rule:
    """Return ``aware`` with ACGD's rates: alpha = 0 is RMSProp's step with ACGD's correction, alpha = 1 is ACGD's.

    Args:
        learning_rate: eta.
        awareness: alpha.
        iterations: cap on each of the two solves.
    """

    def init(params: Vector) -> AdaptiveState:
        return AdaptiveState(tf.constant(0), vectors.zeros_like(params), tf.constant(0))

    def update(xi: Vector, state: AdaptiveState, params: Vector, game: Game) -> tuple[Vector, AdaptiveState]:
        t, v = state.t + 1, vectors.mean(0.99, state.v, times(xi, xi))
        roots = tf.nest.map_structure(lambda mean: tf.sqrt(acgd_rates(mean, t, learning_rate, 0.99, 1e-5)), v)
        solved = [anticipating_step(i, xi, params, game, roots, awareness, None, 1e-3, iterations) for i in (0, 1)]
        return times(roots, tuple(s for s, _ in solved)), AdaptiveState(t, v, solved[0][1] + solved[1][1])

    return Rule(init, update, "adaptive_awareness(<lane>)")


def two_modes() -> Mixture:
    """Return the two modes of the CGD paper's example: (1, 1) / sqrt(2) and (1, 0), standard deviation .1."""
    return Mixture(np.array([[0.5**0.5, 0.5**0.5], [1.0, 0.0]]), 0.1)


@dataclass(frozen=True)
class Setting:
    """A mixture, networks, and how long they train.

    Args:
        mixture: the data.
        widths: hidden units of both networks.
        latent: coordinates of z.
        batch: samples a step.
        samples: that are measured.
    """

    mixture: Mixture
    widths: tuple[int, ...]
    latent: int
    batch: int
    samples: int = 1024

    @property
    def gan(self) -> GAN:
        """Return the two networks; the game is zero-sum."""
        return GAN(self.mixture, self.latent, self.widths, loss="zero-sum")

    def run(
        self, makers: Mapping[str, MakeRule], hypers: Any, steps: Mapping[str, int], seeds: Sequence[int], records: int
    ) -> dict[str, dict[str, np.ndarray]]:
        """Train lanes of settings and seeds.

        Args:
            makers: name -> ``hyper -> rule``, whose states count units.
            hypers: one entry a setting, nested arrays.
            steps: of each rule.
            seeds: of start and minibatches.
            records: after the first.

        Returns:
            name -> {"samples": [records + 1, settings, seeds, n, 2], "units": [records + 1, settings, seeds]}.
        """
        gan, n = self.gan, len(seeds)
        count = len(tf.nest.flatten(hypers)[0])
        lanes = tf.nest.map_structure(lambda x: tf.constant(np.repeat(x, n, 0), tf.float32), hypers)
        starts = [gan.start(*(fold_seed(seed, INITIALISATION, player) for player in (0, 1))) for seed in seeds]
        start = tf.nest.map_structure(
            lambda *leaves: tf.tile(tf.stack(leaves), [count] + [1] * leaves[0].shape.rank), *starts
        )
        z = tf.random.stateless_normal([self.samples, self.latent], fold_seed(0, EVALUATION))
        found = {}
        for name, make in makers.items():
            sweep = Sweep(
                gan.game,
                {name: make},
                lambda params, state, game: (gan.generate(params, z), state.units),
                max(1, steps[name] // records),
                batch=lambda key, step: gan.draw(key, self.batch),
            )
            samples, units = sweep.run(lanes, start, records + 1, seeds=list(seeds) * count)[name]
            shape = (records + 1, count, n)
            found[name] = {
                "samples": np.asarray(samples).reshape(*shape, self.samples, 2),
                "units": np.asarray(units).reshape(shape),
            }
        return found


def quality(samples: np.ndarray, mixture: Mixture, seed: int = 0) -> dict[str, np.ndarray]:
    """Measure every sample [..., n, 2]: modes with a quarter of their share within 4 standard deviations or .15, W1."""
    exact = np.asarray(mixture.sample(fold_seed(seed, EVALUATION, 1), samples.shape[-2]))
    clipped = np.clip(np.nan_to_num(samples, nan=1e3), -1e3, 1e3)
    flat = clipped.reshape(-1, *clipped.shape[-2:])
    radius = max(4.0, 0.15 / mixture.std)
    looked = [modes(one, mixture, radius) for one in flat]
    found = {
        "modes": np.array([one.quarter for one in looked], float),
        "sharp": np.array([one.good for one in looked]),
        "w1": np.array([sliced_w1(one, exact, 64) for one in flat]),
    }
    return {key: value.reshape(samples.shape[:-2]) for key, value in found.items()}


UNITS = {
    "ACGD": 8,  # at the dearest that is expected; counted as it goes
    "SGA": 4,
    "consensus": 6,
    "extragradient": 4,
    "optimistic Adam": 2,
    "optimistic RMSProp": 2,
    "RMSProp": 2,
}


def contenders() -> dict[str, MakeRule]:
    """Return the methods of the comparison, all with RMSProp's rates (optimistic Adam with Adam's), counting units."""

    def fixed(name: str, make: MakeRule) -> MakeRule:
        return lambda eta: counted(make(eta), lambda state: UNITS[name])

    makers: dict[str, MakeRule] = {
        "SGA": lambda eta: chain(sga(1.0), rmsprop(eta, 0.99)),
        "consensus": lambda eta: chain(consensus(1.0), rmsprop(eta, 0.99)),
        "extragradient": lambda eta: extrapolated(rmsprop(eta, 0.99)),
        "optimistic Adam": lambda eta: chain(optimism(), adam(eta, 0.5)),
        "optimistic RMSProp": lambda eta: chain(optimism(), rmsprop(eta, 0.99)),
        "RMSProp": lambda eta: rmsprop(eta, 0.99),
    }
    acgd_counted = {"ACGD": lambda eta: counted(acgd(eta, tolerance=1e-3, iterations=10), one_sided)}
    return acgd_counted | {name: fixed(name, make) for name, make in makers.items()}
