"""Frank-Wolfe rules on stochastic least squares, the optimum in three places, all seeds at once."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from descent.experiments.one_sample_frank_wolfe.dealt import dealt
from descent.experiments.one_sample_frank_wolfe.least_squares import (
    PLACES,
    RADIUS,
    Problem,
    game_of,
    rows,
    slope,
    suboptimality,
    targets,
)
from descent.oracles import Oracle
from descent.problems.constraints import l1_ball
from descent.quiet import tf
from descent.rules import Adjustment, Rule, chain, stateless
from descent.rules.frank_wolfe import decay, frank_wolfe
from descent.sweep import Sweep
from descent.tables import Table, text

REGION = l1_ball(RADIUS)
NOISE = 1.0  # of the labels: about as loud as the rows' at a distance of one
RECORDS = 200
NAMES = {"one_sample": "1-SFW", "momentum": "momentum", "raw": "raw"}


class Lanes(NamedTuple):
    """Problems side by side, places outermost: targets and minima on C, [lanes, d], and their oracles' data."""

    target: np.ndarray
    best: np.ndarray
    data: tuple[Problem, np.ndarray]


def lanes(count: int, seed: int, noise: float = NOISE) -> Lanes:
    """Return ``count`` problems at each place; the k-th of each place sees the k-th row of every step."""
    found = targets(count, seed)
    w = np.concatenate([found[place] for place in PLACES])
    hands = np.tile(np.arange(count), len(PLACES))
    return Lanes(w, REGION.project(tf.constant(w)).numpy(), (Problem(w, np.full(len(w), noise)), hands))


def oracle(count: int, dimension: int | None = None) -> Callable[[Any], Oracle]:
    """Return one lane's data -> its oracle, which shows one Gaussian row a step."""
    draw = rows(count) if dimension is None else rows(count, dimension)
    return lambda lane: dealt(game_of(lane[0]), draw, lane[1])


class Race(NamedTuple):
    """What was seen.

    Args:
        steps: [records].
        loss: rule -> suboptimality [records, places, seeds]; of "exact" the first tenth of the records only.
        err2: rule -> squared error of its estimate of the gradient, likewise.
        excess: how far any recorded iterate was outside.
    """

    steps: np.ndarray
    loss: dict[str, np.ndarray]
    err2: dict[str, np.ndarray]
    excess: float

    def slopes(self, what: str, name: str, place: int) -> np.ndarray:
        """Return each seed's slope of "loss" or "err2" in log-log axes, from a hundredth of the steps on."""
        values = getattr(self, what)[name][:, place]
        return slope(self.steps, values, self.steps[-1] // 100)

    def measurements(self) -> dict[str, np.ndarray]:
        """Return slopes by seed, and the log of momentum's suboptimality over 1-SFW's after as many gradients."""
        half = len(self.steps) // 2 - 1  # 1-SFW has then used as many as momentum at the end
        found = {}
        for k, place in enumerate(PLACES):
            for name in self.err2:
                for what in ("err2", "loss"):
                    found[f"{what}_slope.{name}.{place}"] = self.slopes(what, name, k)
            ratio = np.log(self.loss["momentum"][-1, k] / self.loss["one_sample"][half, k])
            found[f"per_gradient.log_ratio.{place}"] = ratio
        return found

    def table(self) -> Table:
        """Return slopes with 95% intervals, Student's t, and the last suboptimality."""
        rows = []
        for k, place in enumerate(PLACES):
            for name in self.err2:
                cells = []
                for what in ("err2", "loss"):
                    slopes = self.slopes(what, name, k)
                    half = stats.t.ppf(0.975, len(slopes) - 1) * slopes.std(ddof=1) / np.sqrt(len(slopes))
                    cells.append(f"{slopes.mean():.2f} ± {half:.2f}")
                rows.append((place, NAMES[name], *cells, text(self.loss[name][-1, k].mean())))
        return Table(("minimum", "rule", "slope of squared error", "slope of suboptimality", "suboptimality"), rows)


def race(family: Mapping[str, Callable[[Any], Rule]], seeds: int, steps: int, seed: int) -> Race:
    """Run rules that begin with a scheduled estimate, whose inner state is ``Average``; and exact Frank-Wolfe.

    Args:
        family: name -> ``hyper -> Rule``; the hyper-parameter is not used.
        seeds: problems and runs at each place.
        steps: a multiple of 200.
        seed: gives all draws.
    """
    side, every = lanes(seeds, seed), steps // RECORDS
    start = (np.zeros_like(side.target),)

    def seen(params, state, game):
        average = state[0].inner  # of the scheduled estimate
        return params[0], average.previous[0], average.d[0]

    runs = Sweep(oracle(seeds), family, seen, every).run(side.target, start, RECORDS + 1, side.data, seeds=seed)

    def told(w):
        return chain(stateless(lambda xi, params, game: (params[0] - w,), Adjustment), frank_wolfe(REGION, decay()))

    exact = Sweep(oracle(seeds), {"exact": told}, lambda params, state, game: params[0], every)
    exact = exact.run(side.target, start, RECORDS // 10 + 1, side.data, seeds=seed)["exact"]

    def by_place(values):
        return values.reshape(len(values), len(PLACES), seeds)

    loss, err2, excess = {}, {}, 0.0
    for name, parts in runs.items():
        x, previous, d = (part[1:] for part in parts)
        excess = max(excess, float(tf.reduce_max(REGION.excess(x))))
        loss[name] = by_place(suboptimality(x.numpy(), side.target, side.best))
        err2[name] = by_place(((d - (previous - side.target)).numpy() ** 2).sum(-1))
    loss["exact"] = by_place(suboptimality(exact.numpy()[1:], side.target, side.best))
    return Race(every * np.arange(1, RECORDS + 1), loss, err2, excess)


class Walk(NamedTuple):
    """Paths in the plane, rule -> [steps + 1, 2], and how far 1-SFW's errors are from the identity that they obey."""

    paths: dict[str, np.ndarray]
    residual: float


def walk(family: Mapping[str, Callable[[Any], Rule]], target: np.ndarray, steps: int, seed: int) -> Walk:
    """Run rules on one problem in the plane, step by step, and hold "one_sample" to its identity.

    The identity, with g_t the gradient that sample t shows and e_t = d_t - F'(x_t):

        t e_t = (t-1) e_{t-1} + (t-1) [(g_t(x_t) - g_t(x_{t-1})) - (F'(x_t) - F'(x_{t-1}))] + (g_t(x_t) - F'(x_t)).

    Args:
        family: as of ``race``.
        target: the unconstrained minimum w, [2].
        steps: how many.
        seed: gives the samples.
    """

    def seen(params, state, game):  # record t - 1 shows sample t
        average = state[0].inner
        before, now = game.gradient(average.previous), game.gradient(params)
        return params[0], average.previous[0], average.d[0], now[0], before[0]

    data = (Problem(target[None], np.full(1, NOISE)), np.zeros(1, int))
    runs = Sweep(oracle(1, 2), family, seen).run(np.zeros(1), (np.zeros((1, 2)),), steps + 1, data, seeds=seed)
    x, previous, d, now, before = (part.numpy()[:, 0] for part in runs["one_sample"])
    t = np.arange(2, steps + 1)[:, None]
    error = d[1:] - (previous[1:] - target)  # e_1, e_2, ...
    change = (now[1:-1] - before[1:-1]) - (x[1:-1] - previous[1:-1])
    fresh = now[1:-1] - (x[1:-1] - target)
    residual = abs(t * error[1:] - ((t - 1) * error[:-1] + (t - 1) * change + fresh)).max()
    return Walk({name: parts[0].numpy()[:, 0] for name, parts in runs.items()}, float(residual))
