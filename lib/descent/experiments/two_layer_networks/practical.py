"""How wide a network must be to follow its kernel, as a function of the target's frequency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from descent.experiments.two_layer_networks.circle import amplitudes, grid, grid_eigenvalues
from descent.experiments.two_layer_networks.kernels import circle_inputs, finite_gram
from descent.experiments.two_layer_networks.modes import slope
from descent.experiments.two_layer_networks.network import Lanes, starts
from descent.experiments.two_layer_networks.prediction import FrozenKernel
from descent.tables import Table, text

ETA, POINTS, CLOSE = 4.0, 64, 0.01


class Practical(NamedTuple):
    """How far networks are behind their own frozen kernels after one time constant.

    Args:
        frequencies: of the targets.
        widths: of the networks.
        behind: what more is left than the kernel leaves, shape [frequencies, widths, seeds].
    """

    frequencies: Sequence[int]
    widths: Sequence[int]
    behind: np.ndarray

    def error(self) -> np.ndarray:
        """Return the root mean square over seeds, shape [frequencies, widths]."""
        return np.sqrt((self.behind**2).mean(-1))

    def width(self) -> np.ndarray:
        """Return where the line through the last two widths reaches 1%, shape [frequencies]."""
        last = np.log(self.widths[-2:])
        return np.array([np.exp(np.polyfit(np.log(e[-2:] / CLOSE), last, 1)[1]) for e in self.error()])

    def exponent(self) -> float:
        """Return the power of the frequency that the width for 1% grows like."""
        return float(slope(self.frequencies, self.width()))

    def measurements(self) -> dict[str, float]:
        """Return the exponent, the width for each frequency, and the share of runs that are behind."""
        widths = {f"width.at_{k}": m for k, m in zip(self.frequencies, self.width(), strict=True)}
        return {"width.exponent": self.exponent(), "width.behind_share": float(np.mean(self.behind > 0)), **widths}

    def table(self) -> Table:
        """Return the errors by frequency and width."""
        rows = [
            (f"cos {k}θ" if k > 1 else "cos θ", *map(text, errors), f"{m:,.0f}")
            for k, errors, m in zip(self.frequencies, self.error(), self.width(), strict=True)
        ]
        below = f"The width for 1% grows like the frequency to the power {self.exponent():.1f}."
        return Table(("target", *(f"m = {m:,}" for m in self.widths), "width for 1%"), rows, below)


def practical_width(frequencies: Sequence[int], widths: Sequence[int], seeds: Sequence[int]) -> Practical:
    """Train on cos k theta for one time constant 1 / lambda_k, and compare with each network's own frozen H(0).

    Args:
        frequencies: k of the targets, one after another.
        widths: of the networks, with a bias.
        seeds: of the starts, side by side.
    """
    theta = grid(POINTS)
    x, rates = circle_inputs(theta, bias=True), grid_eigenvalues(POINTS, bias=True)
    trainer = Lanes(x)
    behind = np.empty((len(frequencies), len(widths), len(seeds)))
    for j, m in enumerate(widths):
        first = starts(seeds, 3, m)
        kernels = [FrozenKernel(finite_gram(x, w), 1 / POINTS) for w, _ in first]
        for i, k in enumerate(frequencies):
            y, count = np.cos(k * theta), round(1 / (ETA * rates[k]))
            u = trainer.run(y, first, ETA, count + 1)[-1]
            own = np.stack([kernel.residuals(-y, ETA, np.array([count]))[0] for kernel in kernels])
            behind[i, j] = -amplitudes(u - y - own, np.array([k]))[:, 0]
    return Practical(frequencies, widths, behind)
