"""What importance sampling of latents can gain, exactly: by quadrature and in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import hyperu
from scipy.stats import norm

from descent.experiments.importance_sampled_gans.flow import Flow, log_normal
from descent.quiet import tf
from descent.randomness import draw_seed

LINE = np.linspace(-14, 14, 20001)


def hard_region(z: np.ndarray) -> np.ndarray:
    """Return gradient norms that are 1 on the left and 9 beyond z = 1: an example on the line."""
    return 1 + 8 / (1 + np.exp(-6 * (z - 1)))


def second_moment(g: Callable[[np.ndarray], np.ndarray], q: np.ndarray) -> float:
    """Return E_q[w^2 g^2] / E_p[g^2] on the line, w = p/q, for densities q at ``LINE``; 1 is no gain."""
    p, squares = norm.pdf(LINE), g(LINE) ** 2
    return float(np.trapezoid(p**2 * squares / q, LINE) / np.trapezoid(p * squares, LINE))


def proposals() -> dict[str, float]:
    """Return the second-moment ratio of some laws for the example with a hard region."""
    p, g = norm.pdf(LINE), hard_region(LINE)
    best = p * g / np.trapezoid(p * g, LINE)
    narrow = norm.pdf(LINE, 1.0, 0.72)
    return {
        "optimal, q ∝ p g": second_moment(hard_region, best),
        "N(.5, 1)": second_moment(hard_region, norm.pdf(LINE, 0.5)),
        "N(1, .72), narrow": second_moment(hard_region, narrow),
        "half N(1, .72), half p": second_moment(hard_region, (narrow + p) / 2),
        "1 / (1 + CV^2)": float(np.trapezoid(p * g, LINE) ** 2 / np.trapezoid(p * g**2, LINE)),
    }


def linear_ceiling(latent: int) -> float:
    """Return 1 + CV^2 of gradient norms for a linear generator and a linear critic, in closed form.

    The gradient by (W, b) is (v z^T, v): its norm is |v| sqrt(1 + |z|^2), and
    E sqrt(1 + chi^2_k) = U(k/2, (k+3)/2, 1/2) / 2^(k/2) with Tricomi's function U.
    """
    mean = hyperu(latent / 2, (latent + 3) / 2, 0.5) / 2 ** (latent / 2)
    return float((1 + latent) / mean**2)


def identity_on_the_line() -> float:
    """Return how far E_q[w^2 g^2] is from (E g)^2 (1 + chi^2(q*||q)), relatively; two different quadratures."""
    x, weight = np.polynomial.hermite_e.hermegauss(180)
    mean, std = 0.3, 1.2
    z = mean + std * x  # the left side in coordinates of q
    left = weight @ (norm.pdf(z) / norm.pdf(z, mean, std) * np.cosh(z / 2)) ** 2 / np.sqrt(2 * np.pi)
    p, q, g = norm.pdf(LINE), norm.pdf(LINE, mean, std), np.cosh(LINE / 2)
    total = np.trapezoid(p * g, LINE)
    chi2 = np.trapezoid((p * g / total - q) ** 2 / q, LINE)
    return float(abs(left / (total**2 * (1 + chi2)) - 1))


def plane(reach: float, side: int) -> tuple[np.ndarray, float]:
    """Return a square grid of the plane, [side^2, 2], and the area of a cell."""
    axis = np.linspace(-reach, reach, side)
    return np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2), float((axis[1] - axis[0]) ** 2)


def bent_flow(seed: int) -> tuple[Flow, Any]:
    """Return a small flow in the plane, in double precision, with random weights."""
    flow = Flow(2, couplings=2, width=8, bound=0.1)
    like = flow.init(0, tf.float64)
    keys = iter(range(100))
    drawn = tf.nest.map_structure(
        lambda x: 0.3 * tf.random.stateless_normal(x.shape, draw_seed(seed, "bent flow", next(keys)), dtype=x.dtype),
        like,
    )
    return flow, drawn


def identity_in_the_plane(seed: int, side: int = 600) -> dict[str, float]:
    """Return the same in the plane for a flow, the left side in u and the right side in z, and the mass of q."""
    flow, params = bent_flow(seed)
    points, cell = plane(12.0, side)
    grid = tf.constant(points)

    def g(z: tf.Tensor) -> tf.Tensor:
        return 1 + tf.reduce_sum(z**2, -1) / 4

    z, log_q = flow.forward(params, grid)
    w = tf.exp(log_normal(z) - log_q)
    left = float(tf.reduce_sum(tf.exp(log_normal(grid)) * (w * g(z)) ** 2)) * cell
    mean = float(tf.reduce_sum(tf.exp(log_normal(grid)) * w * g(z))) * cell
    log_p, log_density = log_normal(grid), flow.log_density(params, grid)
    total = float(tf.reduce_sum(tf.exp(log_p) * g(grid))) * cell
    q = tf.exp(log_density)
    chi2 = float(tf.reduce_sum((tf.exp(log_p) * g(grid) / total - q) ** 2 / tf.maximum(q, 1e-300))) * cell
    return {
        "identity": abs(left / (total**2 * (1 + chi2)) - 1),
        "unbiased": abs(mean / total - 1),
        "mass": abs(float(tf.reduce_sum(q)) * cell - 1),
    }
