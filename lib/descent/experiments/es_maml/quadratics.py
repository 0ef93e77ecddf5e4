"""Quadratic tasks, where meta-gradient and second moments are formulas, and the estimators that are held to them.

A task is f(theta) = -|theta - mu|^2 / 2 with mu ~ N(0, s^2 I). One exact step, U(theta) = theta + alpha (mu - theta),
leaves F(theta) = f(U(theta)) = -(1 - alpha)^2 |theta - mu|^2 / 2: again a quadratic.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from descent.quiet import tf
from descent.randomness import draw_seed
from descent.tables import Table, table

Kind = Literal["plain", "forward", "antithetic"]


def meta_gradient(theta: np.ndarray, alpha: float) -> np.ndarray:
    """Return the gradient of E_mu F, -(1 - alpha)^2 theta: mu has mean 0, and smoothing adds a constant."""
    return -((1 - alpha) ** 2) * theta


def second_moment(theta: np.ndarray, alpha: float, s: float, sigma: float, paired: bool) -> float:
    r"""Return E|g|^2 of one antithetic pair, g = (F(theta + sigma e) - F'(theta - sigma e)) e / (2 sigma).

    Args:
        theta: shape [d].
        alpha: of the inner step.
        s: standard deviation of mu in each coordinate.
        sigma: of the perturbations.
        paired: whether both signs have the task F, or the second another one, F'.

    With c = (1 - alpha)^2 and Var f = s^2 |theta|^2 + d s^4 / 2, paired: c^2 (d + 2)(|theta|^2 + d s^2); unpaired:
    c^2 [d Var f / (2 sigma^2) + (d + 2)(|theta|^2 + d s^2 / 2)].
    """
    d, square, c = len(theta), float(theta @ theta), (1 - alpha) ** 2
    if paired:
        return c**2 * (d + 2) * (square + d * s**2)
    spread = s**2 * square + d * s**4 / 2
    return c**2 * (d * spread / (2 * sigma**2) + (d + 2) * (square + d * s**2 / 2))


def crossing(theta: np.ndarray, s: float) -> float:
    """Return the sigma above which unpaired estimates have the smaller second moment: sqrt(Var f / ((d + 2) s^2))."""
    d, square = len(theta), float(theta @ theta)
    return float(np.sqrt((square + d * s**2 / 2) / (d + 2)))


def estimates(
    theta: np.ndarray,
    alpha: float,
    s: float,
    sigma: float,
    kind: Kind = "antithetic",
    paired: bool = True,
    *,
    n: int,
    repeats: int,
    seed: int,
) -> np.ndarray:
    """Return estimates of the meta-gradient, each a mean over n perturbations, [repeats, d].

    Args:
        theta, alpha, s, sigma: as of ``second_moment``.
        kind: of difference; "forward" subtracts the value at theta of the same task.
        paired: whether both signs have one task.
        n: perturbations of an estimate.
        repeats: how many estimates.
        seed: gives the draws.
    """
    d = len(theta)
    keys = [draw_seed(seed, f"es-maml bench {kind} {paired} {sigma} {n} {k}") for k in range(3)]
    e, mu, other = (tf.random.stateless_normal([repeats, n, d], key, dtype=tf.float64) for key in keys)
    found = _estimates(e, s * mu, s * (mu if paired else other), tf.constant(theta), alpha, sigma, kind)
    return np.asarray(found)


@tf.function(autograph=False, reduce_retracing=True)
def _estimates(e: tf.Tensor, mu: tf.Tensor, other: tf.Tensor, theta: tf.Tensor, alpha: float, sigma: float, kind: Kind):  # type: ignore[no-untyped-def]
    def value(point: tf.Tensor, mu: tf.Tensor) -> tf.Tensor:
        adapted = point + alpha * (mu - point)
        return -tf.reduce_sum((adapted - mu) ** 2, -1, keepdims=True) / 2

    plus = value(theta + sigma * e, mu)
    if kind == "antithetic":
        slope = (plus - value(theta - sigma * e, other)) / (2 * sigma)
    elif kind == "forward":
        slope = (plus - value(tf.broadcast_to(theta, tf.shape(e)), mu)) / sigma
    else:
        slope = plus / sigma
    return tf.reduce_mean(slope * e, 1)


def first_order(
    theta: np.ndarray, hessian: np.ndarray, sigma: float, n: int, repeats: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return estimates of gradient, [repeats, d], and Hessian, [repeats, d, d], of f = theta^T A theta / 2 as released.

    The mean that centres the values contains each of them, so the Hessian's expectation is (1 - 1/n) A.

    Args:
        theta: shape [d].
        hessian: A, symmetric, [d, d].
        sigma: of the perturbations.
        n: antithetic pairs of an estimate.
        repeats: how many estimates.
        seed: gives the draws.

    Source: ``estimate_query_gradient`` in ``es_maml/blackbox_maml_objects.py``.
    """
    p = tf.random.stateless_normal([repeats, n, len(theta)], draw_seed(seed, f"es-maml hessian {n}"), dtype=tf.float64)
    points = [theta + sign * sigma * p for sign in (1.0, -1.0)]
    f = [0.5 * tf.einsum("rni,ij,rnj->rn", x, hessian, x) for x in points]
    gradient = tf.einsum("rn,rni->rni", (f[0] - f[1]) / (2 * sigma), p)
    both = (f[0] + f[1]) / 2
    centred = both - tf.reduce_mean(both, 1, keepdims=True)
    bend = tf.einsum("rn,rni,rnj->rij", centred, p, p) / (n * sigma**2)
    return tf.reduce_mean(gradient, 1).numpy(), bend.numpy()


SIZES = np.array([10, 30, 100, 300, 1000])  # numbers of perturbations at which errors are measured
BATCHES = 20  # parts of the sample: what a measurement varies over
KINDS: tuple[Kind, ...] = ("plain", "forward", "antithetic")


class Bench(NamedTuple):
    """What was measured of the estimators.

    Args:
        values: key -> value by batch, [20], or a number.
        errors: kind -> root mean square error at each of ``SIZES``.
    """

    values: dict[str, Any]
    errors: dict[str, np.ndarray]

    def table(self) -> Table:
        """Return second moments, measured and by formula."""
        rows = []
        for size, sigma in (("small", 0.1), ("large", 1.0)):
            both = [self.values[f"bench.measured.{name}.{size}"].mean() for name in ("paired", "unpaired")]
            formulas = [self.values[f"bench.formula.{name}.{size}"] for name in ("paired", "unpaired")]
            rows.append((f"{sigma:g}", both[0], formulas[0], both[1], formulas[1], both[1] / both[0]))
        head = ("sigma", "one task", "formula", "two tasks", "formula", "ratio")
        return table(rows, head)


def bench(theta: np.ndarray, alpha: float, s: float, draws: int, repeats: int, seed: int) -> Bench:
    """Measure bias, errors and second moments of the estimators, each in twenty batches.

    Args:
        theta, alpha, s: as of ``second_moment``.
        draws: pairs that second moments are measured on.
        repeats: estimates of each size that errors are measured on.
        seed: gives the draws.
    """
    values: dict[str, Any] = {}
    rms: dict[str, np.ndarray] = {}
    exact = meta_gradient(theta, alpha)
    for kind in KINDS:
        each = [estimates(theta, alpha, s, 0.1, kind, n=int(n), repeats=repeats, seed=seed) for n in SIZES]
        squares = np.array([_batches(((g - exact) ** 2).sum(1)) for g in each])
        rms[kind] = np.sqrt(squares.mean(1))
        values[f"bench.slope.{kind}"] = np.polyfit(np.log(SIZES), np.log(squares) / 2, 1)[0]
        values[f"bench.gain.{kind}"] = _batches(each[-1] @ exact / (exact @ exact))
    for size, sigma in (("small", 0.1), ("large", 1.0)):
        for name, paired in (("paired", True), ("unpaired", False)):
            g = estimates(theta, alpha, s, sigma, paired=paired, n=1, repeats=draws, seed=seed)
            measured, formula = _batches((g**2).sum(1)), second_moment(theta, alpha, s, sigma, paired)
            values[f"bench.measured.{name}.{size}"], values[f"bench.formula.{name}.{size}"] = measured, formula
            values[f"bench.moment.{name}.{size}"] = measured / formula
        ratio = values[f"bench.measured.unpaired.{size}"].mean() / values[f"bench.measured.paired.{size}"]
        values[f"bench.ratio.{size}"] = ratio
    hessian = np.diag(np.arange(1.0, len(theta) + 1))
    bend = first_order(theta, hessian, 0.1, 5, draws // 5, seed)[1]
    values["bench.hessian"] = _batches(np.trace(bend, axis1=1, axis2=2)) / np.trace(hessian)
    values["bench.crossing"] = crossing(theta, s)
    return Bench(values, rms)


def _batches(values: np.ndarray) -> np.ndarray:
    """Return means of twenty equal parts."""
    return values[: len(values) // BATCHES * BATCHES].reshape(BATCHES, -1).mean(1)
