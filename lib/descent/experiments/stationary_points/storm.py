r"""Variance reduction (STORM) against the adversary's quadratic, where the noise changes smoothly with the iterate.

    d_t = g(x_t; xi_t) + (1 - a) (d_{t-1} - g(x_{t-1}; xi_t)),       x_{t+1} = x_t - eta d_t

needs the *same* sample at two iterates, and noise that has a Lipschitz constant in the mean square, ell:
E|n(x; xi) - n(y; xi)|^2 <= ell^2 |x - y|^2. Ours is a random wave: with u the slow coordinate, y_i one of d stiff ones
and sigma^2 = s2,

    n_i(x; xi) = sigma sqrt(2 / d) cos(ell u / sigma + sqrt(d) ell y_i / sigma + phi_i),

phi_i uniform and new at each step, has mean 0 and total variance s2 everywhere; it is the gradient of its own sum of
sines up to 1/d of its variance, which falls on u. With e = d - grad f, D the mean square of what the stiff coordinates
move in a step (normally distributed, to first order) and h what u moves, e_t = (1 - a) e_{t-1} + zeta_t, where zeta_t
is new and

    E|zeta|^2 = s2 [1 + (1 - a)^2 - 2 (1 - a) cos(ell h / sigma) exp(-ell^2 D / (2 s2))].

Units: L = Delta = s2 = 1. Source of the rule: Cutkosky and Orabona 2019, Algorithm 1, with constant a and eta.
"""

from collections.abc import Sequence

import numpy as np

from descent.experiments.stationary_points.methods import least_worst
from descent.quiet import tf


def storm_curve(
    horizons: Sequence[int], ell: float = 1.0, steps: int = 14, forgetting: int = 16, eigenvalues: int = 24
) -> np.ndarray:
    """Return the least worst E|g_T|^2 of the last iterate at each horizon, over eta and a, shape [horizons].

    Args:
        horizons: increasing; eta and a are chosen for each.
        ell: the noise's Lipschitz constant over L.
        steps: resolution in eta, from 3e-3 to 1.
        forgetting: resolution in a, from 1 / (last horizon) to 1.
        eigenvalues: resolution in the slow eigenvalue.
    """
    etas = np.geomspace(3e-3, 1.0, steps)
    rates = np.geomspace(1 / max(horizons), 1.0, forgetting)
    lambdas = np.geomspace(0.2 / max(horizons), 1.0, eigenvalues)
    values = storm_energies(etas[:, None, None], rates[None, :, None], lambdas, horizons, ell)
    return np.array([min(least_worst(row[:, k]) for k in range(forgetting)) for row in values])


def storm_energies(eta, a, lambdas, horizons: Sequence[int], ell: float) -> np.ndarray:
    """Return E|g|^2 at each horizon; eta, a and lambdas broadcast against each other, float64."""
    eta, a, lambdas = np.broadcast_arrays(eta, a, lambdas)
    lanes = (tf.constant(x, tf.float64) for x in (eta, a, lambdas))
    return _run(*lanes, tf.constant(ell, tf.float64), tf.constant(horizons, tf.int32)).numpy()


@tf.function(jit_compile=True, autograph=False)
def _run(eta: tf.Tensor, a: tf.Tensor, lambdas: tf.Tensor, ell: tf.Tensor, horizons: tf.Tensor):
    keep = 1 - a

    def step(t, g, gg, ge, ee):
        moved = eta**2 * (gg + 2 * ge + ee)  # D: what the stiff coordinates move
        rho = tf.cos(ell * eta * g) * tf.exp(-0.5 * ell**2 * moved)
        new = 1 + keep**2 - 2 * keep * rho
        gg, after = (1 - eta) ** 2 * gg - 2 * eta * (1 - eta) * ge + eta**2 * ee, (1 - eta) * ge - eta * ee
        return t + 1, (1 - eta * lambdas) * g, gg, keep * after, keep**2 * ee + new

    def block(i, records, state):
        state = tf.while_loop(lambda t, *_: t < horizons[i], step, state)
        value = state[1] ** 2 + state[2]
        return i + 1, tf.tensor_scatter_nd_update(records, tf.reshape(i, [1, 1]), value[None]), state

    zeros = tf.zeros_like(lambdas)
    start = (tf.constant(0), tf.sqrt(2 * lambdas), zeros, zeros, zeros + 1)
    records = tf.zeros([horizons.shape[0], *lambdas.shape], tf.float64)
    return tf.while_loop(lambda i, *_: i < horizons.shape[0], block, (tf.constant(0), records, start))[1]
