"""A rule on a game, as one compiled program.

A trajectory runs in *chunks*. A chunk is one call of a compiled TensorFlow function that makes many steps and many
records; Python is entered only between chunks, for progress, for Ctrl-C, and to notice a NaN. The function is built
once, when the simulator is, so a second run compiles nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from descent import vectors
from descent.games import Game
from descent.oracles import BatchFn, Oracle, as_oracle, nothing
from descent.quiet import tf
from descent.randomness import BATCHES, fold_seed, whole_seed
from descent.rules.base import Rule, step
from descent.vectors import Vector

RecordFn = Callable[..., Any]
Progress = Callable[[int, int, float], None]
State = tuple[Vector, Any, Any]  # parameters, the rule's state, the oracle's


class DivergedError(ArithmeticError):
    """Parameters became NaN or infinite; ``step`` is the first step after which they were."""

    def __init__(self, step: int):
        self.step = step
        super().__init__(
            f"parameters are not finite after step {step}: lower the learning rate, "
            'or pass on_nan="stop" to keep the trajectory up to there'
        )


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
        oracle_state: what the oracle remembers there, () where it has no memory.
    """

    params: Vector
    state: Any
    steps: int
    records: Any
    recorded_at: np.ndarray
    diverged_at: int | None
    seed: int
    seconds: float
    oracle_state: Any = ()


class Simulator:
    """Runs one rule on one game.

    Args:
        game: the game, whose batch is replaced at every step when ``batch`` is given; or an oracle.
        rule: the rule.
        batch: ``(seed, step) -> batch``, in TensorFlow operations; seed is an int32 tensor [2] already folded with the
            step (hand it to ``tf.random.stateless_*``), step a scalar int64 tensor. None: the game's own batch.
        record: ``(params, state, game) -> nested tensors``, evaluated at steps 0, every, 2 every, ...; the game is that
            of the coming step.
        every: steps between records; without ``record``, what the number of steps is a multiple of.
        chunk: records per entry into Python; by default about 1,000 steps.
        jit_compile: compile each step with XLA. Not a default: on a CPU it does not pay for the book's networks, as
            benchmarks/sga.py shows, and XLA draws other random numbers from the same seed, so a run sees other batches.
        record_oracle: hand ``record`` what the oracle remembers, as a fourth argument.
        stream: of the seed, for the oracle's draws.
    """

    def __init__(
        self,
        game: Game | Oracle,
        rule: Rule,
        batch: BatchFn | None = None,
        record: RecordFn | None = None,
        every: int = 1,
        chunk: int | None = None,
        jit_compile: bool = False,
        record_oracle: bool = False,
        stream: int = BATCHES,
    ):
        if every < 1 or every != int(every):
            raise ValueError(f"every must be a whole number of steps, at least 1, got {every}")
        if chunk is not None and (chunk < 1 or chunk != int(chunk)):
            raise ValueError(f"chunk must be at least 1, got {chunk}; leave it out for about 1,000 steps")
        self.oracle = as_oracle(game, batch)
        self.rule = rule
        self.record = record
        self.every = every
        self.chunk = chunk or max(1, 1000 // every)
        self.record_oracle = record_oracle
        self.stream = stream
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
                default what ``report_progress_to`` was given.

        Returns:
            The trajectory; records hold steps // every + 1 entries, the first at step 0.

        Raises:
            DivergedError: parameters are not finite and on_nan is "raise".
            ValueError: the start is no tuple of floats of one type, the seed no whole number of 32 bits, steps negative
                or not a multiple of every, or on_nan neither word.
        """
        params, seed = vectors.starts(params), whole_seed(seed)
        oracle_state = self.oracle.init(params, fold_seed(seed, self.stream, -1))
        start = Trajectory(params, self.rule.init(params), 0, None, np.zeros(0, int), None, seed, 0.0, oracle_state)
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
        if steps < 0 or steps % self.every:
            raise ValueError(f"steps ({steps}) must be a multiple of every ({self.every}), and not negative")
        if on_nan not in ("raise", "stop"):
            raise ValueError(f'on_nan is "raise" or "stop", got {on_nan!r}')
        began, here = time.perf_counter(), (start.params, start.state, start.oracle_state)
        seed, done, diverged = tf.constant(start.seed, tf.int32), 0, None
        records = [_leading_axis(self._record(here, seed, tf.constant(start.steps, tf.int64)))]
        while done < steps and diverged is None:
            count = min(self.chunk, (steps - done) // self.every)
            first = tf.constant(start.steps + done, tf.int64)
            before, made = here, count
            here, chunk_records, finite = self._advance(before, seed, first, tf.constant(count))
            if not finite:
                bad, here = self._locate(before, seed, first, first + count * self.every)
                diverged = int(bad)
                made = (diverged - 1 - start.steps - done) // self.every  # records up to the last finite one
                if on_nan == "raise":
                    raise DivergedError(diverged)
            records.append(tf.nest.map_structure(lambda leaf, n=made: leaf[:n].numpy(), chunk_records))
            done += made * self.every
            (progress or default_progress)(done, steps, time.perf_counter() - began)
        stacked = tf.nest.map_structure(lambda *parts: np.concatenate(parts), *records) if self.record else None
        reached = start.steps + done if diverged is None else diverged - 1
        params, state, oracle_state = here
        return replace(
            start,
            params=params,
            state=state,
            oracle_state=oracle_state,
            steps=reached,
            records=stacked,
            recorded_at=start.steps + self.every * np.arange(done // self.every + 1),
            diverged_at=diverged,
            seconds=time.perf_counter() - began,
        )

    def _sample(self, params: Vector, seed: tf.Tensor, number: tf.Tensor) -> Any:
        if self.oracle.draw is nothing:
            return ()
        return self.oracle.sample(params, fold_seed(seed, self.stream, number), number)

    def _record_graph(self, here: State, seed: tf.Tensor, number: tf.Tensor) -> Any:
        if self.record is None:
            return ()
        params, state, oracle_state = here
        game = self.oracle.seen(params, oracle_state, self._sample(params, seed, number))
        return self.record(params, state, game, *([oracle_state] if self.record_oracle else []))

    def _step_graph(self, here: State, seed: tf.Tensor, number: tf.Tensor) -> State:
        return step(self.rule, self.oracle, *here, self._sample(here[0], seed, number))

    def _advance_graph(
        self, here: State, seed: tf.Tensor, first: tf.Tensor, count: tf.Tensor
    ) -> tuple[State, Any, tf.Tensor]:
        """Make count x every steps; return where that leads, the records, and whether all is finite.

        NaN and infinity stay once they are there, so it is enough to look at each record, or at the end where nothing
        is recorded; ``_locate`` finds the step.
        """

        def one(number, here):
            return number + 1, self._step(here, seed, number)

        def many(begin, how_many, here):
            return tf.while_loop(lambda number, here: number < begin + how_many, one, (begin, here))[1]

        if self.record is None:
            here = many(first, tf.cast(count, tf.int64) * self.every, here)
            return here, (), vectors.all_finite(here[0])

        template = self._record_graph(here, seed, first)
        arrays = [
            tf.TensorArray(leaf.dtype, size=count, element_shape=leaf.shape) for leaf in tf.nest.flatten(template)
        ]

        def block(index, here, arrays, _):
            begin = first + tf.cast(index, tf.int64) * self.every
            # entering a loop costs as much as a small step: where every step is recorded there is none to enter
            here = one(begin, here)[1] if self.every == 1 else many(begin, self.every, here)
            leaves = tf.nest.flatten(self._record_graph(here, seed, begin + self.every))
            arrays = [a.write(index, x) for a, x in zip(arrays, leaves, strict=True)]
            return index + 1, here, arrays, vectors.all_finite(here[0])

        _, here, arrays, finite = tf.while_loop(
            lambda index, here, arrays, finite: (index < count) & finite,
            block,
            (tf.constant(0), here, arrays, tf.constant(True)),
        )
        return here, tf.nest.pack_sequence_as(template, [a.stack() for a in arrays]), finite

    def _locate_graph(self, here: State, seed: tf.Tensor, first: tf.Tensor, last: tf.Tensor) -> tuple[tf.Tensor, State]:
        """Make the same steps again; return the first whose parameters are not finite, and what was before it."""

        def one(number, here, _):
            after = self._step(here, seed, number)
            finite = vectors.all_finite(after[0])
            return number + 1, tf.cond(finite, lambda: after, lambda: here), finite

        bad, here, _ = tf.while_loop(
            lambda number, here, finite: (number < last) & finite, one, (first, here, tf.constant(True))
        )
        return bad, here


_told: list[Progress] = []  # of progress, by default: nobody, or one


def report_progress_to(progress: Progress | None) -> None:
    """Tell this function of progress wherever no other is named, from now on; None: nobody."""
    _told[:] = [] if progress is None else [progress]


def default_progress(done: int, steps: int, seconds: float) -> None:
    """Tell whom ``report_progress_to`` has named."""
    for progress in _told:
        progress(done, steps, seconds)


def print_progress(done: int, steps: int, seconds: float) -> None:
    """Write one self-overwriting line to standard error: steps done, rate, time to go."""
    sys.stderr.write(f"\r{progress_line(done, steps, seconds)}   " + ("\n" if done >= steps else ""))
    sys.stderr.flush()


def progress_line(done: int, steps: int, seconds: float) -> str:
    """Return a line that says how far a simulation is: steps done, rate, time to go."""
    rate = done / seconds if seconds > 0 else 0.0
    left = (steps - done) / rate if rate > 0 else 0.0
    return f"{done:,}/{steps:,} steps, {rate:,.0f}/s, {left:,.0f} s to go"


def _leading_axis(records: Any) -> Any:
    return tf.nest.map_structure(lambda leaf: leaf.numpy()[None], records)
