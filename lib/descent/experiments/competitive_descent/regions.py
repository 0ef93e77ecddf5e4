"""Where competitive steps converge on x^2 + c x y + y^2 and on its relatives, in closed form and by spectra.

x goes down this function and y up it, with rates P and Q. 0 is the only point where both rest, and it is the worst one
for y: alone, y leaves it at any rate. A step is a matrix M of two rows, and it contracts exactly when det M < 1,
1 - tr M + det M > 0 and 1 + tr M + det M > 0 (Jury).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import brentq

from descent.problems.quadratic import quadratic_game
from descent.quiet import tf
from descent.rules import Rule, alternating, aware, gradient_descent, lookahead
from descent.stability.linearisation import Linearisation

METHODS = ("simultaneous", "alternating", "linearised", "competitive")
MAKERS: dict[str, Callable[[tf.Tensor], Rule]] = {
    "simultaneous": gradient_descent,
    "alternating": lambda one: alternating(gradient_descent(one)),
    "linearised": lambda one: lookahead(one, linear=True),
}


def trace_and_determinant(method: str, c, p, q, awareness=1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return tr M and det M of a step on x^2 + c x y + y^2; arguments broadcast.

    Args:
        method: one of ``METHODS``; "competitive" takes an awareness.
        c: how strongly the players interact.
        p: rate of x, which descends.
        q: rate of y, which ascends.
        awareness: alpha; 0 is "simultaneous".
    """
    if method == "alternating":  # y sees where x has moved
        return 2 - 2 * p + 2 * q - c**2 * p * q, (1 - 2 * p) * (1 + 2 * q)
    if method == "linearised":  # I + (I - N) K: one term of the Neumann series of (I + N)^-1
        diagonal = (1 - 2 * p - c**2 * p * q) * (1 + 2 * q - c**2 * p * q)
        return 2 - 2 * p + 2 * q - 2 * c**2 * p * q, diagonal + c**2 * p * q * (1 + 2 * q) * (1 - 2 * p)
    alpha = 0.0 if method == "simultaneous" else awareness
    d = 1 + alpha * c**2 * p * q
    trace = (2 * q - 2 * p - 2 * alpha * c**2 * p * q) / d  # of K = M - I
    determinant = p * q * (c**2 - 4) * (1 + alpha**2 * c**2 * p * q) / d**2
    return 2 + trace, 1 + trace + determinant


def margin(method: str, c, p, q, awareness=1.0) -> np.ndarray:
    """Return the least of Jury's three quantities: positive exactly where the step contracts."""
    trace, determinant = trace_and_determinant(method, c, p, q, awareness)
    return np.minimum(1 - determinant, np.minimum(1 - trace + determinant, 1 + trace + determinant))


def awareness_threshold(c: float, eta: float) -> float:
    """Return the least awareness with which equal rates eta converge, for c > 2 and eta < 1/2.

    (c^2 - 4)(1 + a^2 eta^2 c^2) = 2 a c^2 (1 + a eta^2 c^2), a quadratic in a; as eta -> 0 it is 1/2 - 2/c^2.
    """
    a2, a1, a0 = eta**2 * c**2 * (c**2 + 4), 2 * c**2, -(c**2 - 4)
    return -2 * a0 / (a1 + math.sqrt(a1**2 - 4 * a2 * a0))  # the root that is positive, without cancellation


def matrices(c, p, q) -> np.ndarray:
    """Return J in coordinates x / sqrt(P), y / sqrt(Q), in which both rates are 1; shape [..., 2, 2]."""
    c, p, q = np.broadcast_arrays(*(np.asarray(x, float) for x in (c, p, q)))
    cross = c * np.sqrt(p * q)
    return np.stack([np.stack([2 * p, cross], -1), np.stack([-cross, -2 * q], -1)], -2)


class Spectra:
    """Spectral radii of the library's own steps, for any number of games."""

    def __init__(self) -> None:
        zero = tf.zeros([1], tf.float64)
        game = quadratic_game([1, 1])
        self._of = {name: Linearisation(game, make, (zero, zero)) for name, make in MAKERS.items()}
        self._of["aware"] = Linearisation(game, lambda alpha: aware(1.0, alpha, 1e-15), (zero, zero))

    def radii(self, method: str, jacobians: np.ndarray, awareness: np.ndarray | None = None) -> np.ndarray:
        """Return spectral radii at rates 1.

        Args:
            method: one of ``METHODS``.
            jacobians: shape [..., 2, 2].
            awareness: of each game, for "competitive", shape [...]; by default 1.
        """
        flat = jacobians.reshape(-1, 2, 2)
        if method == "competitive":
            alpha = np.ones(len(flat)) if awareness is None else np.ravel(awareness)
            found = self._of["aware"].spectral_radii(alpha, flat)
        else:
            found = self._of[method].spectral_radii(np.ones(len(flat)), flat)
        return found.reshape(jacobians.shape[:-2])

    def edge(self, method: str, c: float, p: float, low: float, high: float) -> float:
        """Return the rate q of y between low and high at which the step stops, or begins, to contract."""
        inside = self.radii(method, matrices(c, p, low))[()] < 1
        while high - low > 1e-11 * high:
            grid = np.linspace(low, high, 41)
            same = (self.radii(method, matrices(c, p, grid)) < 1) == inside
            first = int(np.argmin(same)) if not same.all() else len(grid) - 1
            low, high = grid[max(first - 1, 0)], grid[first]
        return (low + high) / 2


def edges(method: str, c: float, p: float, largest: float = 0.5, awareness: float = 1.0) -> list[float]:
    """Return the rates q in (0, largest] at which ``margin`` changes its sign, by bisection of the closed form."""
    grid = np.linspace(1e-6, largest, 4001)
    values = margin(method, c, p, grid, awareness)
    changes = np.flatnonzero(np.sign(values[1:]) != np.sign(values[:-1]))
    return [
        float(brentq(lambda q: float(margin(method, c, p, q, awareness)), grid[k], grid[k + 1], xtol=1e-14))
        for k in changes
    ]


def bilinear_radii(alphas: Sequence[float], eta: float) -> dict[str, np.ndarray]:
    """Return closed-form spectral radii on alpha x y: method -> one for each alpha.

    With s = alpha eta: sqrt(1 + s^2), sqrt((1 - s^2)^2 + s^2), optimistic mirror descent's larger root of
    z^2 - (1 - 2 i s) z - i s, and 1 / sqrt(1 + s^2).
    """
    s = eta * np.asarray(alphas)
    roots = [np.abs(np.roots([1, -(1 - 2j * one), -1j * one])).max() for one in s]
    return {
        "simultaneous": np.sqrt(1 + s**2),
        "linearised": np.hypot(1 - s**2, s),
        "optimistic": np.array(roots),
        "competitive": 1 / np.sqrt(1 + s**2),
    }
