"""Estimating a covariance as a game: V makes samples' covariance V V^T, W tells it from the true one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from descent.experiments.competitive_descent.counted import counted, one_sided
from descent.games import Game
from descent.quiet import tf
from descent.randomness import draw_seed
from descent.rules import cgd, consensus, optimistic, sga
from descent.rules.chain import chain
from descent.rules.gradient_descent import gradient_descent
from descent.sweep import MakeRule, Sweep

RATES = (0.005, 0.025, 0.1, 0.4)  # as published
UNITS = {"OGDA": 2, "SGA": 4, "consensus": 6}


def rules() -> Mapping[str, MakeRule]:
    """Return the methods compared, each counting its units; consensus and SGA with weight 1."""
    return {
        "OGDA": lambda eta: counted(optimistic(eta), lambda state: UNITS["OGDA"]),
        "SGA": lambda eta: counted(chain(sga(1.0), gradient_descent(eta)), lambda state: UNITS["SGA"]),
        "consensus": lambda eta: counted(chain(consensus(1.0), gradient_descent(eta)), lambda s: UNITS["consensus"]),
        "CGD": lambda eta: counted(cgd(eta, tolerance=1e-6, iterations=200), one_sided),
    }


def covariance_game() -> Game:
    """Return the game min_V max_W <W, Sigma - V V^T>; Sigma, shape [d, d], is its batch.

    Source: the authors' code for Schaefer and Anandkumar 2019.
    """

    def losses(params: Any, sigma: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        v, w = params
        value = tf.reduce_sum(w * (sigma - tf.matmul(v, v, transpose_b=True)))
        return value, -value

    return Game(losses, zero_sum=True)


def residual(params: Any, sigma: tf.Tensor) -> tf.Tensor:
    """Return sqrt(|V V^T - Sigma|^2 + |W + W^T|^2 / 4), what both players have left to mend."""
    v, w = params
    gap = tf.matmul(v, v, transpose_b=True) - sigma
    return tf.sqrt(tf.reduce_sum(gap**2) + tf.reduce_sum(((w + tf.transpose(w)) / 2) ** 2))


def race(d: int, budget: int, rates: Sequence[float], seeds: Sequence[int], records: int = 20) -> dict[str, Any]:
    """Run every method at every rate from every seed, up to a budget of gradient units.

    Args:
        d: dimension of the covariance.
        budget: in gradients of one player or mixed products.
        rates: step sizes.
        seeds: give U, whose entries are normal with variance 1 / d, and the start: V = U + uniform on [-.5, .5], W = 0.
        records: at which residuals are kept.

    Returns:
        method -> {"units": [records + 1, rates, seeds], "residual": likewise, infinite once a run has diverged}. A
        method that needs fewer units than another makes more steps; each stops at the first record beyond the budget.
    """
    shape, n = (d, d), len(seeds)
    u = np.stack([tf.random.stateless_normal(shape, draw_seed(s, "covariance"), dtype=tf.float64) for s in seeds])
    u /= np.sqrt(d)
    noise = np.stack(
        [tf.random.stateless_uniform(shape, draw_seed(s, "beside it"), -0.5, 0.5, tf.float64) for s in seeds]
    )
    lanes = np.tile(np.arange(n), len(rates))
    start = (tf.constant((u + noise)[lanes]), tf.zeros([len(lanes), d, d], tf.float64))
    sigma = tf.constant((u @ np.swapaxes(u, 1, 2))[lanes])

    def record(params, state, game):
        return {"residual": residual(params, game.batch), "units": state.units}

    found = {}
    for name, make in rules().items():
        per_step = UNITS.get(name, 12)
        every = max(1, budget // (per_step * records))
        sweep = Sweep(covariance_game(), {name: make}, record, every, jit_compile=name in UNITS)
        hypers = tf.constant(np.repeat(rates, n), tf.float64)
        got = sweep.run(hypers, start, records + 1, batches=sigma)[name]
        size = (records + 1, len(rates), n)
        left = np.asarray(got["residual"], float).reshape(size)
        units = np.asarray(got["units"]).reshape(size)
        found[name] = {"residual": np.where(np.isfinite(left), left, np.inf), "units": units}
    return found


def at_budget(run: Mapping[str, np.ndarray], budget: int) -> np.ndarray:
    """Return the residual at the last record within the budget, over the one at the start, shape [rates, seeds]."""
    within = run["units"] <= budget * 1.001
    last = within.sum(0) - 1
    ended = np.take_along_axis(run["residual"], last[None], 0)[0]
    return ended / run["residual"][0]
