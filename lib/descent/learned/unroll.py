"""A window of inner training as a differentiable function of the optimiser's weights: what meta-gradients are made of.

Lanes of inner problems advance together, each step of all lanes one mapped computation. A window that starts where the
last one ended is a *truncation window*: its meta-gradient holds the parameters at its start constant, though they too
depend on the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from descent import vectors
from descent.learned.base import LearnedOptimizer, Weights
from descent.learned.tasks import Task
from descent.oracles import Estimate, Oracle
from descent.quiet import tf
from descent.rules.base import step
from descent.vectors import Vector

TINY = 1e-15


class Inner(NamedTuple):
    """Inner problems under way: parameters, rule's state and context, leaves of shape [lanes, ...]."""

    params: Vector
    state: Any
    context: Any


@dataclass(frozen=True)
class Unroll:
    """A window of inner training and its meta-loss.

    Args:
        optimizer: that is learned.
        task: inner problems.
        length: inner steps of a window.
        measure: what is averaged, "log" log(loss + 1e-15) or "plain" loss; each on a minibatch that the parameters have
            not seen.
        at: "all" the mean over the parameters after each step of the window, or "final" after the last one.
        stop_gradient: hold the inner gradients constant when the meta-loss is differentiated. True is first-order: the
            weights are not told that other parameters would have had other gradients. False differentiates exactly.
        jit_compile: compile each inner step with XLA; minibatches stay the same. It pays for evolution strategies,
            which only go forwards. What backpropagation needs is handed over at each step, which eats the gain.

    Source: Andrychowicz et al. 2016, section 2 ("all", "plain", stop_gradient=True); Shahid 2017, in whose code the
    meta-loss is "log" and stop_gradient False.
    """

    optimizer: LearnedOptimizer
    task: Task
    length: int = 20
    measure: Literal["log", "plain"] = "log"
    at: Literal["all", "final"] = "all"
    stop_gradient: bool = True
    jit_compile: bool = False

    def start(self, weights: Weights, key: tf.Tensor, lanes: int) -> Inner:
        """Draw fresh inner problems."""
        params, context = self.task.start(key, lanes)
        init = self.optimizer.rule(weights).init
        return Inner(params, tf.vectorized_map(lambda w: init((w,)), params), context)

    def __call__(
        self, weights: Weights, inner: Inner, key: tf.Tensor, per_lane: bool = False, copies: int = 1
    ) -> tuple[tf.Tensor, Inner]:
        """Advance all lanes by ``length`` steps.

        Args:
            weights: of the optimiser, shared by all lanes, or with a leading axis of lanes if ``per_lane``.
            inner: where the lanes are.
            key: gives every minibatch of the window.
            per_lane: whether each lane has weights of its own.
            copies: how many times the lanes repeat: lanes l and l + lanes/copies see the same minibatches.

        Returns:
            The meta-loss of each lane, shape [lanes], and where the lanes are now.
        """
        lanes = tf.nest.flatten(inner.params)[0].shape[0]

        def batch(step: tf.Tensor | int) -> Any:
            drawn = self.task.batch(tf.random.experimental.stateless_fold_in(key, step), lanes // copies)
            return tf.nest.map_structure(lambda x: tf.concat([x] * copies, 0), drawn) if copies > 1 else drawn

        def one_lane(lane):
            own, params, state, context, batch = lane
            rule = self.optimizer.rule(own if per_lane else weights)
            (params,), state, (loss,) = step(rule, self._oracle, (params,), state, (), (context, batch))
            return self._measured(loss), params, state

        def step_of(lanes):
            return tf.vectorized_map(one_lane, lanes)

        if self.jit_compile:
            step_of = tf.function(step_of, jit_compile=True, autograph=False)

        def body(number, total, params, state):
            mapped = (weights if per_lane else (), params, state, inner.context, batch(number))
            measured, params, state = step_of(mapped)
            # the parameters before the window's first step do not depend on what it does
            counts = tf.cast(number > 0, measured.dtype) if self.at == "all" else 0
            return number + 1, total + counts * measured, params, state

        zero = tf.zeros([lanes], tf.nest.flatten(inner.params)[0].dtype)
        _, total, params, state = tf.while_loop(
            lambda number, *_: number < self.length,
            body,
            (tf.constant(0), zero, inner.params, inner.state),
            maximum_iterations=self.length,
        )
        last = tf.vectorized_map(
            lambda lane: self._measured(self.task.loss(*lane)), (params, inner.context, batch(self.length))
        )
        count = self.length if self.at == "all" else 1
        return (total + last) / vectors.cast(count, last.dtype), Inner(params, state, inner.context)

    @property
    def _oracle(self) -> Oracle:
        """Return what the inner rule is told; its memory is the losses that were told last."""

        def estimate(params: Vector, _: Any, batch: Any) -> tuple[Estimate, Any]:
            game = self.task.game.at(batch)
            losses, xi = game.losses_and_gradient(params)
            if self.stop_gradient:
                xi = tf.nest.map_structure(tf.stop_gradient, xi)
            return Estimate(xi, game, losses), losses

        return Oracle(lambda params, key: (), estimate)

    def _measured(self, loss: tf.Tensor) -> tf.Tensor:
        return tf.math.log(loss + vectors.cast(TINY, loss.dtype)) if self.measure == "log" else loss
