"""Du et al.'s experiment: points on a sphere, labels of noise, 100 steps, several widths, three measures.

The step size is not printed in the paper; ours is an argument. ``inputs="whole"`` and ``reported_patterns`` are what a
public reimplementation does instead (Elliotepsteino/Gradient-Descent at 4970e7b), kept here as switches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from descent.experiments.two_layer_networks.kernels import finite_gram, limit_gram
from descent.experiments.two_layer_networks.modes import slope
from descent.experiments.two_layer_networks.network import activation_sweep, draw
from descent.experiments.two_layer_networks.prediction import FrozenKernel, du_bound, du_radius, du_width
from descent.quiet import tf
from descent.randomness import draw_seed
from descent.tables import Table, text

AT_ONCE = 2**23  # pre-activations in memory at a time: 64 MiB, of which a step holds a few copies


def data(seed: int, n: int, d: int, inputs: Literal["sphere", "whole"] = "sphere") -> tuple[np.ndarray, np.ndarray]:
    """Draw the inputs, shape [n, d], and the labels, N(0, 1), shape [n].

    Args:
        seed: one integer.
        n: number of points.
        d: their dimension.
        inputs: "sphere": uniform on the unit sphere, the paper's. "whole": the reimplementation's, uniform in the
            positive cube, the *matrix* divided by its norm, so that rows have length n^-1/2 and nearly one direction.
    """
    y = tf.random.stateless_normal([n], draw_seed(seed, "labels"), dtype=tf.float64).numpy()
    if inputs == "whole":
        x = tf.random.stateless_uniform([n, d], draw_seed(seed, "inputs"), dtype=tf.float64).numpy()
        return x / np.linalg.norm(x), y
    x = tf.random.stateless_normal([n, d], draw_seed(seed, "inputs"), dtype=tf.float64).numpy()
    return x / np.linalg.norm(x, axis=1, keepdims=True), y


def reported_patterns(share: float, n: int, d: int) -> float:
    """Return the share of changed patterns as the reimplementation counts it: over m d weights, not m n gates."""
    return share * n / d


def reported_losses(loss: np.ndarray) -> np.ndarray:
    """Return losses, shape [widths, records, ...], scaled to start where the first width does, as it plots them."""
    return loss * loss[:1, :1] / loss[:, :1]


@dataclass(frozen=True, eq=False)
class DuRun:
    """What the experiment leaves behind; arrays have shape [widths, records, seeds] unless another is given.

    Args:
        widths: of the networks.
        points: n.
        steps: at which records were made, shape [records].
        loss, patterns, movement, smallest: see ``network.measures``.
        limit_loss, own_loss: the loss if H stayed H^infinity, or the network's own H(0).
        limit_smallest: lambda_0, the smallest eigenvalue of H^infinity, shape [seeds].
        eta: step size.
    """

    widths: Sequence[int]
    points: int
    steps: np.ndarray
    loss: np.ndarray
    patterns: np.ndarray
    movement: np.ndarray
    smallest: np.ndarray
    limit_loss: np.ndarray
    own_loss: np.ndarray
    limit_smallest: np.ndarray
    eta: float

    def rate(self, loss: np.ndarray) -> np.ndarray:
        """Return the mean rate of decay per step, log(L(0) / L(end)) / steps, shape [widths, seeds]."""
        return np.log(loss[:, 0] / loss[:, -1]) / self.steps[-1]

    def smallest_rate(self) -> np.ndarray:
        """Return -2 log(1 - eta lambda_min(H(k))), averaged over the run, shape [widths, seeds]."""
        return (-2 * np.log(1 - self.eta * self.smallest)).mean(1)

    def violations(self) -> np.ndarray:
        """Return how many records lie above Du et al.'s bound, over all widths, shape [seeds]."""
        bound = np.stack([du_bound(smallest, self.eta, self.steps) for smallest in self.limit_smallest], -1)
        return (self.loss > bound * self.loss[:, :1] * (1 + 1e-12)).sum((0, 1))  # equal at step 0

    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """Return which shares of the speed-up, widest over narrowest, lambda_min and all of a frozen H(0) bring."""
        seen, by_smallest, own = self.rate(self.loss), self.smallest_rate(), self.rate(self.own_loss)
        gain = seen[-1] - seen[0]
        return (by_smallest[-1] - by_smallest[0]) / gain, (own[-1] - own[0]) / gain

    def measurements(self) -> dict[str, np.ndarray]:
        """Return what the claims check, one value per seed."""
        rate, (by_smallest, own) = self.rate(self.loss), self.shares()
        return {
            "du.bound_violations": self.violations(),
            "du.movement_slope": slope(self.widths, self.movement[:, -1]),
            "du.pattern_slope": slope(self.widths, self.patterns[:, -1]),
            "du.rate_ratio": rate[-1] / rate[0],
            "du.lambda_min_share": by_smallest,
            "du.own_kernel_share": own,
        }

    def table(self) -> Table:
        """Return the three measures and the rates by width, means over seeds."""
        rates = self.rate(self.loss), self.rate(self.own_loss), self.smallest_rate()
        rows = [
            (
                f"{m:,}",
                text((self.loss[i, -1] / self.loss[i, 0]).mean()),
                f"{self.patterns[i, -1].mean():.2%}",
                text(self.movement[i, -1].mean()),
                *(f"{rate[i].mean():.4f}" for rate in rates),
                f"{self.smallest[i, 0].mean():.3f} to {self.smallest[i, -1].mean():.3f}",
            )
            for i, m in enumerate(self.widths)
        ]
        n, least = self.points, self.limit_smallest.mean()
        first = np.full(n, np.sqrt(self.loss[-1, 0].mean() / n))
        below = (
            f"λ₀ = {least:.3f}; the theorem asks for a width of order {text(du_width(n, least), '.0e')} (at δ = 0.1), "
            f"and its proof lets a unit of the widest network move by {du_radius(first, least, self.widths[-1]):.0f}."
        )
        head = (
            "width", "loss left", "gates flipped", "largest movement", "rate per step", "frozen H(0)",
            "λ_min(H) alone", "λ_min(H), start to end",
        )  # fmt: skip
        return Table(head, rows, below)


def reimplementation(n: int, d: int, width: int, losses: np.ndarray, seed: int) -> Table:
    """Return what each of a public reimplementation's three departures does, one at a time.

    Args:
        n, d: its numbers of points and dimensions.
        width: of the network.
        losses: of runs of several widths, shape [widths, records, seeds], to be scaled as it does.
        seed: of data and start.
    """
    kinds: tuple[Literal["sphere", "whole"], ...] = ("sphere", "whole")
    sphere, whole = (run(n, d, [width], [seed], eta=0.5, every=50, inputs=kind) for kind in kinds)
    flips = float(sphere.patterns[0, -1, 0])
    scaled = reported_losses(losses)[:, 0, 0]

    def left(run: DuRun) -> str:
        return f"λ₀ = {text(run.limit_smallest[0])}, loss left {text(run.loss[0, -1, 0] / run.loss[0, 0, 0])}"

    rows = [
        ("matrix of inputs divided by its norm", left(sphere), left(whole)),
        ("flipped gates counted over m d", f"{flips:.2%}", f"{reported_patterns(flips, n, d):.3%}"),
        ("losses scaled to start together", ", ".join(map(text, losses[:, 0, 0])), ", ".join(map(text, scaled))),
    ]
    return Table(("departure", "without it", "with it"), rows)


def run(
    n: int,
    d: int,
    widths: Sequence[int],
    seeds: Sequence[int],
    eta: float,
    steps: int = 100,
    every: int = 5,
    inputs: Literal["sphere", "whole"] = "sphere",
) -> DuRun:
    """Train every width from every seed.

    Args:
        n: number of points.
        d: their dimension.
        widths: of the networks.
        seeds: each gives data and start; all widths of a seed see the same data.
        eta: step size, of the loss 1/2 sum (u - y)^2.
        steps: of each run, a multiple of ``every``.
        every: steps between records.
        inputs: see ``data``.
    """
    sets = [data(seed, n, d, inputs) for seed in seeds]
    limits = [FrozenKernel(limit_gram(x)) for x, _ in sets]
    sweep, at = activation_sweep(every), np.arange(0, steps + 1, every)
    rows = []
    for width in widths:
        lanes = max(1, AT_ONCE // (n * width))
        parts = []
        for first in range(0, len(seeds), lanes):
            some = range(first, min(first + lanes, len(seeds)))
            starts = {k: draw(seeds[k], d, width) for k in some}
            z0 = np.stack([sets[k][0] @ starts[k][0] for k in some])
            batches = (np.stack([sets[k][1] for k in some]), np.stack([starts[k][1] for k in some]), z0)
            grams = np.stack([sets[k][0] @ sets[k][0].T for k in some])
            found = sweep.run((np.full(len(some), eta), grams), (z0,), len(at), batches)["descent"]
            made = {name: values.numpy() for name, values in found.items()}
            made["limit_loss"], made["own_loss"] = np.empty((2, len(at), len(some)))
            for lane, k in enumerate(some):
                residual = np.maximum(z0[lane], 0) @ starts[k][1] / np.sqrt(width) - sets[k][1]
                made["limit_loss"][:, lane] = limits[k].squares(residual, eta, at)
                own = FrozenKernel(finite_gram(sets[k][0], starts[k][0]))
                made["own_loss"][:, lane] = own.squares(residual, eta, at)
            parts.append(made)
        rows.append({name: np.concatenate([part[name] for part in parts], -1) for name in parts[0]})
    measured = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return DuRun(
        widths, n, at, limit_smallest=np.array([limit.eigenvalues[0] for limit in limits]), eta=eta, **measured
    )
