"""What is measured of GANs in training: what importance sampling could gain, what the flow does gain, and samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import rankdata

from descent import vectors
from descent.experiments.importance_sampled_gans.arms import ARMS, FLOW, GENERATOR, Arm, Setup, compiled
from descent.experiments.importance_sampled_gans.exact import plane
from descent.experiments.importance_sampled_gans.flow import log_normal
from descent.experiments.importance_sampled_gans.scores import scores
from descent.measures.modes import modes, sliced_w1
from descent.measures.operations import matmul_operations
from descent.problems.mixtures import Mixture
from descent.quiet import tf
from descent.randomness import draw_seed

SCORES = ("jacobian", "latent", "theta")


@dataclass(frozen=True, eq=False)
class Run:
    """All lanes of one arm.

    Args:
        arm: which.
        params: at records, leaves of shape [records + 1, lanes, ...].
        steps: at which.
        samples: what the generator makes of the same p-latents at each record, [records + 1, lanes, n, d].
        seconds: of a step of all lanes, on the machine that ran it.
    """

    arm: Arm
    params: Any
    steps: np.ndarray
    samples: np.ndarray
    seconds: float = 0.0

    def at(self, record: int) -> Any:
        """Return the parameters at a record."""
        return tf.nest.map_structure(lambda x: tf.constant(x[record]), self.params)


def run(setup: Setup, name: str, steps: int, records: int, seed: int, count: int = 1000) -> Run:
    """Train an arm and sample it."""
    arm = ARMS[name]
    params, found = setup.train(arm, steps, records, seed)
    z = tf.random.stateless_normal([count, setup.latent], draw_seed(seed, "evaluation"))
    made = compiled(lambda layers: setup.generate(layers, tf.tile(z[None], [setup.lanes, 1, 1])))
    samples = [made(tf.nest.map_structure(lambda x, r=r: x[r], params[GENERATOR])).numpy() for r in range(records + 1)]
    return Run(arm, params, found["steps"], np.stack(samples), float(found["seconds"]))


class Gains:
    """What importance sampling could gain and does gain: by quadrature over two latents, with draws from p over more.

    Args:
        setup: what runs share.
        side: of the grid, from -4.5 to 4.5.
        draws: from p, where there are more than two latents: each stands for a cell of area 1 / (draws p(z)).
    """

    def __init__(self, setup: Setup, side: int = 61, draws: int = 500):
        points: Any
        cell: Any
        if setup.latent == 2:
            points, cell = plane(4.5, side)
        else:
            points = tf.random.stateless_normal([draws, setup.latent], draw_seed(0, "latents of gains"))
            cell = np.exp(-log_normal(points).numpy().astype(float)) / draws
        self.setup = setup
        self.z = tf.tile(tf.constant(points, tf.float32)[None], [setup.lanes, 1, 1])
        p = np.exp(log_normal(self.z[0]).numpy().astype(float)) * cell
        self.p, self.cell = p / p.sum(), cell
        self._scores = compiled(lambda params: scores(setup.networks, params, self.z, setup.bounded))
        self._density = compiled(lambda layers: setup.flow.log_density(layers, self.z))

    def at(self, run: Run, record: int) -> dict[str, np.ndarray]:
        """Return per lane: ceiling, and each score's exact gain and rank correlation; of a flow its chi2, gain, ess.

        dead: the share of latents under p that don't move their sample.

        A *gain* is E_p|g|^2 / E_q[w^2 |g|^2], above 1 where the law helps; the ceiling 1 + CV^2 is the largest.
        """
        params = run.at(record)
        found = {k: v.numpy().astype(float) for k, v in self._scores(params[:2])._asdict().items()}
        g, p = found["theta"], self.p
        mean, square = g @ p, g**2 @ p
        out = {"ceiling": square / mean**2, "dead": (found["jacobian"] < 1e-8) @ p}
        for name in SCORES:
            s = np.maximum(found[name], 1e-12)  # a law that never draws a latent with a gradient has no gain at all
            out[f"exact.{name}"] = square / ((g**2 / s) @ p * (s @ p))
            out[f"rank.{name}"] = np.array([_weighted_rank_correlation(a, b, p) for a, b in zip(s, g, strict=True)])
        if run.arm.score:
            q = self.q(run, params)
            out["chi2"] = ((p * g) ** 2 / q).sum(-1) / mean**2 - 1
            out["gain"] = square / ((p * g) ** 2 / q).sum(-1)
            out["ess"] = 1 / (p**2 / q).sum(-1)
            out["mass"] = q.sum(-1)
        return out

    def q(self, run: Run, params: Any) -> np.ndarray:
        """Return the arm's law at the grid's points, times the area of a cell, [lanes, points]."""
        q = np.exp(self._density(params[FLOW]).numpy().astype(float)) * self.cell
        return np.maximum(run.arm.share * self.p + (1 - run.arm.share) * q, 1e-300)

    def bias(self, run: Run, record: int) -> np.ndarray:
        """Return |E_q g - E_p g| / |E_p g| of the generator's mean gradient without weights, per lane."""
        params = run.at(record)
        laws = [np.broadcast_to(self.p, (self.setup.lanes, len(self.p))), self.q(run, params)]
        by_p, by_q = (self._mean_gradient(params, tf.constant(law, tf.float32)) for law in laws)
        return np.sqrt(_square(vectors.subtract(by_q, by_p)) / _square(by_p))

    def _mean_gradient(self, params: Any, law: tf.Tensor) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(params[GENERATOR])
            loss = tf.reduce_sum(law * _told(self.setup, params[GENERATOR], params[1], self.z))
        return tape.gradient(loss, params[GENERATOR])


def _square(x: Any) -> np.ndarray:
    return sum((leaf.numpy() ** 2).sum((1, 2)) for leaf in tf.nest.flatten(x))


def _told(setup: Setup, generator: Any, critic: Any, z: tf.Tensor) -> tf.Tensor:
    return tf.nn.softplus(-setup.networks[1](critic, setup.generate(generator, z))[..., 0])


def _weighted_rank_correlation(a: np.ndarray, b: np.ndarray, p: np.ndarray) -> float:
    """Return Spearman's correlation under p: that of the distribution functions, ties in the order they come."""
    x, y = (_distribution(v, p) for v in (a, b))
    x, y = x - x @ p, y - y @ p
    return float((x * y) @ p / np.sqrt((x**2) @ p * ((y**2) @ p)))


def _distribution(v: np.ndarray, p: np.ndarray) -> np.ndarray:
    order = np.argsort(rankdata(v, "ordinal"))
    below = np.empty(len(v))
    below[order] = np.cumsum(p[order]) - p[order] / 2
    return below


def unbiased(
    setup: Setup, run: Run, seed: int, count: int = 4000, directions: int = 20, weighted: bool = True
) -> np.ndarray:
    """Return z-scores of the arm's mean gradient minus the prior's, along random directions, [directions x lanes].

    Each sample's derivative along a direction comes from one forward-mode pass, so means have honest standard errors.
    """
    params = run.at(-1)
    u, own = (
        tf.random.stateless_normal([setup.lanes, count, setup.latent], draw_seed(seed, name))
        for name in ("of the flow", "of the prior")
    )
    z, log_q = setup.flow.forward(params[FLOW], u)
    w = tf.exp(log_normal(z) - log_q) if weighted else tf.ones_like(log_q)

    @compiled
    def along(direction: Any) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.autodiff.ForwardAccumulator(params[GENERATOR], direction) as forward:
            by_q = _told(setup, params[GENERATOR], params[1], z)
            by_p = _told(setup, params[GENERATOR], params[1], own)
        return w * forward.jvp(by_q), forward.jvp(by_p)

    flat = tf.nest.flatten(params[GENERATOR])
    found = []
    for k in range(directions):
        keys = [draw_seed(seed, f"direction {k}", i) for i in range(len(flat))]
        drawn = [tf.random.stateless_normal(x.shape, key) for x, key in zip(flat, keys, strict=True)]
        a, b = (x.numpy().astype(float) for x in along(tf.nest.pack_sequence_as(params[GENERATOR], drawn)))
        error = np.sqrt((a.var(1, ddof=1) + b.var(1, ddof=1)) / count)
        found.append((a.mean(1) - b.mean(1)) / error)
    return np.concatenate(found)


def sample_measures(setup: Setup, run: Run, seed: int) -> dict[str, np.ndarray]:
    """Return modes, good, kl and w1 (sliced) of the samples of a mixture's runs, each [records + 1, lanes]."""
    mixture = setup.data
    assert isinstance(mixture, Mixture)
    real = mixture.sample(draw_seed(seed, "real", 0), run.samples.shape[2]).numpy()
    seen = [[modes(x, mixture) for x in row] for row in run.samples]
    found = {
        "modes": [[one.quarter for one in row] for row in seen],
        "good": [[one.good for one in row] for row in seen],
        "kl": [[one.reverse_kl for one in row] for row in seen],
        "w1": [[sliced_w1(x, real, 32) for x in row] for row in run.samples],
    }
    return {name: np.array(values, float) for name, values in found.items()}


def steps_until(steps: np.ndarray, curve: np.ndarray, level: float) -> np.ndarray:
    """Return the first recorded step at which a curve [records, seeds] is at the level; the last if never."""
    reached = curve >= level
    first = np.where(reached.any(0), reached.argmax(0), len(steps) - 1)
    return steps[first].astype(float)


def step_cost(setup: Setup, name: str) -> float:
    """Return the matrix products of a step of all players, in those of the uniform arm, for one lane.

    The Jacobian score's tangents, one for each latent, are added: the count of a graph leaves out stacks of products.
    """
    one = replace(setup, seeds=setup.seeds[:1], rates=setup.rates[:1])

    def products(arm: Arm) -> int:
        params = tf.nest.map_structure(lambda x: x[0], one.start(arm))
        numbers = {k: v[0] for k, v in one.numbers(tf.constant([1, 2]), tf.constant(0)).items()}
        oracle = one.oracle(arm)
        scored = setup.batch * ((arm.score == "jacobian") + 2 * (arm.keep in ("low", "high")))
        sizes = one.networks[GENERATOR].sizes[1:]
        tangents = 2 * scored * setup.latent * sum(a * b for a, b in pairwise(sizes))
        return tangents + matmul_operations(lambda p, s: oracle.estimate(p, (), s)[0].xi, params, numbers)

    return products(ARMS[name]) / products(ARMS["uniform"])
