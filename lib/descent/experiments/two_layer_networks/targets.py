"""Which targets are learned exponentially: one that never is, one that is, and two that follow a power law."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from descent.experiments.two_layer_networks.circle import (
    amplitudes,
    cosines,
    grid,
    grid_eigenvalues,
    square_wave,
    triangle_wave,
)
from descent.experiments.two_layer_networks.kernels import circle_eigenvalues, circle_inputs, circle_kernel
from descent.experiments.two_layer_networks.modes import slope
from descent.experiments.two_layer_networks.network import Lanes, starts
from descent.experiments.two_layer_networks.prediction import FrozenKernel
from descent.tables import Table, text

ETA = 4.0
POINTS = 128  # of the grid on which waves are learned
WAVES = {"cosine": {1: 1.0}, "triangle": triangle_wave(63), "square": square_wave(63)}


class CosThree(NamedTuple):
    """Training on cos 3 theta.

    Args:
        left: share of the residual after t = 1,000, without and with a bias, shape [seeds] each.
        change: by how much it ever changed without a bias.
        predicted: the closed form's share with a bias.
        losses: on nine points without antipodes, and on the circle, after training there, shape [seeds] each.
    """

    left: dict[bool, np.ndarray]
    change: float
    predicted: float
    losses: tuple[np.ndarray, np.ndarray]

    def measurements(self) -> dict[str, float | np.ndarray]:
        """Return what the claims check."""
        return {
            "any.change_without_bias": self.change,
            "any.left_without_bias": self.left[False],
            "any.left_with_bias": self.left[True],
            "any.empirical_loss": self.losses[0],
            "any.population_loss": self.losses[1],
        }

    def table(self) -> Table:
        """Return what is left, and the losses on few points."""
        rows = [
            ("left of cos 3θ at t = 1,000, no bias", f"{self.left[False].mean():.4f}", "1"),
            ("left of cos 3θ at t = 1,000, bias", f"{self.left[True].mean():.4f}", f"{self.predicted:.4f}"),
            ("loss on nine points, no bias", text(self.losses[0].mean()), "0"),
            ("loss on the circle, same networks", text(self.losses[1].mean()), "at least 0.25"),
        ]
        return Table(("", "network", "theory"), rows)


def cos_three(width: int, seeds: Sequence[int]) -> CosThree:
    """Train on cos 3 theta, on 64 points (every antipode is there) and on nine (none is).

    Args:
        width: of the networks with a bias; those without have an eighth of it.
        seeds: of the starts.
    """
    theta = grid(64)
    y, kept = np.cos(3 * theta), {}
    for bias in (False, True):
        trainer = Lanes(circle_inputs(theta, bias), every=50)
        u = trainer.run(y, starts(seeds, 3 if bias else 2, width if bias else width // 8), ETA, 6)
        kept[bias] = -amplitudes(u - y, np.array([3]))[..., 0]  # [records, seeds]
    few = grid(9)
    seen = np.concatenate([circle_inputs(few, False), circle_inputs(theta, False)])
    trainer = Lanes(circle_inputs(few, False), every=250, seen=seen)
    u = trainer.run(np.cos(3 * few), starts(seeds, 2, width // 8), 8.0, 3)[-1]
    squares = (u - np.cos(3 * np.concatenate([few, theta]))) ** 2 / 2
    return CosThree(
        {bias: shares[-1] for bias, shares in kept.items()},
        float(abs(kept[False] - 1).max()),
        float((1 - ETA * grid_eigenvalues(64, bias=True)[3]) ** 250),
        (squares[:, :9].mean(-1), squares[:, 9:].mean(-1)),
    )


class Waves(NamedTuple):
    """Losses over time: of the frozen kernel, [records], and of networks, [records, seeds], by target."""

    times: np.ndarray
    by_kernel: dict[str, np.ndarray]
    by_network: dict[str, np.ndarray]

    def measurements(self) -> dict[str, np.ndarray]:
        """Return what the claims check of the networks, one value per seed."""
        seeds = range(self.by_network["cosine"].shape[1])
        square = self.by_network["square"]
        return {
            "exponential.band_limited": np.array([decades(self.by_network["cosine"][:, j]) for j in seeds]),
            "exponential.triangle": np.array([decades(self.by_network["triangle"][:, j]) for j in seeds]),
            "power.square_network": np.array([self.late_slope(square[:, j]) for j in seeds]),
            "power.square_grid": np.array([self.late_slope(self.by_kernel["square"])]),
            "power.square_over_kernel": square[-1] / self.by_kernel["square"][-1],
        }

    def late_slope(self, loss: np.ndarray) -> float:
        """Return the slope of log loss on log time from t = 100 on, on evenly spaced log t."""
        at = np.linspace(np.log(100), np.log(self.times[-1]), 40)
        return float(np.polyfit(at, np.interp(at, np.log(self.times[1:]), np.log(loss[1:])), 1)[0])

    def table(self) -> Table:
        """Return how each loss falls, kernel beside network."""
        rows = []
        for name, loss in self.by_network.items():
            kernel, mean = self.by_kernel[name], loss.mean(1)
            rows.append(
                (
                    name,
                    *(f"{decades(curve):.1f}" for curve in (kernel, mean)),
                    *(f"{self.late_slope(curve):.2f}" for curve in (kernel, mean)),
                    text(mean[-1] / kernel[-1]),
                )
            )
        head = (
            "target", "second decade over first: kernel", "network", "slope from t = 100: kernel", "network",
            f"network over kernel at t = {self.times[-1]:,.0f}",
        )  # fmt: skip
        return Table(head, rows)


def decades(loss: np.ndarray) -> float:
    """Return the time for a loss's second factor of ten over that for its first; cut at the run's end."""
    first, second = (
        abs(np.log(loss / loss[0] / share)).argmin() if loss.min() < share * loss[0] else len(loss) - 1
        for share in (0.1, 0.01)
    )
    return float((second - first) / max(first, 1))


def waves(width: int, time: int, seeds: Sequence[int]) -> Waves:
    """Train networks with a bias on a cosine, a triangle and a square wave, all lanes of one program.

    Args:
        width: of the networks.
        time: eta times steps, a multiple of eta = 4.
        seeds: of the starts.
    """
    theta, steps = grid(POINTS), np.arange(time // 4 + 1)
    frozen = FrozenKernel(circle_kernel(theta[:, None] - theta, bias=True), 1 / POINTS)
    y = np.stack([cosines(theta, wave) for wave in WAVES.values()])
    lanes = starts(seeds, 3, width) * len(WAVES)
    u = Lanes(circle_inputs(theta, bias=True)).run(np.repeat(y, len(seeds), 0), lanes, ETA, len(steps))
    loss = ((u.reshape(len(steps), len(y), len(seeds), POINTS) - y[:, None]) ** 2).mean(-1) / 2
    return Waves(
        ETA * steps,
        {name: frozen.squares(target, ETA, steps) / 2 for name, target in zip(WAVES, y, strict=True)},
        {name: loss[:, i] for i, name in enumerate(WAVES)},
    )


def kernel_powers(largest: int = 1001) -> dict[str, float]:
    """Return the slopes of the exact kernel's losses over t = 1e3 to 1e5, square and triangle wave."""
    rates, times = circle_eigenvalues(largest, bias=True), np.geomspace(1e3, 1e5, 40)
    found = {}
    for name, wave in (("square", square_wave(largest)), ("triangle", triangle_wave(largest))):
        k, c = np.array([*wave]), np.array([*wave.values()])
        loss = (c**2 * np.exp(-2 * np.outer(times, rates[k]))).sum(1) / 4
        found[f"power.{name}_kernel"] = float(slope(times, loss))
    return found
