"""Rules side by side on the same inner problems: same starts, same minibatches, many seeds, one compiled program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from descent.games import Game
from descent.learned.base import compiling_quietly
from descent.learned.tasks import Task
from descent.oracles import Oracle, gradients_of
from descent.quiet import tf
from descent.randomness import EVALUATION, fold_seed
from descent.rules.base import Rule
from descent.sweep import Sweep
from descent.vectors import Vector


class Race:
    """A family of rules on a task, over a grid of hyper-parameters and seeds: a ``Sweep`` of competitors x seeds.

    Args:
        task: the inner problems.
        make_rule: ``hyper -> Rule``; a learned optimiser's ``rule`` will do, and its weights are then the hyper.
        record: ``(params, context) -> tensor``, of one lane.
        every: steps between records.

    A run that diverges is a result: it goes on through infinity, and the records show it.
    """

    def __init__(
        self,
        task: Task,
        make_rule: Callable[[Any], Rule],
        record: Callable[[Vector, Any], tf.Tensor],
        every: int = 10,
    ):
        self.task = task
        self.make_rule = make_rule
        self.record = record
        self.every = every
        self._sweeps: dict[int, Sweep] = {}

    def run(self, hypers: Any, steps: int, seed: int = 0, seeds: int = 8) -> np.ndarray:
        """Run every hyper-parameter from every start.

        Args:
            hypers: nested tensors with a leading axis, one slice per competitor.
            steps: inner steps, a multiple of ``every``.
            seed: gives starts and minibatches, the same for every competitor and in every race of the task.
            seeds: how many starts, each with minibatches of its own.

        Returns:
            What ``record`` returned at steps 0, every, 2 every, ...: shape [records, competitors, seeds, ...].
        """
        if steps % self.every:
            raise ValueError(f"steps ({steps}) must be a multiple of every ({self.every})")
        hypers = tf.nest.map_structure(tf.convert_to_tensor, hypers)
        competitors = len(tf.nest.flatten(hypers)[0])

        def for_all(x: Any) -> Any:
            return tf.nest.map_structure(lambda leaf: tf.concat([leaf] * competitors, 0), x)

        start, context = for_all(self.task.start(fold_seed(seed, EVALUATION), seeds))
        lanes = tf.nest.map_structure(lambda leaf: tf.repeat(leaf, seeds, 0), hypers)
        if seeds not in self._sweeps:
            self._sweeps[seeds] = self._sweep(seeds)
        sweep = self._sweeps[seeds]
        with compiling_quietly(sweep):
            found = sweep.run(lanes, (start,), steps // self.every + 1, (context, for_all(tf.range(seeds))), seed)
        records = found["race"].numpy()
        return records.reshape(len(records), competitors, seeds, *records.shape[2:])

    @property
    def traces(self) -> int:
        """How many times programs were traced; tests hold it at one."""
        return sum(sweep.traces for sweep in self._sweeps.values())

    def _sweep(self, seeds: int) -> Sweep:
        """Return the sweep whose step draws so many minibatches at once; each lane takes its own start's."""

        def oracle(lane: Any) -> Oracle:
            context, row = lane

            def game(params: Vector, state: Any, drawn: Any) -> Game:
                return self.task.game.at((context, tf.nest.map_structure(lambda leaf: tf.gather(leaf, row), drawn)))

            return gradients_of(game, lambda like, key, step: self.task.batch(key, seeds))

        def record(params: Vector, state: Any, game: Game) -> tf.Tensor:
            return self.record(params[0], game.batch[0])

        return Sweep(oracle, {"race": self.make_rule}, record, self.every)
