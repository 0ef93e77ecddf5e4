"""Learned optimisers against tuned ones, on the task of their meta-training and on others."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from descent.experiments.learning_to_optimize.learned_recipes import inner_network
from descent.learned import LearnedOptimizer
from descent.learned.base import Weights
from descent.learned.race import Race
from descent.learned.tasks import Task, classification
from descent.measures import selection
from descent.measures.selection import Tuning
from descent.problems.classification import Classification
from descent.problems.convolution import Convolutional
from descent.problems.images import Images, available, load
from descent.problems.networks import Network, mlp
from descent.quiet import tf
from descent.rules import adam, momentum, rmsprop
from descent.rules.base import Rule

T = TypeVar("T")
TRAIN, TEST = 0, 1
WATCHED = 2000  # at most so many images are looked at for each loss that is recorded
RATES = 10.0 ** np.arange(-3, 0.6, 0.5)
# Each with a second setting, so that all have as many trials.
BASELINES: Mapping[str, tuple[Callable[[Any, Any], Rule], tuple[float, ...]]] = {
    "Adam": (lambda eta, beta1: adam(eta, beta1), (0.5, 0.8, 0.9)),
    "RMSProp": (lambda eta, decay: rmsprop(eta, decay), (0.9, 0.99, 0.999)),
    "momentum": (lambda eta, beta: momentum(eta, beta), (0.5, 0.9, 0.99)),
}
NETWORKS: Mapping[str, Callable[[Images], Network]] = {
    "own": lambda images: inner_network(),
    "wide ReLU": lambda images: mlp([images.x.shape[1], 50, 50, 10]),
    "convolutional": lambda images: Convolutional(images.shape),
    "784-20-10": lambda images: mlp([images.x.shape[1], 20, 10], "sigmoid"),
}


@dataclass(frozen=True)
class Workload:
    """A data set and a network: where rules race.

    Args:
        data: of ``images.load``.
        network: of ``NETWORKS``.
        batch_size: images per minibatch.
    """

    data: str = "digits"
    network: str = "own"
    batch_size: int = 32

    @cached_property
    def images(self) -> tuple[Images, Images]:
        """Return the images for training and for testing."""
        return load(self.data, "train"), load(self.data, "test")

    @cached_property
    def problem(self) -> Classification:
        """Return the network on the training images."""
        return Classification(self.images[TRAIN], NETWORKS[self.network](self.images[TRAIN]))

    @cached_property
    def task(self) -> Task:
        """Return the task of training the network."""
        return classification(self.problem, self.batch_size)

    def losses(self, params: Any, context: Any) -> tf.Tensor:
        """Return the losses on training and on test images, in nats: shape [2]."""
        watched = [self.problem.batch_of(images.first(min(WATCHED, len(images)))) for images in self.images]
        return tf.stack([tf.reduce_mean(self.problem.losses((params,), batch)) for batch in watched])

    def race(self, make_rule: Callable[[Any], Rule], hypers: Any, steps: int, every: int, seed: int, seeds: int):
        """Return losses [records, competitors, seeds, 2]; arguments as of ``Race``."""
        return Race(self.task, make_rule, self.losses, every).run(hypers, steps, seed, seeds)

    def learned(
        self,
        optimizer: LearnedOptimizer,
        weights: Mapping[str, Weights],
        steps: int,
        every: int,
        seed: int,
        seeds: int,
    ) -> dict[str, np.ndarray]:
        """Race one optimiser with several weights: name -> losses [records, seeds, 2]."""
        stacked = tf.nest.map_structure(lambda *leaves: tf.stack(leaves), *weights.values())
        losses = self.race(optimizer.rule, stacked, steps, every, seed, seeds)
        return {name: losses[:, k] for k, name in enumerate(weights)}


@dataclass(frozen=True)
class Tuned:
    """A hand-written family after tuning.

    Args:
        name: of ``BASELINES``.
        trials: (learning rate, second setting) of each trial, shape [trials, 2].
        scores: log10 training loss, shape [records, trials, tuning seeds]; infinite where a run had diverged.
        every: steps between records.
        gradients: inner gradients that the tuning computed.
    """

    name: str
    trials: np.ndarray
    scores: np.ndarray
    every: int
    gradients: int

    def at(self, horizon: int) -> Tuning:
        """Return all trials, scored by the training loss after so many steps."""
        return selection.tune(list(self.trials), self.scores[horizon // self.every])

    def make(self, hyper: tf.Tensor) -> Rule:
        """Return the rule with (learning rate, second setting)."""
        return BASELINES[self.name][0](hyper[0], hyper[1])


def tune(workload: Workload, name: str, steps: int, every: int, seed: int, seeds: int = 3) -> Tuned:
    """Try every pair of settings of a family from a few seeds."""
    second = BASELINES[name][1]
    trials = np.array([(eta, other) for eta in RATES for other in second], np.float32)
    tuned = Tuned(name, trials, np.zeros(0), every, len(trials) * seeds * steps)
    losses = workload.race(tuned.make, trials, steps, every, seed, seeds)[..., TRAIN]
    scores = np.where(np.isfinite(losses), decades(losses), np.inf)
    return Tuned(name, trials, scores, every, tuned.gradients)


def race_tuned(
    workload: Workload, tuned: Tuned, horizons: Sequence[int], steps: int, every: int, seed: int, seeds: int
) -> dict[int, np.ndarray]:
    """Race the settings that are best for each horizon: horizon -> losses [records, seeds, 2]."""
    chosen = np.array([tuned.at(horizon).best for horizon in horizons], np.float32)
    losses = workload.race(tuned.make, chosen, steps, every, seed, seeds)
    return {horizon: losses[:, k] for k, horizon in enumerate(horizons)}


def at_once(jobs: Mapping[str, Callable[[], T]]) -> dict[str, T]:
    """Do independent races in threads, one per core: name -> what the job returned.

    One race keeps a core busy and the others half of the time: its operations are small, and tracing is Python. The
    compiled programs run outside Python's lock.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        futures = {name: pool.submit(job) for name, job in jobs.items()}
        return {name: future.result() for name, future in futures.items()}


def decades(losses: np.ndarray) -> np.ndarray:
    """Return log10 of losses, held between 1e-8 and 1e3; a diverged run counts as the latter."""
    return np.log10(np.clip(np.nan_to_num(losses, nan=1e3, posinf=1e3), 1e-8, 1e3))


def other_workloads(data: Sequence[str]) -> dict[str, Workload]:
    """Return unseen data sets that are at hand, of those named: CIFAR-10 with convolutions, others with 784-20-10."""
    here = [name for name in data if name in available()]
    return {name: Workload(name, "convolutional" if name == "cifar10" else "784-20-10") for name in here}
