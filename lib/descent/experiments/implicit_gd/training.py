"""Rules that train a small network on images, at equal steps and at equal work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from descent.evidence.cache import Arrays, cached, key
from descent.experiments.implicit_gd.one_at_a_time import RateSweep
from descent.games import Game
from descent.measures.operations import matmul_operations
from descent.problems.classification import CLASSES, Classification, cross_entropy
from descent.problems.images import Images
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules.base import Rule
from descent.solvers.curvature import Curvature, block, gauss_newton, select
from descent.vectors import Vector

DIVERGED = 1e6  # the loss of a run that is lost


@dataclass(frozen=True)
class Training:
    """Trains a sigmoid network with one hidden layer and softmax outputs, by any rule at many rates.

    Args:
        images: the training images, flattened.
        hidden: hidden units.
        batch: images per step.
        watched: the training loss is recorded on the first so many.
        every: steps between records.
        folder: where finished runs are kept.
    """

    images: Images
    hidden: int
    batch: int
    watched: int
    every: int
    folder: Path = field(repr=False)
    compiled: dict[str, RateSweep] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def problem(self) -> Classification:
        """The network, drawn with standard deviations of about 1 / sqrt(inputs), as the project's."""
        return Classification(self.images, mlp([self.images.x.shape[1], self.hidden, CLASSES], "sigmoid"))

    @property
    def game(self) -> Game:
        """The game of one player, the network."""
        return self.problem.game

    @cached_property
    def seen(self) -> Game:
        """The game on the images on which the training loss is recorded."""
        return self.game.at(self.problem.batch_of(self.images.first(min(self.watched, len(self.images)))))

    @property
    def gauss_newton(self) -> Curvature:
        """The Gauss-Newton curvature of this network."""
        return gauss_newton(self.problem.logits, lambda z, batch: tf.reduce_mean(cross_entropy(z, batch[1])))

    def runs(
        self, name: str, rule: Callable[[Any], Rule], rates: Sequence[float], steps: int, seeds: Sequence[int]
    ) -> Arrays:
        """Train at each rate from each seed, or return what was kept of it.

        Args:
            name: of the method, for the file.
            rule: learning rate -> rule.
            rates: learning rates.
            steps: of each run.
            seeds: each gives start and minibatches, the same for every method and rate.

        Returns:
            "loss" and "products" (with the curvature), shape [rates, seeds, records]; "seconds", shape [rates, seeds].
        """

        def compute() -> Arrays:
            starts = [self.problem.start(seed) for seed in seeds]
            method = key(__name__, {"rule": rule(1.0)})
            if method not in self.compiled:
                batches = self.problem.minibatches(self.batch)
                self.compiled[method] = RateSweep(self.game, rule, self._watch, self.every, batches)
            return self.compiled[method].run(rates, starts, steps, seeds)

        settings = {
            "data": [self.images.x, self.images.y],
            "shape": [self.hidden, self.batch, self.watched, self.every],
            "rules": [rule(rate) for rate in rates],
            "runs": [list(rates), steps, list(seeds)],
        }
        return cached(f"classification-{name}", settings, compute, self.folder)

    def _watch(self, params: Vector, state: Any, game: Game) -> dict[str, tf.Tensor]:
        products = getattr(state, "products", tf.zeros([], tf.int64))
        return {"loss": self.seen.losses(params)[0], "products": products}

    def product_cost(self, kind: Curvature, only: Any = None) -> float:
        """Return what a product with a curvature costs on top of a gradient, in gradients, counted in matrix products.

        Args:
            kind: the curvature.
            only: as for ``implicit``.
        """
        game = self.game.at(self.problem.batch_of(self.images.first(self.batch)))
        params = self.problem.start(0)

        def gradient_and_product(params: Vector) -> tuple[Vector, Vector]:
            g = game.gradient(params)
            return g, block(kind, game, params, only)(select(g, only))

        gradient = matmul_operations(game.gradient, params)
        return matmul_operations(gradient_and_product, params) / gradient - 1

    def work(self, run: Arrays, product_cost: float = 0.0) -> np.ndarray:
        """Return the gradient-equivalents spent at each record, shaped like ``run["loss"]``."""
        return self.every * np.arange(run["loss"].shape[-1]) + product_cost * run["products"]

    def after_steps(self, run: Arrays, steps: int) -> np.ndarray:
        """Return the training loss after so many steps, shape [rates, seeds]; a million where a run had diverged."""
        return np.minimum(run["loss"], DIVERGED)[:, :, steps // self.every]

    def after_work(self, run: Arrays, work: float, product_cost: float = 0.0) -> np.ndarray:
        """Return the training loss when so much work was spent, log-linear between records; else as ``after_steps``."""
        loss = np.minimum(run["loss"], DIVERGED)
        spent = self.work(run, product_cost)
        spent = np.broadcast_to(spent, loss.shape).reshape(-1, loss.shape[-1])
        flat = [np.interp(work, w, x) for w, x in zip(spent, np.log(loss).reshape(spent.shape), strict=True)]
        return np.exp(np.reshape(flat, loss.shape[:2]))
