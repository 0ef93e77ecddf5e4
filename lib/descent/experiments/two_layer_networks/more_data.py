"""More data at one width, and labels that mean something: what the smallest eigenvalue does not decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse.linalg import eigsh

from descent.experiments.two_layer_networks.du_experiment import data
from descent.experiments.two_layer_networks.kernels import limit_gram
from descent.experiments.two_layer_networks.labels import two_classes
from descent.experiments.two_layer_networks.network import Lanes, draw, outputs, starts
from descent.experiments.two_layer_networks.prediction import FrozenKernel
from descent.games import Game
from descent.quiet import tf
from descent.randomness import seed_beside
from descent.rules import gradient_descent
from descent.sweep import Sweep
from descent.tables import Table, text

DIMENSIONS, FRESH = 5, 1000
STEP_SIZE, EVERY, RECORDS = 10.0, 4, 6  # up to t = 200
LABEL_STEP, LABEL_EVERY, LABEL_RECORDS = 4.0, 5, 21  # up to t = 400


def target(x: np.ndarray) -> np.ndarray:
    """Return a linear and a quadratic part, x_1 + 2 (x_2^2 - 1/5), of points [..., 5]."""
    return x[..., 0] + 2 * (x[..., 1] ** 2 - 1 / DIMENSIONS)


class Sizes(NamedTuple):
    """Training on few points and on many.

    Args:
        sizes: n.
        on_data, on_fresh: mean squares, shape [sizes, records, seeds].
        smallest: the smallest eigenvalue of H^infinity / n, shape [sizes, seeds].
    """

    sizes: Sequence[int]
    on_data: np.ndarray
    on_fresh: np.ndarray
    smallest: np.ndarray

    @property
    def times(self) -> np.ndarray:
        """Step size times steps at the records."""
        return STEP_SIZE * EVERY * np.arange(RECORDS)

    def measurements(self) -> dict[str, np.ndarray]:
        """Return most data over fewest: the error on fresh points, and the smallest eigenvalue's fall, by seed."""
        return {
            "rate.largest_over_smallest": self.on_fresh[-1, -1] / self.on_fresh[0, -1],
            "rate.lambda_min_fall": self.smallest[0] / self.smallest[-1],
        }

    def table(self) -> Table:
        """Return the ends, means over seeds."""
        rows = [
            (f"{n:,}", text(self.smallest[i].mean()), *(text(e[i, -1].mean()) for e in (self.on_data, self.on_fresh)))
            for i, n in enumerate(self.sizes)
        ]
        return Table(("points", "λ_min", "mean square at t = 200, data", "fresh points"), rows)


def by_size(sizes: Sequence[int], width: int, seeds: Sequence[int]) -> Sizes:
    """Train one width on each number of points of the sphere in five dimensions; each seed has points of its own.

    Args:
        sizes: numbers of points.
        width: of the networks.
        seeds: of points and starts.
    """
    sweep = _own_points()
    on_data, on_fresh, smallest = [], [], []
    for n in sizes:
        x = np.stack([data(seed, n, DIMENSIONS)[0] for seed in seeds])
        fresh = np.stack([data(seed_beside(seed, "fresh points"), FRESH, DIMENSIONS)[0] for seed in seeds])
        seen = np.concatenate([x, fresh], 1)
        w, a = map(np.stack, zip(*starts(seeds, DIMENSIONS, width), strict=True))
        batches = x, target(x), a, seen
        u = sweep.run(np.full(len(seeds), STEP_SIZE), (w,), RECORDS, batches)["descent"].numpy()
        squares = (u - target(seen)) ** 2  # [records, seeds, points]
        on_data.append(squares[..., :n].mean(-1))
        on_fresh.append(squares[..., n:].mean(-1))
        # one eigenvalue by shift and invert: a tenth of the time of all of them
        smallest.append([float(eigsh(limit_gram(p) / n, 1, sigma=0.0, return_eigenvectors=False)[0]) for p in x])
    return Sizes(sizes, np.array(on_data), np.array(on_fresh), np.array(smallest))


def _own_points() -> Sweep:
    """Return the sweep in which each lane has points of its own: its batches are (x, y, a, where outputs are seen)."""

    def losses(params: tuple[tf.Tensor, ...], batch: Any) -> tuple[tf.Tensor, ...]:
        x, y, a, _ = batch
        return (0.5 * tf.reduce_mean((outputs(tf.matmul(x, params[0]), a) - y) ** 2),)

    def seen(params: tuple[tf.Tensor, ...], state: Any, game: Game) -> tf.Tensor:
        return outputs(tf.matmul(game.batch[3], params[0]), game.batch[2])

    return Sweep(Game(losses), {"descent": gradient_descent}, seen, every=EVERY)


class Labels(NamedTuple):
    """Share of the loss left with true and random labels, networks and kernels: name -> [seeds, records]."""

    images: str
    left: dict[str, np.ndarray]

    @property
    def times(self) -> np.ndarray:
        """Step size times steps at the records."""
        return LABEL_STEP * LABEL_EVERY * np.arange(LABEL_RECORDS)

    def measurements(self) -> dict[str, np.ndarray]:
        """Return random over true labels, and the network over its kernel's prediction, at the end, by seed."""
        end = {name: curves[:, -1] for name, curves in self.left.items()}
        return {
            "labels.random_over_true": end["random"] / end["true"],
            "labels.trained_over_predicted": end["true"] / end["true, kernel"],
        }

    def table(self) -> Table:
        """Return what is left at the end, means over seeds."""
        rows = [
            (kind, *(text(self.left[name][:, -1].mean()) for name in (kind, f"{kind}, kernel")))
            for kind in ("true", "random")
        ]
        return Table((f"labels of {self.images}", "left at t = 400: network", "kernel"), rows)


def by_labels(images: str, points: int, width: int, seeds: Sequence[int]) -> Labels:
    """Train on images of zeros and ones with their own labels and with coin flips.

    Args:
        images: the data set, see ``problems.images``.
        points: how many images, drawn for each seed.
        width: of the networks.
        seeds: of images, coins and starts.
    """
    left: dict[str, list[np.ndarray]] = {name: [] for name in ("true", "random", "true, kernel", "random, kernel")}
    for seed in seeds:
        x, *labels = two_classes(images, points, seed)
        kernel = FrozenKernel(limit_gram(x), 1 / len(x))
        lanes = [draw(seed, x.shape[1], width, antisymmetric=True)] * 2
        u = Lanes(x, every=LABEL_EVERY).run(np.stack(labels), lanes, LABEL_STEP, LABEL_RECORDS)
        for j, (name, y) in enumerate(zip(("true", "random"), labels, strict=True)):
            left[name].append(((u[:, j] - y) ** 2).mean(-1))
            left[f"{name}, kernel"].append(kernel.squares(y, LABEL_STEP, LABEL_EVERY * np.arange(LABEL_RECORDS)))
    return Labels(images, {name: np.array(curves) for name, curves in left.items()})
