"""A rule on a game, as one compiled program.

A trajectory runs in *chunks*. A chunk is one call of a compiled TensorFlow function that makes many steps and many
records; Python is entered only between chunks, for progress, for Ctrl-C, and to notice a NaN. The function is built
once, when the simulator is, so a second run compiles nothing.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule
from descent.vectors import Vector

BatchFn = Callable[[tf.Tensor, tf.Tensor], Any]
RecordFn = Callable[[Vector, Any, Game], Any]
Progress = Callable[[int, int, float], None]

# Stream names keep the draws of different uses of one seed apart.
BATCHES, INITIALISATION, EVALUATION = 0, 1, 2


class DivergedError(ArithmeticError):
    """Parameters became NaN or infinite; ``step`` is the first step after which they were."""

    def __init__(self, step: int):
        self.step = step
        super().__init__(
            f"parameters are not finite after step {step}: lower the learning rate, "
            'or pass on_nan="stop" to keep the trajectory up to there'
        )


def fold_seed(seed: int | tf.Tensor, stream: int | tf.Tensor, step: int | tf.Tensor = 0) -> tf.Tensor:
    """Return the stateless seed of one draw, an int32 tensor of shape [2].

    Args:
        seed: the experiment's one integer seed.
        stream: which use of it: ``BATCHES``, ``INITIALISATION``, ``EVALUATION`` or any further integer.
        step: which draw of that use.
    """
    parts = [tf.cast(part, tf.int32) for part in (seed, stream, step)]
    base = tf.stack([parts[0], parts[1]])
    return tf.random.experimental.stateless_fold_in(base, parts[2])


@dataclass(frozen=True)
class Trajectory:
    """What a run leaves behind.

    Args:
        params: parameters after the last finite step.
        state: the rule's state there.
        steps: number of steps made since step 0.
        records: what ``record`` returned, leaves stacked on axis 0 as NumPy arrays, shape [records, ...].
        recorded_at: the steps at which, shape [records].
        diverged_at: first step after which parameters were not finite, or None.
        seed: the seed of the batches.
        seconds: wall time of the steps, compilation left out where a run was made before.
    """

    params: Vector
    state: Any
    steps: int
    records: Any
    recorded_at: np.ndarray
    diverged_at: int | None
    seed: int
    seconds: float


class Simulator:
    """Runs one rule on one game.

    Args:
        game: the game; its batch is replaced at every step when ``batch`` is given.
        rule: the rule.
        batch: ``(seed, step) -> batch``, in TensorFlow operations; seed is an int32 tensor [2] already folded with the
            step (hand it to ``tf.random.stateless_*``), step a scalar int64 tensor. None: the game's own batch.
        record: ``(params, state, game) -> nested tensors``, evaluated at steps 0, every, 2 every, ...
        every: steps between records; without ``record``, what the number of steps is a multiple of.
        chunk: records per entry into Python; by default about 1,000 steps.
        jit_compile: compile each step with XLA. Not a default: on a CPU it does not pay for the book's networks, as
            benchmarks/sga.py shows, and XLA draws other random numbers from the same seed, so a run sees other batches.
    """

    def __init__(
        self,
        game: Game,
        rule: Rule,
        batch: BatchFn | None = None,
        record: RecordFn | None = None,
        every: int = 1,
        chunk: int | None = None,
        jit_compile: bool = False,
    ):
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}")
        self.game, self.rule, self.batch, self.record, self.every = game, rule, batch, record, every
        self.chunk = chunk or max(1, 1000 // every)
        self._step = (
            tf.function(self._step_graph, jit_compile=True, autograph=False) if jit_compile else self._step_graph
        )
        self._advance = tf.function(self._advance_graph, reduce_retracing=True, autograph=False)
        self._locate = tf.function(self._locate_graph, reduce_retracing=True, autograph=False)
        self._record = tf.function(self._record_graph, reduce_retracing=True, autograph=False)

    def run(
        self,
        params: Vector,
        steps: int,
        seed: int = 0,
        on_nan: Literal["raise", "stop"] = "raise",
        progress: Progress | None = None,
    ) -> Trajectory:
        """Simulate ``steps`` steps from params.

        Args:
            params: the start, a tuple with one vector per player.
            steps: how many steps, a multiple of ``every``.
            seed: gives every batch.
            on_nan: "raise" ends in DivergedError; "stop" returns the trajectory up to the last finite record.
            progress: called between chunks with (steps done, steps, seconds so far); ``print_progress`` is one. By
                default ``file_progress``, which is silent except in the book's pipeline.

        Returns:
            The trajectory; records hold steps // every + 1 entries, the first at step 0.

        Raises:
            DivergedError: parameters are not finite and on_nan is "raise".
            ValueError: steps is not a multiple of every.
        """
        params = tf.nest.map_structure(tf.convert_to_tensor, params)
        start = Trajectory(params, self.rule.init(params), 0, None, np.zeros(0, int), None, int(seed), 0.0)
        return self._continue(start, steps, on_nan, progress)

    def resume(
        self,
        trajectory: Trajectory,
        steps: int,
        on_nan: Literal["raise", "stop"] = "raise",
        progress: Progress | None = None,
    ) -> Trajectory:
        """Go on from a trajectory for ``steps`` more steps, with the draws an unbroken run would have had.

        Arguments and errors as in ``run``. The records are those of the new steps only, and begin where it stopped.
        """
        if trajectory.diverged_at is not None:
            raise DivergedError(trajectory.diverged_at)
        return self._continue(trajectory, steps, on_nan, progress)

    @property
    def traces(self) -> int:
        """How many times the step was traced; tests hold it at one."""
        return self._advance.experimental_get_tracing_count()

    def _continue(self, start: Trajectory, steps: int, on_nan: str, progress: Progress | None) -> Trajectory:
        if steps % self.every:
            raise ValueError(f"steps ({steps}) must be a multiple of every ({self.every})")
        params, state, began = start.params, start.state, time.perf_counter()
        seed, done, diverged = tf.constant(start.seed, tf.int32), 0, None
        records = [_leading_axis(self._record(params, state, seed, tf.constant(start.steps, tf.int64)))]
        while done < steps and diverged is None:
            count = min(self.chunk, (steps - done) // self.every)
            first = tf.constant(start.steps + done, tf.int64)
            before, made = (params, state), count
            params, state, chunk_records, finite = self._advance(*before, seed, first, tf.constant(count))
            if not finite:
                bad, params, state = self._locate(*before, seed, first, first + count * self.every)
                diverged = int(bad)
                made = (diverged - 1 - start.steps - done) // self.every  # records up to the last finite one
                if on_nan == "raise":
                    raise DivergedError(diverged)
            records.append(tf.nest.map_structure(lambda leaf, n=made: leaf[:n].numpy(), chunk_records))
            done += made * self.every
            (progress or file_progress)(done, steps, time.perf_counter() - began)
        stacked = tf.nest.map_structure(lambda *parts: np.concatenate(parts), *records) if self.record else None
        reached = start.steps + done if diverged is None else diverged - 1
        return replace(
            start,
            params=params,
            state=state,
            steps=reached,
            records=stacked,
            recorded_at=start.steps + self.every * np.arange(done // self.every + 1),
            diverged_at=diverged,
            seconds=time.perf_counter() - began,
        )

    def _at(self, seed: tf.Tensor, step: tf.Tensor) -> Game:
        return self.game if self.batch is None else self.game.at(self.batch(fold_seed(seed, BATCHES, step), step))

    def _record_graph(self, params: Vector, state: Any, seed: tf.Tensor, step: tf.Tensor) -> Any:
        return () if self.record is None else self.record(params, state, self._at(seed, step))

    def _step_graph(self, params: Vector, state: Any, seed: tf.Tensor, step: tf.Tensor) -> tuple[Vector, Any]:
        game = self._at(seed, step)
        change, state = self.rule.update(game.gradient(params), state, params, game)
        return vectors.add(params, change), state

    def _advance_graph(
        self, params: Vector, state: Any, seed: tf.Tensor, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[Vector, Any, Any, tf.Tensor]:
        """Make count x every steps; return the new params, state, the records, and whether all is finite.

        NaN and infinity stay once they are there, so it is enough to look at each record, or at the end where nothing
        is recorded; ``_locate`` finds the step.
        """

        def one(step, params, state):
            return step + 1, *self._step(params, state, seed, step)

        def many(step, number, params, state):
            return tf.while_loop(lambda at, *_: at < step + number, one, (step, params, state))[1:]

        if self.record is None:
            params, state = many(first, tf.cast(count, tf.int64) * self.every, params, state)
            return params, state, (), vectors.all_finite(params)

        template = self._record_graph(params, state, seed, first)
        arrays = [
            tf.TensorArray(leaf.dtype, size=count, element_shape=leaf.shape) for leaf in tf.nest.flatten(template)
        ]

        def block(index, params, state, arrays, _):
            step = first + tf.cast(index, tf.int64) * self.every
            # entering a loop costs as much as a small step: where every step is recorded there is none to enter
            params, state = one(step, params, state)[1:] if self.every == 1 else many(step, self.every, params, state)
            leaves = tf.nest.flatten(self._record_graph(params, state, seed, step + self.every))
            arrays = [a.write(index, x) for a, x in zip(arrays, leaves, strict=True)]
            return index + 1, params, state, arrays, vectors.all_finite(params)

        _, params, state, arrays, finite = tf.while_loop(
            lambda index, params, state, arrays, finite: (index < count) & finite,
            block,
            (tf.constant(0), params, state, arrays, tf.constant(True)),
        )
        return params, state, tf.nest.pack_sequence_as(template, [a.stack() for a in arrays]), finite

    def _locate_graph(
        self, params: Vector, state: Any, seed: tf.Tensor, first: tf.Tensor, last: tf.Tensor
    ) -> tuple[tf.Tensor, Vector, Any]:
        """Make the same steps again; return the first whose parameters are not finite, and what was before it."""

        def one(step, params, state, _):
            new_params, new_state = self._step(params, state, seed, step)
            finite = vectors.all_finite(new_params)
            return step + 1, *tf.cond(finite, lambda: (new_params, new_state), lambda: (params, state)), finite

        bad, params, state, _ = tf.while_loop(
            lambda step, params, state, finite: (step < last) & finite, one, (first, params, state, tf.constant(True))
        )
        return bad, params, state


def print_progress(done: int, steps: int, seconds: float) -> None:
    """Write one self-overwriting line to standard error: steps done, rate, time to go."""
    sys.stderr.write(f"\r{_progress_line(done, steps, seconds)}   " + ("\n" if done >= steps else ""))
    sys.stderr.flush()


def file_progress(done: int, steps: int, seconds: float) -> None:
    """Write the same line to the file that DESCENT_PROGRESS names, which the book's pipeline shows; else do nothing."""
    path = os.environ.get("DESCENT_PROGRESS")
    if path:
        Path(path).write_text(_progress_line(done, steps, seconds))


def _progress_line(done: int, steps: int, seconds: float) -> str:
    rate = done / seconds if seconds > 0 else 0.0
    left = (steps - done) / rate if rate > 0 else 0.0
    return f"{done:,}/{steps:,} steps, {rate:,.0f}/s, {left:,.0f} s to go"


def _leading_axis(records: Any) -> Any:
    return tf.nest.map_structure(lambda leaf: leaf.numpy()[None], records)
