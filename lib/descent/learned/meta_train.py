"""Meta-training as one compiled program, with checkpoints.

The meta-optimiser is a rule like any other: the optimiser's weights are the parameters, an estimator supplies xi. A
chunk of meta-steps is one call of a compiled function; between chunks Python reports progress and writes the
checkpoint, from which a killed run goes on with the draws that an unbroken one would have had.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from descent.games import Game
from descent.learned.base import Weights, quietly
from descent.learned.meta_gradients import Estimator
from descent.quiet import tf
from descent.rules.adam import adam
from descent.rules.base import Rule
from descent.simulate import INITIALISATION, fold_seed
from descent.vectors import Scalar

META = 7  # the stream of a seed that meta-steps draw from
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
        learning_rate: the meta-optimiser's, a function of the meta-step (int64 scalar tensor); ``polynomial_decay`` is
            one.
        clip: the meta-gradient is scaled down to this norm if it is longer; None leaves it.
        rule: ``learning_rate -> Rule``, the meta-optimiser.
        chunk: meta-steps per entry into Python.
        settings: plain data that says what is trained; a checkpoint of other settings is refused.
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
        self.estimator, self.learning_rate, self.clip, self.rule, self.chunk = (
            estimator,
            learning_rate,
            clip,
            rule,
            chunk,
        )
        self.settings = json.dumps(settings, sort_keys=True)
        self._advance = tf.function(self._advance_graph, reduce_retracing=True, autograph=False)

    def run(
        self,
        steps: int,
        seed: int = 0,
        weights: Weights | None = None,
        checkpoint: Path | None = None,
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
        optimizer = self.estimator.unroll.optimizer
        if weights is None:
            weights = optimizer.init(fold_seed(seed, INITIALISATION))
        weights = tf.nest.map_structure(tf.convert_to_tensor, weights)
        estimator_state = self.estimator.init(weights, fold_seed(seed, META, -1))
        state = (weights, self.rule(0.0).init(weights), estimator_state)
        losses, before = np.zeros(0, np.float32), 0.0
        if checkpoint is not None and checkpoint.is_file():
            state, losses, before = self._read(checkpoint, state, seed)
        began = time.perf_counter()
        while len(losses) < steps:
            count = min(self.chunk, steps - len(losses))
            *state, new = quietly(self._advance)(
                *state, tf.constant(seed), tf.constant(len(losses), tf.int64), tf.constant(count)
            )
            losses = np.concatenate([losses, new[:count].numpy()])
            seconds = before + time.perf_counter() - began
            if checkpoint is not None:
                self._write(checkpoint, tuple(state), losses, seconds, seed)
            if progress is not None:
                progress(len(losses), steps, seconds, float(np.nanmean(losses[-count:])))
        seconds = before + time.perf_counter() - began
        return MetaTrajectory(state[0], losses, int(np.isnan(losses).sum()), seconds)

    @property
    def traces(self) -> int:
        """How many times the meta-step was traced; tests hold it at one."""
        return self._advance.experimental_get_tracing_count()

    def _advance_graph(
        self,
        weights: Weights,
        rule_state: Any,
        estimator_state: Any,
        seed: tf.Tensor,
        first: tf.Tensor,
        count: tf.Tensor,
    ) -> tuple[Weights, Any, Any, tf.Tensor]:
        def body(index, weights, rule_state, estimator_state, losses):
            step = first + tf.cast(index, tf.int64)
            key = fold_seed(seed, META, step)
            gradient, loss, estimator_state = self.estimator.estimate(weights, estimator_state, key)
            norm = tf.linalg.global_norm(tf.nest.flatten(gradient))
            finite = tf.math.is_finite(norm) & tf.math.is_finite(tf.cast(loss, norm.dtype))
            if self.clip is not None:
                factor = tf.minimum(1.0, self.clip / tf.maximum(norm, 1e-30))
                gradient = tf.nest.map_structure(lambda g: g * factor, gradient)
            change, new_state = self.rule(self.learning_rate(step)).update(gradient, rule_state, weights, NO_GAME)
            moved = tf.nest.map_structure(tf.add, weights, change)
            weights, rule_state = tf.nest.map_structure(
                lambda new, old: tf.where(finite, new, old), (moved, new_state), (weights, rule_state)
            )
            loss = tf.where(finite, tf.cast(loss, tf.float32), float("nan"))
            return index + 1, weights, rule_state, estimator_state, losses.write(index, loss)

        losses = tf.TensorArray(tf.float32, size=self.chunk, element_shape=[])
        _, weights, rule_state, estimator_state, losses = tf.while_loop(
            lambda index, *_: index < count, body, (tf.constant(0), weights, rule_state, estimator_state, losses)
        )
        return weights, rule_state, estimator_state, losses.stack()

    def _write(self, path: Path, state: Any, losses: np.ndarray, seconds: float, seed: int) -> None:
        leaves = {f"leaf{k}": leaf.numpy() for k, leaf in enumerate(tf.nest.flatten(state))}
        partial = path.with_name(f".{path.name}.partial.npz")  # renamed when whole: a checkpoint is never half a file
        np.savez(partial, losses=losses, seconds=seconds, settings=self._identity(seed), **leaves)
        partial.replace(path)

    def _read(self, path: Path, like: Any, seed: int) -> tuple[Any, np.ndarray, float]:
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
        leaves = [tf.constant(arrays[f"leaf{k}"]) for k in range(len(tf.nest.flatten(like)))]
        return tf.nest.pack_sequence_as(like, leaves), losses, seconds

    def _identity(self, seed: int) -> str:
        return f"seed {seed}, {self.estimator.name}, {self.settings}"


NO_GAME = Game(lambda params, batch: ())  # the meta-gradient is an estimate: no loss to ask for curvature
