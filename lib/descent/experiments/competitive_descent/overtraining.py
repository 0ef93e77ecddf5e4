"""What becomes of a trained discriminator that trains on alone, and of one whose opponent moves as well.

From one checkpoint of joint training, and on the same minibatches, the discriminator trains alone by gradient descent
or by a competitive step that anticipates a generator who does not move; or both train on. Then the generator alone
trains against what each has become. The gradient that the generator would have had is recorded in two losses, zero-sum
and non-saturating, each of one minibatch ("clean") and summed over steps as the released script does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from descent.randomness import EVALUATION, draw_seed, fold_seed
from descent.rules import Rule, gradient_descent
from descent.rules.local_game import anticipating_step, times
from descent.sweep import Sweep
from descent.vectors import Vector

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
        return tf.gather(tf.constant(self.images), which), z

    @property
    def watched(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Fixed images and z on which losses and outputs are recorded."""
        z = tf.random.stateless_normal([WATCHED, self.latent], fold_seed(0, EVALUATION))
        return tf.constant(self.images[:WATCHED]), z

    def starts(self, seeds: Sequence[int]) -> tuple[Vector, Vector]:
        """Draw both networks for each seed, stacked."""
        each = [
            tuple(net.init(draw_seed(seed, "player", k)) for k, net in enumerate(self.networks)) for seed in seeds
        ]
        return tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *each)


def joint(task: Task, steps: int, seeds: Sequence[int]) -> tuple[Vector, Vector]:
    """Train both players, the generator with the non-saturating loss, and return the checkpoint of each seed."""
    sweep = Sweep(
        task.game("non-saturating"),
        {"joint": lambda lane: gradient_descent(task.rate)},
        lambda params, state, game: vectors.norm(params[1]),
        steps,
        batch=task.draw,
    )
    _, (params, _, _) = sweep.run_to_end(tf.zeros([len(seeds)]), task.starts(seeds), 2, seeds=list(seeds))["joint"]
    return params


def arm(task: Task, name: str) -> Rule:
    """Return the rule of one arm, on the zero-sum game, which also sums the generator's gradients."""
    other = task.game("non-saturating")

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
        return move(xi, of_other, params, game), state._replace(summed=summed)

    def competitive(i, xi, params, game):
        roots = vectors.scale(task.rate**0.5, vectors.ones_like(params))
        s, _ = anticipating_step(i, xi, params, game, roots, 1.0, None, 1e-3, task.iterations)
        return times(roots[i], s), roots

    def move(xi, of_other, params, game):
        still = vectors.zeros_like(params[0])
        if name == "D alone, GD":
            return still, vectors.scale(-task.rate, xi[1])
        if name == "D alone, CGD":
            return still, competitive(1, xi, params, game)[0]
        if name == "both, GD":
            return vectors.scale(-task.rate, of_other), vectors.scale(-task.rate, xi[1])
        if name == "both, CGD":
            d, _ = competitive(1, xi, params, game)
            told = game.mixed(params, 0, 0, 1)(d)
            return vectors.scale(-task.rate, vectors.add(xi[0], told)), d
        # the generator strikes: it trains, and the discriminator stands still
        return vectors.scale(-task.rate, of_other), vectors.zeros_like(params[1])

    return Rule(init, update, f"arm({name})")


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


class Arms:
    """Training on from a checkpoint in several arms, on the same minibatches; compiled once for any number of steps.

    Args:
        task: data and networks.
        names: of the arms.
        every: steps between records.
    """

    def __init__(self, task: Task, names: Sequence[str], every: int):
        makers = {name: (lambda lane, name=name: arm(task, name)) for name in names}
        self.every = every
        self._sweep = Sweep(
            task.game("zero-sum"), makers, record_of(task), every, batch=task.draw, stream=EVALUATION
        )

    def run(
        self, checkpoint: Vector, steps: int, seeds: Sequence[int]
    ) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Vector]]:
        """Return (records, ends): arm -> measure -> [records, seeds]; and arm -> parameters at the end."""
        lanes = tf.zeros([len(seeds)])
        found = self._sweep.run_to_end(lanes, checkpoint, steps // self.every + 1, seeds=list(seeds))
        records = {name: {key: np.asarray(x) for key, x in got.items()} for name, (got, _) in found.items()}
        return records, {name: end[0] for name, (_, end) in found.items()}


def strikes(
    task: Task, ends: Mapping[str, Vector], steps: int, every: int, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Let the generator train against each discriminator, which stands still; return its loss, [records, seeds]."""
    sweep = Sweep(
        task.game("zero-sum"), {"strike": lambda lane: arm(task, "strike")}, record_of(task), every,
        batch=task.draw, stream=EVALUATION + 100,
    )
    n = len(seeds)
    stacked = tf.nest.map_structure(lambda *leaves: tf.concat(leaves, 0), *ends.values())
    found = sweep.run(tf.zeros([n * len(ends)]), stacked, steps // every + 1, seeds=list(seeds) * len(ends))
    loss = np.asarray(found["strike"]["loss"])
    return {name: loss[:, k * n : (k + 1) * n] for k, name in enumerate(ends)}
