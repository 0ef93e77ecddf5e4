"""What becomes of a trained discriminator that trains on alone, and of one whose opponent moves as well.

From one checkpoint of joint training, and on the same minibatches, the discriminator trains alone by gradient descent
or by a competitive step that anticipates a generator who does not move; or both train on. Then the generator alone
trains against what each has become. The gradient that the generator would have had is recorded in two losses, zero-sum
and non-saturating, each of one minibatch ("clean") and summed over steps as the released script does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from descent import vectors
from descent.games import Game
from descent.problems.gan import gan_game
from descent.problems.images import load
from descent.problems.networks import MLP, mlp
from descent.quiet import tf
from descent.randomness import EVALUATION, draw_seed, fold_seed, seed_beside
from descent.rules import Rule
from descent.rules.local_game import anticipating_step, times
from descent.sweep import Sweep
from descent.vectors import Vector

# What an arm's step is made of: the discriminator's awareness and whether it moves; whether the generator goes down its
# non-saturating loss, or answers a competitive step of the zero-sum game.
FLAGS = {
    "both, GD": (0.0, 1.0, 1.0, 0.0),
    "both, CGD": (1.0, 1.0, 0.0, 1.0),
    "D alone, GD": (0.0, 1.0, 0.0, 0.0),
    "D alone, CGD": (1.0, 1.0, 0.0, 0.0),
    "G alone": (0.0, 0.0, 1.0, 0.0),
}
ARMS = ("D alone, GD", "D alone, CGD", "both, GD", "both, CGD")
WATCHED = 500  # images, and as many fakes, as published


class Watch(NamedTuple):
    """What the arms remember: images and logits at the checkpoint, and summed gradients of the generator."""

    images: tf.Tensor
    logits: tf.Tensor
    summed: dict[str, Vector]


@dataclass(frozen=True)
class Task:
    """Data, networks and sizes.

    Args:
        name: of the data set.
        hidden: units of the hidden layers of both networks.
        latent: coordinates of z.
        rate: of all players and arms.
        batch: images a step.
        iterations: cap on conjugate gradients.
    """

    name: str
    hidden: int = 128
    latent: int = 16
    rate: float = 0.05
    batch: int = 64
    iterations: int = 20

    @cached_property
    def images(self) -> np.ndarray:
        """The training images, in [0, 1], shape [n, pixels]."""
        return load(self.name).x

    @cached_property
    def on_device(self) -> tf.Tensor:
        """The images once, for all graphs: as constants each graph would hold them several times."""
        with tf.init_scope():
            return tf.constant(self.images)

    @cached_property
    def networks(self) -> tuple[MLP, MLP]:
        """The generator, whose outputs are logits of pixels, and the discriminator."""
        pixels = self.images.shape[1]
        return mlp([self.latent, self.hidden, pixels]), mlp([pixels, self.hidden, 1])

    def fakes(self, own: Vector, z: tf.Tensor) -> tf.Tensor:
        """Return what the generator makes of z, shape [n, pixels]."""
        return tf.sigmoid(self.networks[0](own, z))

    def game(self, loss: Any) -> Game:
        """Return the game with one of the losses of ``gan_game``."""
        return gan_game(self.fakes, self.networks[1], loss)

    def draw(self, key: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return a step's minibatch: images, and z."""
        one, two = tf.unstack(tf.random.experimental.stateless_split(key, 2))
        which = tf.random.stateless_uniform([self.batch], one, 0, len(self.images), tf.int32)
        z = tf.random.stateless_normal([self.batch, self.latent], two)
        return tf.gather(self.on_device, which), z

    @property
    def watched(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Fixed images and z on which losses and outputs are recorded."""
        z = tf.random.stateless_normal([WATCHED, self.latent], fold_seed(0, EVALUATION))
        return self.on_device[:WATCHED], z

    def starts(self, seeds: Sequence[int]) -> tuple[Vector, Vector]:
        """Draw both networks for each seed, stacked."""
        each = [tuple(net.init(draw_seed(seed, "player", k)) for k, net in enumerate(self.networks)) for seed in seeds]
        return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *each)


def arm(task: Task, flags: tf.Tensor) -> Rule:
    """Return the rule of one arm, on the zero-sum game, which also sums the generator's gradients.

    Args:
        task: rates, and the non-saturating game.
        flags: of ``FLAGS``, shape [4].
    """
    other = task.game("non-saturating")
    awareness, discriminator_moves, descends, answers = tf.unstack(flags)

    def init(params: Vector) -> Watch:
        real, z = task.watched
        images = tf.concat([real, task.fakes(params[0], z)], 0)
        zeros = vectors.zeros_like(params[0])
        summed = {"zero-sum": zeros, "non-saturating": zeros}
        return Watch(images, task.networks[1](params[1], images), summed)

    def update(xi: Vector, state: Watch, params: Vector, game: Game) -> tuple[Vector, Watch]:
        of_other = other.at(game.batch).gradient(params)[0]
        summed = {
            "zero-sum": vectors.add(state.summed["zero-sum"], xi[0]),
            "non-saturating": vectors.add(state.summed["non-saturating"], of_other),
        }
        roots = vectors.scale(task.rate**0.5, vectors.ones_like(params))
        s, _ = anticipating_step(1, xi, params, game, roots, awareness, None, 1e-3, task.iterations)
        d = vectors.scale(discriminator_moves, times(roots[1], s))
        told = vectors.add(xi[0], game.mixed(params, 0, 0, 1)(d))  # the zero-sum gradient once D has stepped
        g = vectors.add(vectors.scale(descends, of_other), vectors.scale(answers, told))
        return (vectors.scale(-task.rate, g), d), state._replace(summed=summed)

    return Rule(init, update, "arm(<flags>)")


def record_of(task: Task) -> Any:
    """Return what is recorded: losses on fixed images, gradients of the generator, change of the outputs."""
    other, zero = task.game("non-saturating"), task.game("zero-sum")

    def record(params: Vector, state: Watch, game: Game) -> dict[str, tf.Tensor]:
        logits = task.networks[1](params[1], state.images)
        return {
            "loss": zero.at(task.watched).losses(params)[1],
            "change": tf.norm(logits - state.logits),
            "zero-sum": vectors.norm(game.gradient(params)[0]),
            "non-saturating": vectors.norm(other.at(game.batch).gradient(params)[0]),
            "zero-sum, summed": vectors.norm(state.summed["zero-sum"]),
            "non-saturating, summed": vectors.norm(state.summed["non-saturating"]),
        }

    return record


class Training:
    """Training in any arm, of any number of lanes: one compiled program.

    Args:
        task: data and networks.
        every: steps between records.
    """

    def __init__(self, task: Task, every: int):
        self.task, self.every = task, every
        self._sweep = Sweep(
            task.game("zero-sum"),
            {"arm": lambda flags: arm(task, flags)},
            record_of(task),
            every,
            batch=task.draw,
            any_lanes=True,
        )

    def run(
        self, arms: Sequence[str], starts: Sequence[Vector], steps: int, seeds: Sequence[int], stage: str
    ) -> tuple[dict[str, np.ndarray], list[Vector]]:
        """Train from a start for each arm.

        Args:
            arms: names, of ``FLAGS``.
            starts: for each arm parameters of both players, a seed a row.
            steps: a multiple of ``every``.
            seeds: of the runs.
            stage: whose minibatches: arms see the same ones in one stage.

        Returns:
            (records, ends): measure -> [records, arms, seeds]; and parameters at the end, one for each arm.
        """
        n = len(seeds)
        lanes = tf.nest.map_structure(lambda *leaves: tf.concat(leaves, 0), *starts)
        flags = tf.repeat(tf.constant([FLAGS[name] for name in arms]), n, 0)
        own = [seed_beside(seed, stage) % 2**31 for seed in seeds]
        records, (params, _, _) = self._sweep.run_to_end(flags, lanes, steps // self.every + 1, seeds=own * len(arms))[
            "arm"
        ]
        found = {key: np.asarray(x).reshape(-1, len(arms), n) for key, x in records.items()}
        ends = [tf.nest.map_structure(lambda x, k=k: x[k * n : (k + 1) * n], params) for k in range(len(arms))]
        return found, ends
