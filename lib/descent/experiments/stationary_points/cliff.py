r"""The cliff: a smooth function on a line whose last iterate is steep, whatever T and the step size are.

Descend by u. The slope |f'| is g_0 on a plateau, grows at the rate L until it is G, falls at the rate L to 0. A step of
gradient descent on the growing part multiplies the slope by 1 + eta L, so with m of T steps there, G = g_0 (1 + eta
L)^m is the slope at x_T exactly. The gap pays for it all:

    g_0^2 eta (T - m)  +  (G^2 - g_0^2) / (2 L)  +  G^2 / (2 L)  =  Delta.

Without a plateau (m = T) G = sqrt(L Delta / (1 - (1 + eta L)^(-2 T) / 2)), a little over sqrt(L Delta). Float64
carries it to T log(1 + eta L) < 700. Units: f = 0 at the minimum, f(x_0) = Delta.
"""

from typing import NamedTuple

import numpy as np


class Cliff(NamedTuple):
    """A function of the distance u descended, by its slope.

    Args:
        start: g_0, the slope at u = 0.
        top: G, the slope at the top of the cliff.
        plateau: length of the part where the slope is g_0.
        smoothness: L.
        gap: Delta.
    """

    start: float
    top: float
    plateau: float
    smoothness: float
    gap: float

    def slope(self, u: np.ndarray) -> np.ndarray:
        """Return |f'| at u."""
        ramp = (self.top - self.start) / self.smoothness
        rise = self.start + self.smoothness * np.clip(u - self.plateau, 0, ramp)
        fall = self.top - self.smoothness * (u - self.plateau - ramp)
        return np.maximum(np.where(u <= self.plateau + ramp, rise, fall), 0.0)

    def value(self, u: np.ndarray) -> np.ndarray:
        """Return f at u, from the area under the slope."""
        ramp = (self.top - self.start) / self.smoothness
        flat = np.clip(u, 0, self.plateau)
        up = np.clip(u - self.plateau, 0, ramp)
        down = np.clip(u - self.plateau - ramp, 0, self.top / self.smoothness)
        area = self.start * (flat + up) + self.smoothness * up**2 / 2 + self.top * down - self.smoothness * down**2 / 2
        return self.gap - area


def cliff(horizon, step: float, climb=None, smoothness: float = 1.0, gap: float = 1.0) -> Cliff:
    """Return the function on whose top x_T of gradient descent stands.

    Args:
        horizon: T, or several, shape [n]: then every field of the result is an array, one function each.
        step: eta, at most 1 / L.
        climb: m, how many of the T steps are made on the growing part, 1 to T; None: all of them, no plateau.
        smoothness: L.
        gap: Delta.

    Raises:
        ValueError: climb is out of range, or (1 + eta L)^m overflows.
    """
    m = np.asarray(horizon if climb is None else climb)
    if (m < 1).any() or (m > horizon).any():
        raise ValueError(f"climb must lie in 1 to the horizon {horizon}, got {climb}")
    if m.max() * np.log1p(step * smoothness) > 350:  # the square of (1 + eta L)^m must be a float64
        raise ValueError(f"(1 + {step} L)^{m.max()} squared is beyond float64: give a smaller climb")
    growth = (1 + step * smoothness) ** m.astype(float)
    start = np.sqrt(gap / (step * (horizon - m) + (growth**2 - 0.5) / smoothness))
    return Cliff(start, start * growth, start * step * (horizon - m), smoothness, gap)


def half_plateau(horizon: int, step: float, smoothness: float = 1.0, gap: float = 1.0) -> int:
    """Return the shortest climb m for which the plateau takes at most half the gap."""
    m = 1
    while (f := cliff(horizon, step, m, smoothness, gap)).start * f.plateau > gap / 2:
        m += 1
    return m


def descend(function: Cliff, steps: int, step: float) -> np.ndarray:
    """Return u_0 .. u_steps of gradient descent, shape [steps + 1], or [steps + 1, n] on n functions."""
    u = np.zeros((steps + 1, *np.shape(function.start)))
    for t in range(steps):
        u[t + 1] = u[t] + step * function.slope(u[t])
    return u


def last_slopes(horizons: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return |f'(x_T)| by gradient descent and by formula, each on the function made for T, shape [horizons].

    Horizons for which (1 + eta L)^T is beyond float64 climb as many steps as fit, behind a plateau.
    """
    horizons = np.asarray(horizons)
    function = cliff(horizons, step, np.minimum(horizons, int(350 / np.log1p(step))))
    u = descend(function, horizons.max(), step)
    return function.slope(u[horizons, np.arange(len(horizons))]), np.asarray(function.top)


def interpolation_violation(f: np.ndarray, g: np.ndarray, x: np.ndarray, smoothness: float = 1.0) -> float:
    """Return by how much the worst pair violates what all L-smooth functions satisfy; 0 or less: some one passes there.

        f_i >= f_j + <g_i + g_j, x_i - x_j> / 2 + |g_i - g_j|^2 / (4 L) - (L / 4) |x_i - x_j|^2      for all i, j

    Args:
        f: values, shape [n].
        g: derivatives on a line, shape [n].
        x: points, shape [n].
        smoothness: L.

    Source: Drori and Shamir 2020, Theorem 7, as restated in the literature on performance estimation.
    """
    df, dx, dg = (np.subtract.outer(a, a) for a in (f, x, g))
    right = np.add.outer(g, g) * dx / 2 + dg**2 / (4 * smoothness) - smoothness / 4 * dx**2
    return float((right - df).max())


def largest_violation() -> float:
    """Return the violation of the worst pair on four paths: with and without plateau, steps of .1, .5 and 1 over L."""
    found = 0.0
    plateau = half_plateau(1000, 0.1)
    for horizon, step, climb in ((50, 1.0, None), (400, 0.5, None), (1000, 0.1, None), (1000, 0.1, plateau)):
        function = cliff(horizon, step, climb)
        u = descend(function, horizon, step)
        found = max(found, interpolation_violation(function.value(u), -function.slope(u), u))
    return found
