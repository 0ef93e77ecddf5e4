r"""The kernel that drives a wide two-layer ReLU network, and what it does to functions on the circle.

With f(x) = m^{-1/2} sum_r a_r relu(w_r . x), a_r = +-1 fixed and w_r ~ N(0, I), the gradient of an output in the first
layer has inner products that tend, as m grows, to

    H_ij = E_w[x_i . x_j 1{w . x_i >= 0} 1{w . x_j >= 0}] = kappa(x_i . x_j),  kappa(t) = t (pi - arccos t) / (2 pi)

for inputs of length 1.
"""

from __future__ import annotations

import numpy as np


def kappa(t: np.ndarray | float) -> np.ndarray:
    """Return kappa(t) = t (pi - arccos t) / (2 pi).

    Args:
        t: inner products of inputs of length 1; what rounding put beyond 1 is cut.

    Source: Du, Zhai, Poczos & Singh 2019, Definition of H^infinity (section 3); Cho & Saul 2009.

    >>> kappa(1.0), kappa(0.0)
    (np.float64(0.5), np.float64(0.0))
    """
    t = np.clip(t, -1.0, 1.0)
    return t * (np.pi - np.arccos(t)) / (2 * np.pi)


def limit_gram(x: np.ndarray) -> np.ndarray:
    """Return H^infinity, shape [n, n], for inputs of length 1, shape [n, d]."""
    return kappa(x @ x.T)


def finite_gram(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return H of a network with first-layer weights w: its eigenvalues are what moves the residual at this moment.

    Args:
        x: inputs, shape [n, d].
        w: weights, shape [d, m].

    Source: Du et al. 2019, section 3: H_ij = (1/m) x_i . x_j #{r: both gates are open}.
    """
    gates = (x @ w >= 0).astype(float)
    return (x @ x.T) * (gates @ gates.T) / w.shape[1]


def circle_inputs(theta: np.ndarray, bias: bool) -> np.ndarray:
    """Return the points of the circle at angles theta as inputs of length 1.

    Args:
        theta: angles, shape [n].
        bias: False: (cos, sin). True: (cos, sin, 1) / sqrt 2, so that every unit has a bias.
    """
    x = np.stack([np.cos(theta), np.sin(theta)], -1)
    return np.concatenate([x, np.ones((len(x), 1))], -1) / np.sqrt(2) if bias else x


def circle_kernel(delta: np.ndarray, bias: bool) -> np.ndarray:
    """Return the kernel of two points of the circle at the angle delta from each other."""
    return kappa((1 + np.cos(delta)) / 2 if bias else np.cos(delta))


def circle_eigenvalues(largest: int, bias: bool) -> np.ndarray:
    r"""Return the eigenvalues of the kernel on the circle with the uniform probability measure.

    The kernel depends on the difference of angles, so its eigenfunctions are 1, cos k theta, sin k theta, and

        lambda_k = (1/pi) int_0^pi K(delta) cos(k delta) d delta.

    Without a bias K = cos(delta) (pi - delta) / (2 pi), and the integral is elementary: lambda_1 = 1/8,

        lambda_k = (1 / (2 pi^2)) (1/(k-1)^2 + 1/(k+1)^2)   for even k,   0 for odd k >= 3.

    With one it isn't; K is analytic on [0, pi], where Gauss and Legendre's rule on short panels finds every digit.

    Args:
        largest: the largest frequency.
        bias: see ``circle_inputs``.

    Returns:
        lambda_0, ..., lambda_largest.

    Source: ours; the kernel is Du et al. 2019's.

    >>> circle_eigenvalues(4, bias=False).round(6)
    array([0.101321, 0.125   , 0.056289, 0.      , 0.007656])
    """
    k = np.arange(largest + 1)
    if bias:
        panels = largest // 8 + 2  # in each of which cos(k delta) turns at most four times
        nodes, weights = np.polynomial.legendre.leggauss(32)
        delta = (np.pi / panels * (np.arange(panels)[:, None] + (nodes + 1) / 2)).ravel()
        return np.cos(np.outer(k, delta)) @ (np.tile(weights, panels) * circle_kernel(delta, bias=True)) / (2 * panels)
    even = (1.0 / (np.maximum(k, 2) - 1) ** 2 + 1.0 / (k + 1) ** 2) / (2 * np.pi**2)
    even[0] = 1 / np.pi**2
    return np.where(k % 2 == 0, even, np.where(k == 1, 1 / 8, 0.0))


def tail_of_eigenvalues(k: np.ndarray | float) -> np.ndarray:
    """Return what lambda_k with a bias tends to, 1 / (2 sqrt 2 pi^2 k^2).

    Near delta = 0 the kernel is 1/2 - |delta| / (2 sqrt 2 pi), and a kink of slope -c has coefficients c / (pi k^2).
    """
    return 1 / (2 * np.sqrt(2) * np.pi**2 * np.asarray(k, float) ** 2)
