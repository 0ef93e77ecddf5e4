"""Four methods, each in sixteen settings and tuned alike; and two of them at labels from quiet to loud."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from descent.experiments.one_sample_frank_wolfe.least_squares import PLACES, Problem, suboptimality
from descent.experiments.one_sample_frank_wolfe.race import NOISE, REGION, lanes, oracle
from descent.measures.selection import Tuning, tune_alike
from descent.problems.constraints import Region
from descent.quiet import tf
from descent.rules import Rule, chain
from descent.rules.frank_wolfe import decay, frank_wolfe, projected_gradient, recursive_average, running_average
from descent.sweep import Sweep
from descent.tables import Table, text

SCALES = (0.5, 1.0, 2.0, 4.0)
PAIRS = np.array(list(itertools.product(SCALES, SCALES)))  # scale of rho, scale of eta
RATES = np.array(list(itertools.product((0.5, 1.0), np.geomspace(0.01, 3.0, 8))))  # power and scale of eta
SETTINGS = {"one_sample": PAIRS, "momentum": PAIRS, "storm": RATES, "projected": RATES}
NAMES = {"one_sample": "1-SFW", "momentum": "momentum", "storm": "STORM, projected", "projected": "SGD, projected"}
GRADIENTS = {"one_sample": 2, "momentum": 1, "storm": 2, "projected": 1}  # a step


def families(region: Region) -> dict[str, Callable[[Any], Rule]]:
    """Return name -> ``hyper -> Rule``; hyper is a row [2] of ``SETTINGS[name]``, for all names in one dictionary."""
    return {
        "one_sample": lambda h: chain(
            recursive_average(decay(h["one_sample"][0])), frank_wolfe(region, decay(h["one_sample"][1]))
        ),
        "momentum": lambda h: chain(
            running_average(decay(h["momentum"][0], 8.0, 2 / 3)), frank_wolfe(region, decay(h["momentum"][1]))
        ),
        "storm": lambda h: chain(
            recursive_average(decay()), projected_gradient(region, decay(h["storm"][1], 0.0, h["storm"][0]))
        ),
        "projected": lambda h: projected_gradient(region, decay(h["projected"][1], 0.0, h["projected"][0])),
    }


class Judged(NamedTuple):
    """Methods tuned alike.

    Args:
        trials: by place, method -> its trials.
        tuned: method -> suboptimality on fresh seeds at the chosen setting, [places, seeds].
        untuned: of 1-SFW with rho = eta = 1/t, likewise.
    """

    trials: list[dict[str, Tuning]]
    tuned: dict[str, np.ndarray]
    untuned: np.ndarray

    def measurements(self) -> dict[str, np.ndarray]:
        """Return the logarithm of untuned 1-SFW's suboptimality over the tuned one's, by place and seed."""
        ratio = np.log(self.untuned / self.tuned["one_sample"])
        return {f"tuning.log_cost.{place}": ratio[k] for k, place in enumerate(PLACES)}

    def table(self, budget: int) -> Table:
        """Return mean suboptimalities, and the chosen scales of 1-SFW's rho and eta."""
        ends = {"1-SFW, untuned": self.untuned} | {NAMES[name]: values for name, values in self.tuned.items()}
        rows = [(name, *(text(v.mean()) for v in values)) for name, values in ends.items()]
        scales = (" and ".join(f"{x:g}/t" for x in t["one_sample"].best) for t in self.trials)
        rows.append(("chosen rho and eta of 1-SFW", *scales))
        return Table((f"suboptimality after {budget:,} gradients", *PLACES), rows)


class EqualGradients:
    """Methods that may take as many gradients; one compiled program does all that is asked of it below.

    Args:
        budget: gradients, an even number.
        seeds: on which settings are chosen. Eight times as many judge them, so that all calls fill as many lanes.
        seed: gives all draws; choosing and judging see different ones.
    """

    def __init__(self, budget: int, seeds: int, seed: int):
        self.budget, self.seeds, self.seed = budget, seeds, seed
        self.sweep = Sweep(
            oracle(8 * seeds), families(REGION), lambda params, state, game: params[0], every=budget // 2
        )

    def noise(self, sigmas: np.ndarray) -> np.ndarray:
        """Return the logarithm of momentum's suboptimality over 1-SFW's, untuned both, [8 sigmas, places, seeds]."""
        side = lanes(2 * self.seeds, self.seed)
        published = {name: np.ones((8 * len(side.target), 2)) for name in SETTINGS}
        published["momentum"][:, 0] = 4.0
        loud = Problem(np.tile(side.target, (8, 1)), np.repeat(sigmas, len(side.target)))
        ends = self._ends(published, loud, np.tile(side.data[1], 8), self.seed + 1)
        return np.log(ends["momentum"] / ends["one_sample"]).reshape(8, len(PLACES), 2 * self.seeds)

    def tune(self) -> Judged:
        """Choose each method's setting for each place, and judge it on fresh seeds."""
        side, count = lanes(self.seeds, self.seed), len(PAIRS)
        grid = {name: np.repeat(settings, len(side.target), axis=0) for name, settings in SETTINGS.items()}
        wide = Problem(np.tile(side.target, (count, 1)), np.full(count * len(side.target), NOISE))
        ends = self._ends(grid, wide, np.tile(side.data[1], count), self.seed + 2)
        scores = {name: v.reshape(count, len(PLACES), self.seeds) for name, v in ends.items()}
        trials = [tune_alike({n: (list(SETTINGS[n]), v[:, k]) for n, v in scores.items()}) for k in range(len(PLACES))]

        side = lanes(8 * self.seeds, self.seed + 3)
        twice = Problem(np.tile(side.target, (2, 1)), np.full(2 * len(side.target), NOISE))
        picked = {name: np.repeat([t[name].best for t in trials], 8 * self.seeds, axis=0) for name in SETTINGS}
        both = {name: np.concatenate([p, np.ones_like(p)]) for name, p in picked.items()}
        ends = self._ends(both, twice, np.tile(side.data[1], 2), self.seed + 3)
        judged = {name: v.reshape(2, len(PLACES), -1) for name, v in ends.items()}
        return Judged(trials, {name: v[0] for name, v in judged.items()}, judged["one_sample"][1])

    def _ends(self, hypers: Any, problems: Problem, hands: np.ndarray, seed: int) -> dict[str, np.ndarray]:
        """Return each method's suboptimality once it has used its gradients, [lanes]."""
        best = REGION.project(tf.constant(problems.target)).numpy()
        start = (np.zeros_like(problems.target),)
        points = self.sweep.run(hypers, start, 3, (problems, hands), seeds=seed)
        return {
            name: suboptimality(x.numpy()[2 // GRADIENTS[name]], problems.target, best) for name, x in points.items()
        }
