"""The chapter's runs: ways to adapt, tuned alike, and then changed in one respect at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from descent.evidence.cache import cached
from descent.experiments.es_maml.adaptation import hill_climbing, monte_carlo, stay
from descent.experiments.es_maml.exact_maml import ExactMAML
from descent.experiments.es_maml.meta_training import Lane, Training
from descent.measures.selection import Tuning, tune
from descent.problems.navigation import NAVIGATION, Environment

NAMES = {
    "mc": "Monte Carlo",
    "hc": "hill climbing",
    "none": "no adaptation",
    "maml": "exact MAML",
    "fomaml": "first-order",
}
QUERIES = 20  # K
NONE: Mapping[str, Mapping[str, Any]] = {}
FACTORS = (0.5, 1.0, 2.0, 4.0)  # of the released alpha and of the size of attempts
RATES = (0.01, 0.03)  # beta; the first is the released one
RELEASED = {"mc": 0.05, "hc": 0.1}
GRID = [(size, rate) for size in FACTORS for rate in RATES]


@dataclass(frozen=True)
class Scale:
    """How large a comparison is.

    Args:
        pairs: n; without adaptation n (K + 2) of them, so that a step costs as many rollouts.
        steps: of the outer loop.
        seeds: runs that judge.
        tuning_seeds: runs that choose; none of them is among those that judge.
        lanes: runs side by side.
        seed: gives everything.
        records: looks at each run.
    """

    pairs: int
    steps: int
    seeds: int
    tuning_seeds: int
    lanes: int
    seed: int
    records: int = 10

    @property
    def compiled(self) -> bool:
        """Return whether runs are long enough for XLA to pay."""
        return self.steps >= 50

    @property
    def every(self) -> int:
        """Return the steps between records."""
        return max(1, self.steps // self.records)

    @property
    def length(self) -> int:
        """Return the steps of a run, whole records."""
        return self.steps // self.every * self.every


@dataclass(frozen=True, eq=False)
class Arm:
    """One way to adapt, tuned and run.

    Args:
        name: which.
        tuning: all trials.
        groups: names of groups of runs; "base" is the tuned setting.
        steps: at which was looked, [records].
        rollouts: asked for by then, [records].
        watched: mean return after adaptation on watched tasks, [records, groups, seeds].
        before: returns without adaptation on tasks that training never saw, [groups, seeds, tasks].
        after: with it.
        on_frozen: returns after adaptation on the training tasks, with the noise frozen, [groups, seeds, tasks]; no
            tasks where no group is trained with frozen noise.
        on_fresh: likewise, with fresh noise.
    """

    name: str
    tuning: Tuning
    groups: Sequence[str]
    steps: np.ndarray
    rollouts: np.ndarray
    watched: np.ndarray
    before: np.ndarray
    after: np.ndarray
    on_frozen: np.ndarray
    on_fresh: np.ndarray

    def mean(self, what: str = "after", group: str = "base", tasks: int | None = None) -> np.ndarray:
        """Return the mean over tasks (the first so many) of one of the returns above, by seed."""
        return getattr(self, what)[self.groups.index(group), :, :tasks].mean(1)

    def gain(self, group: str = "base") -> np.ndarray:
        """Return what adaptation adds on unseen tasks, by seed."""
        return self.mean("after", group) - self.mean("before", group)

    def gap(self, group: str, tasks: int | None = None) -> np.ndarray:
        """Return how much better the training tasks go with frozen noise than with fresh, by seed."""
        return self.mean("on_frozen", group, tasks) - self.mean("on_fresh", group, tasks)

    @property
    def at_edge(self) -> bool:
        """Return whether an entry of the chosen setting is the smallest or largest that was tried."""
        tried = np.array(self.tuning.settings)
        varied = [column for column in range(2) if len(np.unique(tried[:, column])) > 2]
        return any(self.tuning.best[k] in (tried[:, k].min(), tried[:, k].max()) for k in varied)

    @property
    def violations(self) -> int:
        """Return in how many of the cases judged at the tuned setting adaptation ended below where it began."""
        return int((self.after[0] < self.before[0]).sum())


@lru_cache(maxsize=4)
def make(name: str, scale: Scale) -> Training:
    """Return the programs of one way to adapt, which all environments share, as do first- and second-order MAML."""
    runs = scale.seeds + scale.tuning_seeds
    if name == "maml":
        return ExactMAML(NAVIGATION, scale.pairs, scale.seed, runs, scale.lanes, compiled=scale.compiled)
    if name == "none":
        pairs = scale.pairs * (QUERIES + 2)
        return Training(NAVIGATION, stay, pairs, scale.seed, runs, scale.lanes, 0, compiled=scale.compiled)
    adaptation = {"mc": monte_carlo, "hc": hill_climbing}[name]
    return Training(
        NAVIGATION, adaptation, scale.pairs, scale.seed, runs, scale.lanes, QUERIES, compiled=scale.compiled
    )


def grid(name: str) -> list[tuple[float, float]]:
    """Return the settings that are tried, as many for each way: size of the inner step, rate of the outer."""
    if name == "none":  # there is no inner step: as many outer rates
        return [(0.0, float(rate)) for rate in np.geomspace(0.0025, 0.32, len(GRID))]
    unit = RELEASED.get(name, 1.0)
    return [(unit * size, rate) for size, rate in GRID]


def arm(environment: Environment, name: str, scale: Scale, variants: Mapping[str, Mapping[str, Any]] = NONE) -> Arm:
    """Tune one way to adapt, and run it from fresh seeds as it is ("base") and with entries of its lane changed.

    Args:
        environment: the environment.
        name: "mc", "hc", "none", "maml" or "fomaml".
        scale: how much.
        variants: name of a group -> entries of ``Lane`` that differ.
    """
    settings = grid(name)
    second = 0.0 if name == "fomaml" else 1.0
    groups: dict[str, dict[str, Any]] = {"base": {}} | {key: dict(value) for key, value in variants.items()}
    size, rate = (np.repeat(column, scale.tuning_seeds) for column in np.array(settings).T)
    runs = np.tile(scale.seeds + np.arange(scale.tuning_seeds), len(settings))

    def compute() -> dict[str, np.ndarray]:
        training = make("maml" if name == "fomaml" else name, scale).at(environment)
        tried = training.run(Lane(runs, size, rate, second=second), scale.length, scale.every)
        scores = -tried.after[-1].reshape(len(settings), scale.tuning_seeds)
        best = tune(settings, scores).best
        base = {"size": best[0], "rate": best[1], "second": second}
        every = [Lane(**({"run": k} | base | changed)) for changed in groups.values() for k in range(scale.seeds)]
        lanes = Lane(*(np.array(entry) for entry in zip(*every, strict=True)))
        trained = training.run(lanes, scale.length, scale.every)
        before, after = training.judge_unseen(trained, lanes)
        on_frozen = on_fresh = np.zeros((len(lanes.run), 0))
        if "frozen" in groups:
            on_frozen, on_fresh = (
                training.judge(trained, lanes, training.tasks, noise)[1] for noise in (training.frozen, None)
            )
        by_group = {"before": before, "after": after, "on_frozen": on_frozen, "on_fresh": on_fresh}
        return {
            "scores": scores,
            "steps": trained.steps,
            "rollouts": trained.rollouts[:, 0],
            "watched": trained.after.reshape(-1, len(groups), scale.seeds),
        } | {key: value.reshape(len(groups), scale.seeds, value.shape[1]) for key, value in by_group.items()}

    depends = {"environment": environment.name, "name": name, "scale": scale, "groups": groups}
    found = cached(f"es-maml-{environment.name}-{name}", depends, compute)
    tuning = tune(settings, found.pop("scores"))
    return Arm(name, tuning, list(groups), **found)
