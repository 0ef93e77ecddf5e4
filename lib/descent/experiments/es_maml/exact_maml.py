"""MAML on Navigation2D by exact derivatives of the rollout: what evolution strategies do without."""

from __future__ import annotations

from typing import Any

from descent.experiments.es_maml.adaptation import stay
from descent.experiments.es_maml.gradients import bounded, derivatives
from descent.experiments.es_maml.meta_training import Training, visited, without_losses
from descent.oracles import Estimate, Oracle
from descent.problems.navigation import HORIZON, PARAMETERS, Environment, rollout
from descent.quiet import tf
from descent.rules import adam


class ExactMAML(Training):
    r"""Meta-training with U(theta) = theta + alpha grad J(theta) and the exact gradient (I + alpha H) grad J(U(theta)).

    J is the mean reward of a step, so alpha does not depend on the horizon. Without ``lane.second`` the
    meta-gradient is grad J(U(theta)) alone: first-order MAML. Each step sees 2n + 1 tasks, as many as ES-MAML's.
    Gradients longer than 1 are shortened to 1, and that is not differentiated.

    Source: Finn, Abbeel and Levine 2017, equation 1 and section 5.2; outer steps are Adam's.
    """

    rule: Any = staticmethod(adam)

    def __init__(self, environment: Environment, pairs: int, seed: int, runs: int, lanes: int, compiled: bool = True):
        super().__init__(environment, stay, pairs, seed, runs, lanes, queries=0, compiled=compiled)

    def adapted(self, theta: tf.Tensor, tasks: Any, noise: Any, normalisation: Any, tau_noise: Any) -> Any:
        """Return policies after one exact gradient step, and that one rollout was asked for."""
        _, slope, _ = derivatives(theta, tasks, normalisation, self.environment.scaled)
        return theta + self.lanes.size[:, None, None] * bounded(slope / HORIZON), 1

    @property
    def oracle(self) -> Oracle:
        """Return the oracle of the exact meta-gradient over the tasks of a step, negative because rules descend."""
        lanes, tasks_a_step = self.lanes, 2 * self.pairs + 1

        def draw(like: Any, key: tf.Tensor, step: tf.Tensor) -> Any:
            return tf.random.stateless_uniform([self.runs, tasks_a_step], key)

        def estimate(params: Any, state: Any, sample: Any) -> Any:
            task = tf.cast(tf.gather(sample, lanes.run) * lanes.tasks[:, None], tf.int32)
            tasks, normalisation = tf.gather(self.tasks, task), state.normalisation(1)
            theta = tf.broadcast_to(params[0][:, None], [params[0].shape[0], tasks_a_step, PARAMETERS])
            alpha = lanes.size[:, None, None]
            _, slope, hessian = derivatives(theta, tasks, normalisation, self.environment.scaled)
            there = theta + alpha * bounded(slope / HORIZON)
            _, g, _ = derivatives(there, tasks, normalisation, self.environment.scaled)
            curved = alpha / HORIZON * tf.linalg.matvec(hessian, g)
            gradient = bounded(tf.where(lanes.second[:, None, None] > 0, g + curved, g) / HORIZON)
            last = rollout(self.environment, there, tasks, *normalisation)  # only for the positions
            return Estimate((-tf.reduce_mean(gradient, 1),), without_losses()), visited(state, last, 1)

        return Oracle(lambda params, key: self._fresh(key), estimate, draw, without_losses)
