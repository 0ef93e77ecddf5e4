"""Continuous greedy on coverage with three estimates of the gradient, where the sample's law moves with x."""

from typing import NamedTuple

import numpy as np

from descent.experiments.one_sample_frank_wolfe.coverage import (
    Coverage,
    game_of,
    greedy,
    hard_instance,
    random_instance,
    roundings,
    value_and_gradient,
)
from descent.experiments.one_sample_frank_wolfe.dealt import dealt
from descent.problems.constraints import cardinality_polytope
from descent.rules import chain
from descent.rules.frank_wolfe import continuous_greedy, decay, hessian_average, recursive_average, running_average
from descent.sweep import Sweep
from descent.tables import Table

K, N = 4, 12
EVERY = 10
GREEDY = greedy(hard_instance(K, N), K)
ESTIMATES = {
    "hessian": hessian_average(decay()),
    "uniforms": recursive_average(decay()),  # one draw u, and R = (u < x) at both points
    "momentum": running_average(decay(4.0, 8.0, 2 / 3)),
}


class Runs(NamedTuple):
    """What was seen of each estimate.

    Args:
        err2: (name, T) -> squared errors on random instances after 10, 20, ..., T steps, [records, seeds].
        shares: (name, T, "random" or "hard") -> F(x_T) over the optimum, [seeds].
    """

    err2: dict[tuple[str, int], np.ndarray]
    shares: dict[tuple[str, int, str], np.ndarray]

    def growth(self, name: str, horizon: int, early: int) -> np.ndarray:
        """Return pseudo-values of the squared error at the end over that after ``early`` steps."""
        errors = self.err2[name, horizon]
        return jackknife(errors[-1], errors[early // EVERY - 1])

    def ratio(self, name: str, short: int, long: int) -> np.ndarray:
        """Return pseudo-values of the squared error at the end of short runs over that at the end of long ones."""
        return jackknife(self.err2[name, short][-1], self.err2[name, long][-1])

    def measurements(self) -> dict[str, np.ndarray]:
        """Return what claims are made of, by seed: errors within runs and between lengths, 1-SFW's shares."""
        found = {}
        for name in ESTIMATES:
            found[f"coverage.{name}.growth"] = self.growth(name, 200, 50)
            found[f"coverage.{name}.error_ratio"] = self.ratio(name, 50, 200)
        return found | {f"coverage.share.{kind}": self.shares["hessian", 200, kind] for kind in ("random", "hard")}

    def table(self) -> Table:
        """Return the same for all estimates, with what greedy, told everything, gets on the hard instance."""
        rows = []
        for name in ESTIMATES:
            factors = (self.growth(name, 200, 50).mean(), self.ratio(name, 50, 200).mean())
            ends = (self.shares[name, 200, kind].mean() for kind in ("random", "hard"))
            rows.append((name, *(f"{x:.2f}" for x in factors), *(f"{x:.4f}" for x in ends)))
        head = ("estimate", "error, step 200 over 50", "error, T = 50 over 200", "share, random", "share, hard")
        told = f"On the hard instance greedy, told everything, gets {GREEDY:.4f}; 1 - 1/e is {1 - 1 / np.e:.4f}."
        return Table(head, rows, told)


def jackknife(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return one value for each seed whose mean is the jackknife's estimate of mean(a) / mean(b).

    The mean of ratios a_i / b_i would be too large: E 1/b > 1 / E b. Source: Quenouille 1956; Tukey 1958.
    """
    left_out = (a.sum() - a) / (b.sum() - b)
    return len(a) * a.mean() / b.mean() - (len(a) - 1) * left_out


def run(seeds: int, horizons: list[int], seed: int) -> Runs:
    """Run all estimates for all horizons, on ``seeds`` random instances and as often on the hard one."""
    rng = np.random.default_rng(seed)
    instances = [random_instance(rng, N, k=K) for _ in range(seeds)] + [hard_instance(K, N)] * seeds
    stacked = Coverage(*(np.array(part) for part in zip(*instances, strict=True)))
    random = Coverage(*(part[:seeds] for part in stacked))
    lanes = Coverage(*(np.concatenate([part] * len(horizons)) for part in stacked))
    hands = np.tile(np.arange(seeds), 2 * len(horizons))
    lengths = np.repeat(np.array(horizons, float), 2 * seeds)
    draw, region = roundings(N, seeds), cardinality_polytope(K)
    sweep = Sweep(
        lambda lane: dealt(game_of(lane[0]), draw, lane[1]),
        {name: lambda T, e=e: chain(e, continuous_greedy(region, T)) for name, e in ESTIMATES.items()},  # type: ignore[misc]
        lambda params, state, game: (params[0], state[0].inner.previous[0], state[0].inner.d[0]),
        every=EVERY,
    )
    start = (np.zeros((len(lengths), N)),)
    seen = sweep.run(lengths, start, max(horizons) // EVERY + 1, (lanes, hands), seeds=seed)
    err2, shares = {}, {}
    for name, parts in seen.items():
        points, previous, d = (part.numpy() for part in parts)
        for k, horizon in enumerate(horizons):
            first, last = 2 * seeds * k, horizon // EVERY
            kept = np.s_[1 : last + 1, first : first + seeds]
            gradient = np.array([value_and_gradient(random, x)[1] for x in previous[kept]])
            err2[name, horizon] = ((d[kept] + gradient) ** 2).sum(-1)  # the game descends -F
            value = value_and_gradient(stacked, points[last, first : first + 2 * seeds])[0]
            shares[name, horizon, "random"], shares[name, horizon, "hard"] = value[:seeds], value[seeds:]
    return Runs(err2, shares)
