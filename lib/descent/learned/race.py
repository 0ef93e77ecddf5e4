"""Rules side by side on the same inner problems: same starts, same minibatches, many seeds, one compiled program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from descent import vectors
from descent.learned.base import quietly
from descent.learned.tasks import Task
from descent.quiet import tf
from descent.rules.base import Rule
from descent.simulate import BATCHES, EVALUATION, fold_seed
from descent.vectors import Vector


class Race:
    """A family of rules on a task, over a grid of hyper-parameters and seeds.

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
        self.task, self.make_rule, self.record, self.every = task, make_rule, record, every
        self._run = tf.function(self._run_graph, reduce_retracing=True, autograph=False)

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
        start = self.task.start(fold_seed(seed, EVALUATION), seeds)
        count = tf.constant(steps // self.every + 1)
        records = quietly(self._run)(hypers, *start, tf.constant(seed), count).numpy()
        return records.reshape(len(records), -1, seeds, *records.shape[2:])

    @property
    def traces(self) -> int:
        """How many times the program was traced; tests hold it at one."""
        return self._run.experimental_get_tracing_count()

    def _run_graph(self, hypers: Any, params: Vector, context: Any, seed: tf.Tensor, records: tf.Tensor) -> tf.Tensor:
        seeds = tf.nest.flatten(params)[0].shape[0]
        competitors = tf.nest.flatten(hypers)[0].shape[0]

        def for_all(x: Any) -> Any:
            return tf.nest.map_structure(lambda leaf: tf.concat([leaf] * competitors, 0), x)

        def one_step(lane):
            hyper, params, state, context, batch = lane
            game = self.task.game.at((context, batch))
            change, state = self.make_rule(hyper).update(game.gradient((params,)), state, (params,), game)
            return vectors.add(params, change[0]), state

        def step(t, params, state):
            batch = for_all(self.task.batch(fold_seed(seed, BATCHES, t), seeds))
            return t + 1, *tf.vectorized_map(one_step, (hypers, params, state, context, batch))

        def block(index, params, state, records):
            t = index * self.every
            _, params, state = tf.while_loop(
                lambda t, *_: t < index * self.every, step, (t - self.every, params, state)
            )
            return index + 1, params, state, records.write(index, record(params))

        def record(params):
            return tf.vectorized_map(lambda lane: self.record(*lane), (params, context))

        hypers = tf.nest.map_structure(lambda x: tf.repeat(x, seeds, 0), hypers)
        params, context = for_all((params, context))
        state = tf.vectorized_map(lambda lane: self.make_rule(lane[0]).init((lane[1],)), (hypers, params))
        first = record(params)
        array = tf.TensorArray(first.dtype, size=records, element_shape=first.shape).write(0, first)
        *_, array = tf.while_loop(lambda index, *_: index < records, block, (tf.constant(1), params, state, array))
        return array.stack()
