"""The recursion held against simulation, and methods for which there is no recursion."""

from collections.abc import Callable, Sequence

import numpy as np

from descent.experiments.stationary_points.adversary import (
    adversary,
    quadratic,
    squared_gradient,
    start,
    turned_axes,
    with_average,
)
from descent.experiments.stationary_points.energies import SCHEDULES, Recursion
from descent.experiments.stationary_points.methods import least_worst
from descent.quiet import tf
from descent.rules.base import Rule
from descent.rules.schedules import Schedule, constant, cosine, inverse_time, linear
from descent.simulate import Simulator
from descent.sweep import Sweep


def schedule_of(schedule: str, eta: float, horizon: int) -> Schedule:
    """Return one of ``SCHEDULES`` as the library's rules take it; 1/t is left out."""
    return {
        "constant": constant(eta),
        "1/sqrt t": inverse_time(eta, 1.0, 0.5),
        "linear": linear(eta, 0.0, horizon),
        "cosine": cosine(eta, 0.0, horizon),
    }[schedule]


def simulate(
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


def expected_energies(recursion: Recursion, schedule: str, eta: float, slow: float, horizon: int) -> dict[str, float]:
    """Return the same by the recursion, whose ``points`` are 2: gap at lambda = slow, noise at L = 1."""
    parts, s = recursion.run(horizon, kappa=np.array([eta * slow, eta])).parts, SCHEDULES.index(schedule)
    return {name: float(2 * slow * signal[-1, s, 0] + noise[-1, s, 1]) for name, (signal, noise) in parts.items()}


def scores(values: dict[str, np.ndarray], expected: dict[str, float]) -> dict[str, float]:
    """Return criterion -> (mean over seeds - expectation) in standard errors."""
    return {name: float((x.mean() - expected[name]) / (x.std(ddof=1) / np.sqrt(len(x)))) for name, x in values.items()}


def tuned_curves(
    make_rule: Callable[[tf.Tensor], Rule],
    etas: np.ndarray,
    horizons: Sequence[int],
    dimensions: int,
    seeds: int,
    turned: bool,
    eigenvalues: int = 6,
) -> dict[str, np.ndarray]:
    """Return criterion -> least worst squared gradient by simulation, shape [seeds, horizons].

    Args:
        make_rule: ``eta -> Rule``.
        etas: step sizes; one is chosen for each horizon, then the adversary chooses the slow eigenvalue.
        horizons: increasing.
        dimensions: d, a power of two.
        seeds: how many; within one, all step sizes and eigenvalues see the same noise.
        turned: turn the adversary's axes.
        eigenvalues: how many the adversary chooses from.

    Returns:
        ``average_squares``, and ``last``: the mean over the last sixteenth of the steps, which varies less than x_T's.
    """
    axes = turned_axes(dimensions) if turned else None
    game = quadratic(dimensions, axes)
    lambdas = np.geomspace(0.3 / max(horizons), 1.0, eigenvalues)
    grid = np.meshgrid(etas, lambdas, np.arange(seeds), indexing="ij")
    hypers, slow, which = (x.ravel() for x in grid)
    sweep = Sweep(lambda slow: adversary(game.at(slow), dimensions, axes), {"rule": make_rule}, squared_gradient)
    squares = sweep.run(hypers, (start(slow, dimensions, axes),), max(horizons) + 1, slow, seeds=which)["rule"]
    sums = np.cumsum(squares.numpy().reshape(-1, *grid[0].shape), 0)  # [steps + 1, etas, eigenvalues, seeds]

    def mean(first: int, after: int) -> np.ndarray:
        return (sums[after - 1] - (sums[first - 1] if first else 0.0)) / (after - first)

    def curves(first: Callable[[int], int]) -> np.ndarray:
        return np.array([[least_worst(mean(first(t), t)[..., k]) for t in horizons] for k in range(seeds)])

    return {"average_squares": curves(lambda t: 0), "last": curves(lambda t: t - t // 16)}
