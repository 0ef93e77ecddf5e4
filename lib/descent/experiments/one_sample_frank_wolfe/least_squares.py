"""Stochastic least squares: one Gaussian row a step, and everything about the loss it samples known exactly."""

from typing import Any, NamedTuple

import numpy as np

from descent.games import Game
from descent.quiet import tf
from descent.randomness import draw_seed

DIMENSION = 50
RADIUS = 1.0
PLACES = ("inside", "face", "outside")


class Problem(NamedTuple):
    """What distinguishes one problem: the unconstrained minimum w, [d], and the labels' noise sigma, scalar."""

    target: Any
    noise: Any


def game_of(problem: Problem) -> Game:
    """Return the game (a'(x - w) - sigma e)^2 / 2 of one player, seen through a row a ~ N(0, I) and e ~ N(0, 1).

    Its mean is F(x) = |x - w|^2 / 2 + sigma^2 / 2, with gradient x - w. The sampled gradient a (a'(x - w) - sigma e)
    has *multiplicative* noise: it does not go away with sigma, it moves with x, and so does its change along a step.
    """

    def losses(params: tuple[tf.Tensor], row: tf.Tensor) -> tuple[tf.Tensor]:
        a, e = row[:-1], row[-1]
        return (0.5 * (tf.tensordot(a, params[0] - problem.target, 1) - problem.noise * e) ** 2,)

    return Game(losses)


def rows(count: int, dimension: int = DIMENSION) -> Any:
    """Return ``draw(key, step)``: one row for each of ``count`` seeds, [count, d + 1]; the last column is e."""
    return lambda key, step: tf.random.stateless_normal([count, dimension + 1], key, dtype=tf.float64)


def targets(count: int, seed: int) -> dict[str, np.ndarray]:
    """Return unconstrained minima w, place -> [count, d], for the l1 ball of radius ``RADIUS``.

    Each has ten entries of random sign that are not zero. "inside": |w|_1 = radius / 2. "face": |w|_1 = radius, so the
    minimum lies on the boundary and the gradient there is zero. "outside": |w|_1 = 2 radius.
    """
    sizes = {"inside": 0.5, "face": 1.0, "outside": 2.0}
    normal = tf.random.stateless_normal([count, DIMENSION], draw_seed(seed, "targets"), dtype=tf.float64).numpy()
    normal[np.argsort(np.argsort(-abs(normal), axis=1), axis=1) >= 10] = 0.0
    unit = normal / abs(normal).sum(1, keepdims=True)
    return {place: RADIUS * sizes[place] * unit for place in PLACES}


def suboptimality(x: np.ndarray, target: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return F(x) - F(best): x of shape [..., lanes, d], target and best, the constrained minimum, of [lanes, d]."""
    # |x-w|^2 - |b-w|^2 = |x-b|^2 + 2 <x-b, b-w>: no difference of large numbers
    return 0.5 * ((x - best) ** 2).sum(-1) + ((x - best) * (best - target)).sum(-1)


def slope(steps: np.ndarray, values: np.ndarray, first: int, points: int = 40) -> np.ndarray:
    """Return the slope of log values against log steps, least squares over points evenly spaced in log steps.

    Args:
        steps: [records], increasing.
        values: [records, lanes], positive.
        first: fit from this step on.
        points: at most this many.

    Returns:
        One slope per lane.
    """
    wanted = np.geomspace(first, steps[-1], points)
    chosen = np.unique(np.abs(steps[:, None] - wanted).argmin(0))
    return np.polyfit(np.log(steps[chosen]), np.log(values[chosen]), 1)[0]
