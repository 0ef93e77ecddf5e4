"""GANs that differ in the latents their generators see, as lanes of one game: seeds by learning rates.

Players are the generator, the discriminator and, where there is one, the flow, which goes down its own loss. An *arm*
says which latents the generator sees and how they are weighted; the discriminator's fakes always come from p.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from descent.evidence.cache import Arrays
from descent.experiments.importance_sampled_gans.flow import Flow, log_normal
from descent.experiments.importance_sampled_gans.image_data import ImageData
from descent.experiments.importance_sampled_gans.scores import scores
from descent.games import Game
from descent.oracles import Oracle, importance_weighted
from descent.problems.mixtures import Mixture
from descent.problems.networks import MLP, mlp
from descent.quiet import tf
from descent.randomness import INITIALISATION, fold_seed
from descent.rules import adam, stopping
from descent.simulate import Simulator
from descent.vectors import Vector

GENERATOR, DISCRIMINATOR, FLOW = 0, 1, 2


class Arm(NamedTuple):
    """Which latents the generator sees.

    Args:
        label: in words.
        score: what the flow is fitted to, "jacobian", "latent" or "theta"; "" without a flow.
        weighted: whether samples are weighted by p / q.
        share: of latents that come from p all the same: a defensive mixture.
        keep: "" or which half of twice as many latents is kept: "top" by the discriminator's logit, "low" or "high" by
            the Jacobian's norm.
    """

    label: str
    score: str = ""
    weighted: bool = True
    share: float = 0.0
    keep: str = ""


ARMS = {
    "uniform": Arm("latents from p"),
    "fis": Arm("FIS, Jacobian, weighted", "jacobian"),
    "fis_unweighted": Arm("FIS, Jacobian, no weights", "jacobian", weighted=False),
    "theta": Arm("FIS, gradient norm, weighted", "theta"),
    "defensive": Arm("FIS, gradient norm, half from p", "theta", share=0.5),
    "top": Arm("top half by the discriminator", keep="top"),
    "reject": Arm("high Jacobians rejected", keep="low"),
}


@dataclass(frozen=True, eq=False)
class Setup:
    """What all arms share.

    Args:
        data: what is to be generated.
        seeds: of lanes; lanes of one seed share start and random numbers, in all arms and at all rates.
        rates: of Adam with beta1 = .5, for every player.
        latent: coordinates of z.
        width: of the two hidden layers of generator and discriminator, ReLU.
        batch: samples per step and player.
        bandwidth: h, of the conditional Gaussian at each scored latent.
    """

    data: Mixture | ImageData
    seeds: tuple[int, ...]
    rates: tuple[float, ...] = (1e-3,)
    latent: int = 2
    width: int = 48
    batch: int = 64
    bandwidth: float = 0.2

    @property
    def lanes(self) -> int:
        """Return how many there are, rates outermost."""
        return len(self.rates) * len(self.seeds)

    @property
    def bounded(self) -> bool:
        """Say whether samples are pixels, between 0 and 1."""
        return isinstance(self.data, ImageData)

    @cached_property
    def networks(self) -> tuple[MLP, MLP]:
        """The generator and the discriminator of a lane."""
        d = self.data.dimension
        return mlp([self.latent, self.width, self.width, d]), mlp([d, self.width, self.width, 1])

    @cached_property
    def flow(self) -> Flow:
        """The flow of a lane."""
        return Flow(self.latent)

    def start(self, arm: Arm) -> tuple[Vector, ...]:
        """Draw all lanes' parameters: W has shape [lanes, inputs, outputs], b [lanes, 1, outputs]."""
        players = [*self.networks, self.flow] if arm.score else list(self.networks)
        return tuple(self._lanes_of(player, k) for k, player in enumerate(players))

    def numbers(self, seed: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return a step's random numbers for all lanes; equal for lanes of one seed."""
        n, d, found = self.batch, self.data.dimension, []
        for lane in self.seeds:
            keys = tf.unstack(
                tf.random.experimental.stateless_split(tf.random.experimental.stateless_fold_in(seed, lane), 6)
            )
            found.append(
                {
                    "mode": tf.random.stateless_uniform([n], keys[0]),
                    "noise": tf.random.stateless_normal([n, d], keys[1]),
                    "fake": tf.random.stateless_normal([n, self.latent], keys[2]),
                    "u": tf.random.stateless_normal([2 * n, self.latent], keys[3]),
                    "kernel": tf.random.stateless_normal([n, self.latent], keys[4]),
                    "coin": tf.random.stateless_uniform([n], keys[5]),
                }
            )
        stacked = tf.nest.map_structure(lambda *x: tf.stack(x), *found)
        stacked["real"] = self.data.place(self.data.pick(stacked["mode"]), stacked.pop("noise"))
        return {k: tf.tile(v, [len(self.rates)] + [1] * (v.shape.rank - 1)) for k, v in stacked.items()}

    def oracle(self, arm: Arm) -> Oracle:
        """Return the importance-weighted oracle of an arm: each player's mean over lanes' samples times lanes."""

        def draw(params: Vector, numbers: dict[str, tf.Tensor]) -> tuple[Any, Any]:
            z, w = self.latents(arm, params, numbers)
            ones = tf.ones_like(w)
            batch: tuple[Any, ...]
            weights: tuple[tf.Tensor, ...]
            batch, weights = (numbers["real"], numbers["fake"], z), (w, ones)
            if arm.score:
                s = getattr(scores(self.networks, params, numbers["fake"], self.bounded), arm.score)
                weights += (s / tf.reduce_mean(s, -1, keepdims=True),)
                batch += (numbers["fake"] + self.bandwidth * numbers["kernel"],)
            return batch, tf.nest.map_structure(lambda x: self.lanes * x, weights)

        return importance_weighted(Game(self.losses), draw, self.numbers)

    def losses(self, params: Vector, batch: Any) -> tuple[tf.Tensor, ...]:
        """Return each player's loss sample by sample, [lanes, n]: non-saturating, and the flow's -log q."""
        critic = self.networks[DISCRIMINATOR]
        real, fake, z, *near = batch
        told = critic(params[DISCRIMINATOR], self.generate(params[GENERATOR], z))[..., 0]
        on_real = critic(params[DISCRIMINATOR], real)[..., 0]
        on_fake = critic(params[DISCRIMINATOR], self.generate(params[GENERATOR], fake))[..., 0]
        found = tf.nn.softplus(-told), tf.nn.softplus(-on_real) + tf.nn.softplus(on_fake)
        return found if not near else (*found, -self.flow.log_density(params[FLOW], near[0]))

    def generate(self, layers: Any, z: tf.Tensor) -> tf.Tensor:
        """Return what generators make of z, [lanes, n, d]."""
        x = self.networks[GENERATOR](layers, z)
        return tf.sigmoid(x) if self.bounded else x

    def latents(self, arm: Arm, params: Vector, numbers: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the generator's latents and their weights, [lanes, n, latent] and [lanes, n]."""
        u, n = numbers["u"], self.batch
        if arm.keep:
            found = scores(self.networks, params, u, self.bounded)
            by = {"top": found.logit, "low": -found.jacobian, "high": found.jacobian}[arm.keep]
            z = tf.gather(u, tf.math.top_k(by, n).indices, batch_dims=u.shape.rank - 2)
            return z, tf.ones(z.shape[:-1], z.dtype)
        u = u[..., :n, :]
        if not arm.score:
            return u, tf.ones(u.shape[:-1], u.dtype)
        z, log_q = self.flow.forward(params[FLOW], u)
        if arm.share:
            z = tf.where(numbers["coin"][..., None] < arm.share, u, z)
            log_q = tf.reduce_logsumexp(
                tf.stack(
                    [
                        float(np.log(arm.share)) + log_normal(z),
                        float(np.log1p(-arm.share)) + self.flow.log_density(params[FLOW], z),
                    ]
                ),
                0,
            )
        w = tf.exp(log_normal(z) - log_q)
        return z, w if arm.weighted else tf.ones_like(w)

    def simulator(self, arm: Arm, every: int) -> Simulator:
        """Return the simulator of an arm; its records are all parameters."""
        rates = tf.constant(np.repeat(self.rates, len(self.seeds))[:, None, None], tf.float32)
        rule = stopping(adam(rates, beta1=0.5))
        return Simulator(self.oracle(arm), rule, record=lambda params, state, game: params, every=every)

    def train(self, arm: Arm, steps: int, records: int, seed: int) -> tuple[Any, Arrays]:
        """Train all lanes.

        Returns:
            The parameters at records, leaves of shape [records + 1, lanes, ...]; and steps [records + 1], stopped
            [lanes], and seconds of a step of all lanes, after the first record, when all is compiled.
        """
        every = steps // records
        simulator = self.simulator(arm, every)
        first = simulator.run(self.start(arm), every, seed)
        rest = simulator.resume(first, steps - every)
        joined = tf.nest.map_structure(lambda a, b: np.concatenate([a, b[1:]]), first.records, rest.records)
        return joined, {
            "steps": np.concatenate([first.recorded_at, rest.recorded_at[1:]]),
            "stopped": rest.state.stopped.numpy(),
            "seconds": np.array(rest.seconds / (steps - every)),
        }

    def _lanes_of(self, player: Any, number: int) -> Vector:
        starts = [player.init(fold_seed(seed, INITIALISATION, number)) for seed in self.seeds]

        def stacked(*leaves: tf.Tensor) -> tf.Tensor:
            x = tf.stack(leaves)
            x = x[:, None, :] if x.shape.rank == 2 else x
            return tf.tile(x, [len(self.rates), 1, 1])

        return tf.nest.map_structure(stacked, *starts)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return it as one compiled program."""
    return tf.function(function, autograph=False, reduce_retracing=True)
