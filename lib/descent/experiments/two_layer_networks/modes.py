"""A trained network beside the closed form, frequency by frequency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from descent.experiments.two_layer_networks.circle import amplitudes, cosines, grid, grid_eigenvalues
from descent.experiments.two_layer_networks.kernels import circle_eigenvalues, circle_inputs, circle_kernel
from descent.experiments.two_layer_networks.network import Lanes, starts
from descent.tables import Table, text

MODES = np.array([1, 2, 4])
POINTS, ETA, STEPS = 65, 2.0, 10


def slope(x: Sequence[float] | np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the slope of log y on log x, over the first axis of y."""
    return np.polyfit(np.log(x), np.log(y), 1)[0]


class Modes(NamedTuple):
    """What is left of each frequency.

    Args:
        widths: of the networks.
        times: eta k, shape [records].
        closed: (1 - eta lambda)^k, shape [records, modes].
        left: shares of the initial residual, shape [widths, records, seeds, modes].
    """

    widths: Sequence[int]
    times: np.ndarray
    closed: np.ndarray
    left: np.ndarray

    def distance(self) -> np.ndarray:
        """Return the largest distance from the closed form, shape [widths, seeds]."""
        return abs(self.left - self.closed[:, None]).max((1, 3))

    def measurements(self) -> dict[str, np.ndarray]:
        """Return what the claims check, one value per seed."""
        return {
            "modes.error": self.distance()[-1],
            "modes.relative_error": abs(self.left[-1] / self.closed[:, None] - 1).max((0, 2)),
            "modes.slope": slope(self.widths, self.distance()),
        }

    def table(self) -> Table:
        """Return the distance by width, mean over seeds, smallest and largest."""
        rows = [
            (f"{m:,}", text(row.mean()), text(row.min()), text(row.max()))
            for m, row in zip(self.widths, self.distance(), strict=True)
        ]
        found = self.measurements()
        below = (
            f"Slope of its logarithm on the width's: {found['modes.slope'].mean():.2f}. At the widest it is at most "
            f"{found['modes.relative_error'].max():.1%} of what is left."
        )
        return Table(("width", "distance from the closed form", "smallest", "largest"), rows, below)


def follow(widths: Sequence[int], seeds: Sequence[int]) -> Modes:
    """Train networks without a bias on cos + cos 2 + cos 4, the mean of squares on 65 points, step size 2.

    Args:
        widths: of the networks, one after another.
        seeds: of their antisymmetric starts, side by side.
    """
    theta = grid(POINTS)
    x, y = circle_inputs(theta, bias=False), cosines(theta, dict.fromkeys(MODES, 1.0))
    trainer, k = Lanes(x), np.arange(STEPS + 1)
    closed = (1 - ETA * grid_eigenvalues(POINTS, bias=False)[MODES]) ** k[:, None]
    left = [-amplitudes(trainer.run(y, starts(seeds, 2, m), ETA, STEPS + 1) - y, MODES) for m in widths]
    return Modes(widths, ETA * k, closed, np.stack(left))


def spectrum_measurements(largest: int = 200) -> dict[str, float]:
    """Return how far the closed form is from a quadrature, the zeros by quadrature, and the power with a bias."""
    k = np.arange(largest + 1)
    nodes, weights = np.polynomial.legendre.leggauss(1000)  # on [0, pi], where the kernel is analytic
    delta = np.pi * (nodes + 1) / 2
    by_quadrature = np.cos(np.outer(k, delta)) @ (weights * circle_kernel(delta, bias=False)) / 2
    return {
        "circle.closed_form_error": abs(by_quadrature - circle_eigenvalues(largest, bias=False)).max(),
        "circle.odd_eigenvalues": abs(by_quadrature[3::2]).max(),
        "circle.power": float(slope(k[10:], circle_eigenvalues(largest, bias=True)[10:])),
    }
