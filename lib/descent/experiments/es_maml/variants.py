"""What the paper profile adds: wrong goals, and ES-MAML's first-order variant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent import vectors
from descent.evidence.cache import cached
from descent.experiments.es_maml.adaptation import Value, hill_climbing, monte_carlo
from descent.experiments.es_maml.comparison import QUERIES, Arm, Scale, grid
from descent.experiments.es_maml.meta_training import Lane, Training, released_noise, visited, without_losses
from descent.measures.selection import tune
from descent.oracles import Estimate, Oracle
from descent.problems.navigation import HORIZON, NAVIGATION, PARAMETERS, WRONG_GOALS, Environment, rollout
from descent.quiet import tf
from descent.tables import Table, spread, table

PAIRS = QUERIES // 2  # antithetic pairs, so that adaptation asks for K returns here too
STAYING = -2 * 4.0 * HORIZON  # two goals, both too far away to be seen from the start
LABELS = {
    "wrong.mc": "wrong goals, Monte Carlo",
    "wrong.hc": "wrong goals, hill climbing",
    "first.flat": "navigation, first order",
    "first.curved": "navigation, first order and curvature",
}


class WrongGoals(Training):
    """Meta-training where two of six goals are right and the others cost dearly: programs of its own."""

    def at(self, environment: Environment) -> Training:
        """Take the only environment there is."""
        self.chosen = environment
        self.tasks.assign(self._numbers(environment, self.train_ids))
        self._watched_tasks.assign(self.unseen())
        self.frozen.assign(tf.constant(released_noise(environment, self.train_ids, self.queries), tf.float32))
        return self

    @property
    def environment(self) -> Environment:
        """Return it."""
        return self.chosen


def slope_and_bend(value: Value, point: tf.Tensor, noise: tf.Tensor, sigma: float = 0.1) -> tuple[tf.Tensor, Any]:
    """Estimate the gradient of a return, and its Hessian as a map, from antithetic pairs.

    Args:
        value: as of ``adaptation.monte_carlo``.
        point: theta, shape [..., d].
        noise: standard normal, [pairs, ..., d].
        sigma: size of the perturbations.

    Returns:
        (g, v -> H v), g of shape [..., d]; both of returns over their standard deviation among the pairs.

    Source: ``estimate_query_gradient`` in ``es_maml/blackbox_maml_objects.py``; there returns are not normalised.
    """
    pairs = noise.shape[0]
    f = value(tf.concat([point + sigma * noise, point - sigma * noise], 0), 1 + tf.range(2 * pairs))
    f = tf.math.divide_no_nan(f, tf.broadcast_to(tf.math.reduce_std(f, 0), f.shape))
    plus, minus = f[:pairs], f[pairs:]
    even = (plus + minus) / 2
    even -= tf.reduce_mean(even, 0)  # the mean contains each of them: H is (1 - 1/pairs) too small
    g = tf.reduce_mean(((plus - minus) / (2 * sigma))[..., None] * noise, 0)

    def bend(v: tf.Tensor) -> tf.Tensor:
        along = tf.reduce_sum(noise * v, -1)
        return tf.reduce_mean((even * along)[..., None] * noise, 0) / sigma**2

    return g, bend


def paired_step(value: Value, point: tf.Tensor, noise: tf.Tensor, size: Any) -> tuple[tf.Tensor, Any]:
    """Adapt by one step along the antithetic gradient of the first half of the noise; K returns are asked for."""
    g, _ = slope_and_bend(value, point, noise[:PAIRS])
    return point + vectors.cast(size, point.dtype) * g, 2 * PAIRS


class FirstOrder(Training):
    r"""ES-MAML's first-order variant: g(U) at U = theta + alpha g(theta), both by evolution strategies.

    With ``lane.second`` the curvature is in it, (I + alpha H(theta)) g(U), by an estimate of H from the pairs that gave
    g(theta). A step sees as many tasks as cost no more rollouts than ES-MAML's.

    Source: field "use_hess" of the first-order learner in the released code, whose default leaves H out.
    """

    def __init__(self, pairs: int, seed: int, runs: int, lanes: int, compiled: bool = True):
        super().__init__(NAVIGATION, paired_step, pairs, seed, runs, lanes, QUERIES, compiled=compiled)

    @property
    def oracle(self) -> Oracle:
        """Return the oracle of the mean over the tasks of a step, negative because rules descend."""
        lanes, asked = self.lanes, 4 * PAIRS
        tasks_a_step = (2 * self.pairs + 1) * (QUERIES + 2) // (asked + 1)

        def draw(like: Any, key: tf.Tensor, step: tf.Tensor) -> Any:
            keys = tf.unstack(tf.random.experimental.stateless_split(key, 3))
            which = tf.random.stateless_uniform([self.runs, tasks_a_step], keys[0])
            shape = [PAIRS, self.runs, tasks_a_step, PARAMETERS]
            return which, *(tf.random.stateless_normal(shape, one) for one in keys[1:])

        def estimate(params: Any, state: Any, sample: Any) -> Any:
            task = tf.cast(tf.gather(sample[0], lanes.run) * lanes.tasks[:, None], tf.int32)
            here, there = (tf.gather(noise, lanes.run, axis=1) for noise in sample[1:])
            tasks, normalisation = tf.gather(self.tasks, task), state.normalisation(1)

            def value(points: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
                return rollout(self.environment, points, tasks, *normalisation).returns

            theta = tf.broadcast_to(params[0][:, None], [params[0].shape[0], tasks_a_step, PARAMETERS])
            alpha = lanes.size[:, None, None]
            slope, bend = slope_and_bend(value, theta, here)
            adapted = theta + alpha * slope
            g, _ = slope_and_bend(value, adapted, there)
            g += tf.where(lanes.second[:, None, None] > 0, alpha * bend(g), tf.zeros_like(g))
            last = rollout(self.environment, adapted, tasks, *normalisation)  # only for the positions
            return Estimate((-tf.reduce_mean(g, 1),), without_losses()), visited(state, last, asked)

        return Oracle(lambda params, key: self._fresh(key), estimate, draw, without_losses)


def arms(scale: Scale) -> dict[str, Arm]:
    """Return the arms of ``LABELS``, tuned as those of the comparison and run from the same fresh seeds."""
    runs = scale.seeds + scale.tuning_seeds
    found = {}
    for way, operator in (("mc", monte_carlo), ("hc", hill_climbing)):
        training = WrongGoals(
            WRONG_GOALS, operator, scale.pairs, scale.seed, runs, scale.lanes, QUERIES, compiled=scale.compiled
        )
        found[f"wrong.{way}"] = _arm(f"wrong.{way}", training, grid(way), scale)
    first = FirstOrder(scale.pairs, scale.seed, runs, scale.lanes, compiled=scale.compiled)
    for way, second in (("flat", 0.0), ("curved", 1.0)):
        found[f"first.{way}"] = _arm(f"first.{way}", first, grid("mc"), scale, second)
    return found


def _arm(name: str, training: Training, settings: Sequence[Any], scale: Scale, second: float = 1.0) -> Arm:
    size, rate = (np.repeat(column, scale.tuning_seeds) for column in np.array(settings).T)

    def compute() -> dict[str, np.ndarray]:
        tried = np.tile(scale.seeds + np.arange(scale.tuning_seeds), len(settings))
        trials = training.run(Lane(tried, size, rate, second=second), scale.length, scale.every)
        scores = -trials.after[-1].reshape(len(settings), scale.tuning_seeds)
        best = tune(settings, scores).best
        lanes = Lane(np.arange(scale.seeds), *best, second=second)  # type: ignore[misc]
        trained = training.run(lanes, scale.length, scale.every)
        before, after = training.judge_unseen(trained, lanes)
        return {
            "scores": scores,
            "steps": trained.steps,
            "rollouts": trained.rollouts[:, 0],
            "watched": trained.after[:, None],
            "before": before[None],
            "after": after[None],
        }

    found = cached(f"es-maml-variant-{name}", {"name": name, "scale": scale}, compute)
    none = np.zeros((1, scale.seeds, 0))
    return Arm(name, tune(settings, found.pop("scores")), ["base"], **found, on_frozen=none, on_fresh=none)


def measurements(found: dict[str, Arm], monte_carlo_there: Arm) -> dict[str, Any]:
    """Return what claims name; ``monte_carlo_there`` is ES-MAML's arm in navigation."""
    values: dict[str, Any] = {f"{name}.after": one.mean() for name, one in found.items()}
    for way in ("mc", "hc"):
        values[f"wrong.{way}.share"] = (found[f"wrong.{way}"].after[0] > STAYING).mean(1)
    values["wrong.hc_minus_mc"] = values["wrong.hc.share"] - values["wrong.mc.share"]
    flat, curved = found["first.flat"], found["first.curved"]
    values["first.curved_minus_flat"] = curved.mean() - flat.mean()
    values["first.es_minus_first"] = monte_carlo_there.mean() - np.maximum(flat.mean(), curved.mean())
    values["first.rollouts"] = flat.rollouts[-1] / monte_carlo_there.rollouts[-1]
    return values


def shown(found: dict[str, Arm]) -> Table:
    """Return returns on unseen tasks as a table."""
    rows = []
    for name, one in found.items():
        size, rate = one.tuning.best
        setting = f"{size:.3g}, {rate:.3g}" + ("*" if one.at_edge else "")
        rows.append([LABELS[name], setting, *(spread(one.mean(what), form=".1f") for what in ("before", "after"))])
    below = "Brackets: least and largest over seeds. *: at the edge of the grid."
    return table(rows, ["", "alpha or size, beta", "before", "after"], below=below)
