r"""Constant steps in closed form, and the classical bound they are held against.

With q = (1 - eta lambda)^2 the recursions of ``energies`` are geometric series: for eta <= 1 / L

    |g_T|^2:           max_lambda 2 lambda q^T Delta  +  (eta L / (2 - eta L)) (1 - q_L^T) s2
    mean_t |g_t|^2:    (Delta / (eta T)) (1 - q_L^T) / (1 - eta L / 2)
                           +  (eta L / (2 - eta L)) (1 - (1 - q_L^T) / (T (1 - q_L))) s2

where q_L = (1 - eta L)^2. In the second line both maxima are at lambda = L: the worst quadratic is L |x|^2 / 2 itself.

Everything is in units of L = Delta = 1; ``noise`` is s2 / (L Delta) and ``step`` is eta L.
"""

from collections.abc import Callable

import numpy as np
from scipy.integrate import quad
from scipy.optimize import minimize_scalar


def classical_bound(step: float, horizon: int, noise: float = 1.0) -> float:
    """Bound mean_{t < T} E|grad f(x_t)|^2 for every L-smooth f: [Delta / (eta T) + eta L s2 / 2] / (1 - eta L / 2).

    Source: Ghadimi and Lan 2013, as reconstructed by summing the descent lemma over T steps.
    """
    return (1 / (step * horizon) + step * noise / 2) / (1 - step / 2)


def average_of_squares(step: float, horizon: int, noise: float = 1.0) -> float:
    """The worst mean_{t < T} E|g_t|^2 over quadratics, attained at L |x|^2 / 2."""
    q = (1 - step) ** 2
    died = -np.expm1(horizon * np.log(q)) if q > 0 else 1.0
    signal = died / (step * horizon) / (1 - step / 2)
    return signal + noise * step / (2 - step) * (1 - died / (horizon * (1 - q)))


def last_iterate(step: float, horizon: int, noise: float = 1.0) -> float:
    """The worst E|g_T|^2 over quadratics: the gap at lambda = 1 / (eta (2T + 1)), the noise at L."""
    slow = min(1.0, 1 / (step * (2 * horizon + 1)))  # the zero of d/d lambda [log lambda + 2 T log(1 - eta lambda)]
    return 2 * slow * (1 - step * slow) ** (2 * horizon) + noise * step / (2 - step) * (1 - (1 - step) ** (2 * horizon))


def last_iterate_moving_noise(step: float, horizon: int, noise: float = 1.0) -> float:
    """As ``last_iterate``, for an adversary who may move the noise to another eigenvalue at every step.

    Of n_k there is lambda^2 eta^2 (1 - eta lambda)^(2m) left in g_T, m = T - 1 - k: most at lambda = min(L, 1 / (eta
    (m + 1))).
    """
    left = np.arange(horizon)
    kappa = np.minimum(step, 1 / (left + 1))
    slow = min(1.0, 1 / (step * (2 * horizon + 1)))
    signal = 2 * slow * (1 - step * slow) ** (2 * horizon)
    return float(signal + noise * np.sum(kappa**2 * (1 - kappa) ** (2 * left)))


def best_step(value: Callable[[float, int, float], float], horizon: int, noise: float = 1.0) -> tuple[float, float]:
    """Return (least value, step there) over steps in (0, 1 / L], by Brent's method on the logarithm of the step."""
    found = minimize_scalar(
        lambda x: value(float(np.exp(x)), horizon, noise),
        bounds=(-0.5 * np.log(horizon) - 4, 0.0),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(found.fun), float(np.exp(found.x))


def limit_of_average_norms() -> tuple[float, float, float]:
    r"""Return the limit of sqrt(T / (L Delta s2)) (mean_t |g_t|)^2, with theta and z there.

    With eta = theta sqrt(Delta / (L s2 T)) and the gap at lambda = z / (2 eta T), as T grows,

        mean_t |g_t| -> (L Delta s2 / T)^(1/4) int_0^1 sqrt((z / theta) exp(-z tau) + theta / 2) d tau.

    Source: derived here. The integral is maximised over z, then minimised over theta.
    """

    def integral(theta: float, z: float) -> float:
        return quad(lambda tau: np.sqrt(z / theta * np.exp(-z * tau) + theta / 2), 0, 1, epsabs=1e-13)[0]

    def worst(theta: float):
        return minimize_scalar(
            lambda z: -integral(theta, z), bounds=(0.1, 20), method="bounded", options={"xatol": 1e-9}
        )

    found = minimize_scalar(lambda theta: -worst(theta).fun, bounds=(0.3, 5), method="bounded", options={"xatol": 1e-9})
    return float(found.fun) ** 2, float(found.x), float(worst(found.x).x)
