"""Largest stable step sizes in closed form, for the game whose Jacobian is [[mu, sigma], [-sigma, mu]].

Its eigenvalues are mu +- i sigma: sigma alone is the bilinear game f = sigma x y, mu alone is descent into a bowl.
For f = x^T A y the singular value decomposition of A decouples the game into such pairs with mu = 0, so there the
smallest threshold over the singular values counts.

Every function takes mu >= 0 and sigma >= 0 (not both 0) and returns the supremum of the step sizes eta for which all
smaller ones converge: 0.0 where none does, infinity where all do. r^2 = mu^2 + sigma^2. Where the docstring names no
source, the derivation is in the chapter on thresholds.
"""

import math

import numpy as np


def gradient_descent(mu: float, sigma: float) -> float:
    """|1 - eta (mu + i sigma)| < 1: eta < 2 mu / r^2."""
    return 2 * mu / (mu**2 + sigma**2)


def alternating_gradient_descent(mu: float, sigma: float) -> float:
    """Determinant (1 - eta mu)^2 and trace 2 (1 - eta mu) - eta^2 sigma^2 (Jury's criterion): eta < 2 / (mu + sigma).

    On the bilinear game the determinant is 1: trajectories neither converge nor, below 2 / sigma, diverge.
    """
    return 2 / (mu + sigma) if mu > 0 else 0.0


def momentum(mu: float, sigma: float, beta: float) -> float:
    """z^2 - (1 + beta - eta lambda) z + beta = 0 has both roots inside the circle (Schur and Cohn).

    eta < 2 mu (1 - beta)^2 (1 + beta) / [mu^2 (1 - beta)^2 + sigma^2 (1 + beta)^2], for every beta in (-1, 1).
    """
    a, b = mu * (1 - beta), sigma * (1 + beta)
    return 2 * a * (1 - beta**2) / (a**2 + b**2)


def alternating_momentum(mu: float, sigma: float, beta: float) -> float:
    """eta < 2 (1 + beta) / (mu + sigma), for -1 < beta <= 0; bilinear: the same with beta < 0, and never otherwise.

    Roots z = w^2 solve w^2 + beta / w^2 - (1 + beta - eta mu) = +- i eta sigma w. With w = e^(i phi) the imaginary part
    leaves cos phi = 0, that is z = -1, or 2 (1 - beta) sin phi = +- eta sigma. The real part of the latter is
    mu (1 - beta)^2 = eta beta sigma^2, which takes beta > 0: there it is a second edge, as long as eta sigma <=
    2 (1 - beta). Source: Gidel et al. 2019 show that negative momentum makes alternating steps converge; the edges are
    derived here.
    """
    if mu == 0 and not -1 < beta < 0:
        return 0.0
    edge = 2 * (1 + beta) / (mu + sigma)
    if beta > 0 and sigma > 0:
        second = mu * (1 - beta) ** 2 / (beta * sigma**2)
        if second * sigma <= 2 * (1 - beta):
            return min(edge, second)
    return edge


def optimistic(mu: float, sigma: float) -> float:
    """z^2 - (1 - 2w) z - w = 0 with w = eta (mu + i sigma): positive root of 3 r^4 e^3 + 4 mu r^2 e^2 - r^2 e - 2 mu.

    On the bilinear game |z| = 1 forces cos arg z = 1/2, so eta = 1 / (sqrt(3) sigma).
    """
    r2 = mu**2 + sigma**2
    return _smallest_positive_root([3 * r2**2, 4 * mu * r2, -r2, -2 * mu])


def alternating_optimistic(mu: float, sigma: float) -> float:
    """eta < 2 / (3 (mu + sigma)).

    Roots z = w^2 solve (w - 1/w) / (2 - 1/w^2) = +- i eta sigma - eta mu / w. With w = e^(i phi) the real part is
    4 sin^2 phi cos phi / (5 - 4 cos 2 phi) = -eta mu cos phi, so cos phi = 0, z = -1, and the imaginary part is
    2/3 = eta (mu +- sigma).
    """
    return 2 / (3 * (mu + sigma))


def extragradient(mu: float, sigma: float) -> float:
    """|1 - w + w^2| < 1 with w = eta (mu + i sigma): smallest positive root of a cubic; bilinear: eta sigma < 1."""
    r2 = mu**2 + sigma**2
    return _smallest_positive_root([r2**2, -2 * mu * r2, -(r2 - 4 * mu**2), -2 * mu])


def lookahead(mu: float, sigma: float) -> float:
    """(a - s^2)^2 + (a s)^2 < 1 with a = 1 - eta mu, s = eta sigma: a quartic in eta; bilinear: eta sigma < 1."""
    a, s2 = np.poly1d([-mu, 1]), np.poly1d([sigma**2, 0, 0])
    return _smallest_positive_root((((a - s2) ** 2 + a**2 * s2 - 1).coeffs)[:-1])  # the root eta = 0 divided out


def sga(mu: float, sigma: float, strength: float) -> float:
    """(I + lambda A^T) J has the eigenvalue (1 - i lambda sigma)(mu + i sigma).

    eta < 2 (mu + lambda sigma^2) / [(1 + lambda^2 sigma^2) r^2]. Source: Letcher et al. 2019, Corollary 9, evaluated.
    """
    lam = strength
    return 2 * (mu + lam * sigma**2) / ((1 + lam**2 * sigma**2) * (mu**2 + sigma**2))


def consensus(mu: float, sigma: float, gamma: float) -> float:
    """J + gamma J^T J has the eigenvalue a + i sigma, a = mu + gamma r^2: eta < 2 a / (a^2 + sigma^2)."""
    a = mu + gamma * (mu**2 + sigma**2)
    return 2 * a / (a**2 + sigma**2)


def competitive(mu: float, sigma: float) -> float:
    """(1 - eta mu)^2 < 1 + eta^2 sigma^2: every step if sigma >= mu, else eta < 2 mu / (mu^2 - sigma^2)."""
    return math.inf if sigma >= mu else 2 * mu / (mu**2 - sigma**2)


def _smallest_positive_root(coefficients: list[float] | np.ndarray) -> float:
    """Return the smallest positive real root of a polynomial, highest power first, polished by Newton's method."""
    roots = np.roots(coefficients)
    real = roots[np.abs(roots.imag) <= 1e-9 * np.abs(roots)].real
    positive = real[real > 1e-12]
    if not positive.size:
        return 0.0
    polynomial = np.poly1d(coefficients)
    root = float(positive.min())
    for _ in range(3):
        root -= float(polynomial(root) / polynomial.deriv()(root))
    return root
