"""Meta-training as one compiled program, with checkpoints.

The meta-optimiser is a rule like any other: the optimiser's weights are the parameters, the meta-gradient's estimate is
the oracle, and ``Simulator`` runs it. Between chunks of meta-steps the checkpoint is written, from which a killed run
goes on with the draws that an unbroken one would have had.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from descent import rules, vectors
from descent.learned.base import Weights, compiling_quietly
from descent.learned.meta_gradients import Estimator
from descent.oracles import Estimate, Oracle
from descent.quiet import tf
from descent.randomness import INITIALISATION, META, fold_seed
from descent.rules import Rule, Schedule, adam, chain, scheduled, when_finite
from descent.simulate import Simulator, Trajectory
from descent.vectors import Scalar, Vector

MetaProgress = Callable[[int, int, float, float], None]


class CheckpointError(RuntimeError):
    """A checkpoint can't be taken up; the message is one line that names the file and the fix."""


@dataclass(frozen=True)
class MetaTrajectory:
    """What meta-training leaves behind.

    Args:
        weights: after the last meta-step.
        losses: meta-loss of every meta-step since the first, shape [steps], float32; NaN where it was skipped.
        skipped: meta-steps left out because their meta-gradient was not finite.
        seconds: wall time, compilation and earlier sittings included.
    """

    weights: Weights
    losses: np.ndarray
    skipped: int
    seconds: float


def polynomial_decay(start: float, end: float, steps: int, power: float = 1.0) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the schedule from start to end over so many steps, (1 - step/steps)^power of the difference left."""

    def schedule(step: tf.Tensor) -> tf.Tensor:
        share = tf.minimum(tf.cast(step, tf.float32) / steps, 1.0)
        return end + (start - end) * (1 - share) ** power

    return schedule


class MetaTrainer:
    """Trains a learned optimiser's weights.

    Args:
        estimator: of the meta-gradient.
        learning_rate: the meta-optimiser's, a function of the meta-step (float64 scalar tensor, which counts skipped
            ones too); ``polynomial_decay`` is one.
        clip: the meta-gradient is scaled down to this norm if it is longer; None leaves it.
        rule: ``learning_rate -> Rule``, the meta-optimiser.
        chunk: meta-steps per entry into Python.
        settings: plain data that says what is trained, and by which code; a checkpoint of other settings is refused,
            as is one of another learned optimiser, estimator, meta-optimiser or seed.
    """

    def __init__(
        self,
        estimator: Estimator,
        learning_rate: Callable[[tf.Tensor], tf.Tensor],
        clip: float | None = 1.0,
        rule: Callable[[Scalar], Rule] = adam,
        chunk: int = 50,
        settings: Any = None,
    ):
        self.estimator = estimator
        self.learning_rate = learning_rate
        self.rule = rule
        self.clip = clip
        self.chunk = chunk
        self.settings = json.dumps(settings, sort_keys=True)

        def clipped(rule: Rule) -> Rule:
            return rule if clip is None else chain(rules.clip(clip), rule)

        self._simulator = Simulator(
            _remembering(estimator.oracle),
            scheduled(lambda eta: when_finite(clipped(rule(eta))), Schedule(learning_rate)),
            record=lambda params, state, game, memory: memory.loss,
            chunk=chunk,
            record_oracle=True,
            stream=META,
        )

    def run(
        self,
        steps: int,
        seed: int = 0,
        weights: Weights | None = None,
        checkpoint: str | Path | None = None,
        progress: MetaProgress | None = None,
    ) -> MetaTrajectory:
        """Train for so many meta-steps.

        Args:
            steps: meta-steps in all, those of a checkpoint included.
            seed: gives the first weights and every draw.
            weights: to start from, instead.
            checkpoint: a file that is written after each chunk, and taken up where it exists.
            progress: called after each chunk with (steps done, steps, seconds, mean meta-loss of the chunk).

        Raises:
            CheckpointError: the file is damaged, or of another training.
        """
        checkpoint = None if checkpoint is None else Path(checkpoint)
        if weights is None:
            weights = self.estimator.unroll.optimizer.init(fold_seed(seed, INITIALISATION))
        at = self._simulator.run((weights,), 0, seed)
        losses, before = np.zeros(0, np.float32), 0.0
        if checkpoint is not None and checkpoint.is_file():
            at, losses, before = self._read(checkpoint, at, seed)
        began = time.perf_counter()
        while at.steps < steps:
            count = min(self.chunk, steps - at.steps)
            with compiling_quietly(self._simulator):
                at = self._simulator.resume(at, count, progress=lambda *_: None)
            losses = np.concatenate([losses, at.records[1:]])
            seconds = before + time.perf_counter() - began
            if checkpoint is not None:
                self._write(checkpoint, at, losses, seconds)
            if progress is not None:
                progress(at.steps, steps, seconds, float(np.nanmean(losses[-count:])))
        seconds = before + time.perf_counter() - began
        return MetaTrajectory(at.params[0], losses, int(np.isnan(losses).sum()), seconds)

    @property
    def traces(self) -> int:
        """How many times the meta-step was traced; tests hold it at one."""
        return self._simulator.traces

    def _write(self, path: Path, at: Trajectory, losses: np.ndarray, seconds: float) -> None:
        leaves = {f"leaf{k}": leaf.numpy() for k, leaf in enumerate(tf.nest.flatten(_kept(at)))}
        partial = path.with_name(f".{path.name}.partial.npz")  # renamed when whole: a checkpoint is never half a file
        np.savez(partial, losses=losses, seconds=seconds, settings=self._identity(at.seed), **leaves)
        partial.replace(path)

    def _read(self, path: Path, like: Trajectory, seed: int) -> tuple[Trajectory, np.ndarray, float]:
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = dict(file)
            settings, losses, seconds = str(arrays["settings"]), arrays["losses"], float(arrays["seconds"])
        except Exception as error:  # zip, zlib, pickle and key errors alike: the file is no checkpoint
            raise CheckpointError(f"{path}: damaged checkpoint, remove it to start anew ({error})") from error
        if settings != self._identity(seed):
            raise CheckpointError(
                f"{path}: checkpoint of another training ({settings}), remove it or name another file"
            )
        wanted = [(leaf.dtype.name, tuple(leaf.shape)) for leaf in tf.nest.flatten(_kept(like))]
        kept = [arrays.get(f"leaf{k}") for k in range(len(wanted))]
        if [(leaf.dtype.name, leaf.shape) for leaf in kept if leaf is not None] != wanted:
            raise CheckpointError(f"{path}: checkpoint of a training of other shapes, remove it or name another file")
        leaves = [tf.constant(leaf) for leaf in kept]
        params, inner, estimator = tf.nest.pack_sequence_as(_kept(like), leaves)
        state = like.state._replace(t=tf.constant(len(losses), tf.int64), inner=inner)
        memory = like.oracle_state._replace(estimator=estimator)
        return replace(like, params=params, state=state, oracle_state=memory, steps=len(losses)), losses, seconds

    def _identity(self, seed: int) -> str:
        optimizer = self.estimator.unroll.optimizer
        learned = f"{optimizer.name}({json.dumps(dict(optimizer.settings), sort_keys=True)})"
        return f"seed {seed}, {learned}, {self.estimator.name}, {self.rule(1.0)}, clip {self.clip}, {self.settings}"


class Memory(NamedTuple):
    """The estimator's state, and the meta-loss of the last meta-step, float32; NaN where it was left out."""

    estimator: Any
    loss: tf.Tensor


def _remembering(oracle: Oracle) -> Oracle:
    """Remember the meta-loss of the estimate that was used; where it is not finite, tell no finite gradient either."""

    def estimate(params: Vector, memory: Memory, key: tf.Tensor) -> tuple[Estimate, Memory]:
        told, state = oracle.estimate(params, memory.estimator, key)
        (loss,) = told.losses
        norm = tf.linalg.global_norm(tf.nest.flatten(told.xi))
        finite = tf.math.is_finite(norm) & tf.math.is_finite(tf.cast(loss, norm.dtype))
        xi = tf.nest.map_structure(lambda g: tf.where(finite, g, vectors.cast(float("nan"), g.dtype)), told.xi)
        return told._replace(xi=xi), Memory(state, tf.where(finite, tf.cast(loss, tf.float32), float("nan")))

    return Oracle(
        lambda params, key: Memory(oracle.init(params, key), tf.constant(float("nan"))),
        estimate,
        game=lambda params, memory, key: oracle.seen(params, memory.estimator, key),
    )


def _kept(at: Trajectory) -> Any:
    inner = at.state.inner
    return at.params, inner, at.oracle_state.estimator
