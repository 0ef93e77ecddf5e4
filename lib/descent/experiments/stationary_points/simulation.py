"""The recursion held against simulation, and methods for which there is no recursion."""

from collections.abc import Callable

import numpy as np

from descent.experiments.stationary_points.adversary import (
    adversary,
    quadratic,
    squared_gradient,
    start,
    turned_axes,
    with_average,
)
from descent.experiments.stationary_points.methods import least_worst
from descent.quiet import tf
from descent.rules.base import Rule
from descent.simulate import Simulator
from descent.sweep import Sweep


def simulated(
    rule: Rule, slow: float, horizon: int, dimensions: int, seeds: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """Simulate a rule against the adversary; return criterion -> its squared gradient, shape [seeds].

    Args:
        rule: the rule, with its step size.
        slow: lambda.
        horizon: T.
        dimensions: d.
        seeds: how many independent runs, side by side in one trajectory.
        seed: gives all their noise.
    """
    game = quadratic(dimensions).at(tf.constant(slow, tf.float64))
    oracle = adversary(game, dimensions, copies=(seeds,))

    def record(params, state, game):
        return squared_gradient(params, state, game), squared_gradient(state.total, state, game)

    simulator = Simulator(oracle, with_average(rule), record=record)
    first = (start(np.full(seeds, slow), dimensions),)
    squares, of_sums = simulator.run(first, horizon, seed=seed).records
    return {
        "average_squares": squares[:-1].mean(0),
        "last": squares[-1],
        "averaged_point": of_sums[-1] / horizon**2,
    }


def scores(values: dict[str, np.ndarray], expected: dict[str, float]) -> dict[str, float]:
    """Return criterion -> (mean over seeds - expectation) in standard errors."""
    return {
        name: float((x.mean() - expected[name]) / (x.std(ddof=1) / np.sqrt(len(x)))) for name, x in values.items()
    }


def tuned_curves(
    rules: dict[str, Callable[[tf.Tensor], Rule]],
    etas: dict[str, np.ndarray],
    horizons: list[int],
    dimensions: int,
    seeds: int,
    turned: bool,
    eigenvalues: int = 8,
) -> dict[tuple[str, str], np.ndarray]:
    """Return (rule, criterion) -> least worst squared gradient at each horizon, shape [horizons], by simulation.

    Args:
        rules: name -> ``eta -> Rule``.
        etas: name -> step sizes to choose from.
        horizons: increasing; the step size is chosen for each, knowing the adversary.
        dimensions: d, a power of two.
        seeds: runs over which energies are averaged; all step sizes and eigenvalues see the same noise.
        turned: turn the adversary's axes.
        eigenvalues: how many slow eigenvalues the adversary chooses from.
    """
    axes = turned_axes(dimensions) if turned else None
    game = quadratic(dimensions, axes)
    lambdas = np.geomspace(0.3 / max(horizons), 1.0, eigenvalues)
    curves = {}
    for name, make_rule in rules.items():
        grid = np.meshgrid(etas[name], lambdas, np.arange(seeds), indexing="ij")
        hypers, slow, which = (x.ravel() for x in grid)
        sweep = Sweep(
            lambda slow: adversary(game.at(slow), dimensions, axes), {name: make_rule}, squared_gradient
        )
        squares = sweep.run(hypers, (start(slow, dimensions, axes),), max(horizons) + 1, slow, seeds=which)[name]
        squares = squares.numpy().reshape(-1, *grid[0].shape).mean(-1)  # [steps + 1, etas, lambdas]
        sums = np.cumsum(squares, 0)
        curves[name, "last"] = np.array([least_worst(squares[t]) for t in horizons])
        curves[name, "average_squares"] = np.array([least_worst(sums[t - 1] / t) for t in horizons])
    return curves
