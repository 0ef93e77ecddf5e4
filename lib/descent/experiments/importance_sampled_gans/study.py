"""One mixture, all arms: runs, and what the chapter records of them.

Where several rates are tried, every arm tries the same, and each seed's run is the one at the rate that is best for
the other seeds, averaged over the training: by the share of samples near modes, on the grid by the logarithm of the
sliced Wasserstein distance. For there an untrained generator is near a mode with all it makes: the middle one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from descent.evidence.cache import Arrays, cached
from descent.experiments.importance_sampled_gans import measured
from descent.experiments.importance_sampled_gans.arms import ARMS, Setup
from descent.experiments.importance_sampled_gans.measured import Gains, Run
from descent.measures.selection import leave_one_out
from descent.problems.mixtures import grid, ring
from descent.quiet import tf
from descent.tables import Table, spread, table

MIXTURES = {"ring": ring(8, 2.0, 0.2), "grid": grid(5, 1.0, 0.1)}
NEARER = 3.0  # how many times nearer than untrained a generator is to come on the grid
GAINS_OF = ("uniform", "fis", "theta", "defensive")


def chosen_lanes(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each seed, its lane and the number of its rate; scores [rates, seeds], smaller is better."""
    rates, seeds = scores.shape
    best = leave_one_out(scores) if rates > 1 else np.zeros(seeds, int)
    return best * seeds + np.arange(seeds), best


def by_distance(setup: Setup) -> bool:
    """Say whether an untrained generator has its samples near a mode, so that a distance must tell."""
    return setup.data is MIXTURES["grid"]


def tuned(setup: Setup, name: str, steps: int, records: int, seed: int) -> tuple[Run, np.ndarray]:
    """Train an arm on a mixture at all rates; return each seed's run at its rate, and these rates [seeds].

    Where there are several rates the result is kept.
    """

    def compute() -> Arrays:
        run = measured.run(setup, name, steps, records, seed)
        of = measured.sample_measures(setup, run, seed)
        scores = np.log(of["w1"]).mean(0) if by_distance(setup) else -of["good"].mean(0)
        lanes, best = chosen_lanes(scores.reshape(len(setup.rates), -1))
        leaves = {f"leaf{k}": x[:, lanes] for k, x in enumerate(tf.nest.flatten(run.params))}
        rest = {"steps": run.steps, "samples": run.samples[:, lanes], "seconds": np.array(run.seconds)}
        return leaves | rest | {"rates": np.array(setup.rates)[best]}

    settings = {"setup": setup, "arm": ARMS[name], "steps": steps, "records": records, "seed": seed}
    kept = cached(f"latents-{name}", settings, compute) if len(setup.rates) > 1 else compute()
    like = setup.start(ARMS[name])
    leaves = [kept[f"leaf{k}"] for k in range(len(tf.nest.flatten(like)))]
    params = tf.nest.pack_sequence_as(like, leaves)
    return Run(ARMS[name], params, kept["steps"], kept["samples"], float(kept["seconds"])), kept["rates"]


def over_records(gains: Gains, run: Run, which: Sequence[int]) -> dict[str, np.ndarray]:
    """Return what ``Gains.at`` says at some records, each [records, lanes]."""
    found = [gains.at(run, r) for r in which]
    return {key: np.stack([one[key] for one in found]) for key in found[0]}


def of_gains(found: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Return what is recorded of gains: arm -> what ``over_records`` returns."""
    uniform = found["uniform"]
    out = {"ceiling.mean": np.exp(np.log(uniform["ceiling"]).mean(0)), "ceiling.largest": uniform["ceiling"].max(0)}
    out["dead.mean"], out["dead.largest"] = uniform["dead"].mean(0), uniform["dead"].max(0)
    for key in measured.SCORES:
        out[f"score.{key}"] = np.log(uniform[f"exact.{key}"]).mean(0)
        out[f"rank.{key}"] = uniform[f"rank.{key}"].mean(0)
    for arm in GAINS_OF[1:]:
        out[f"gain.{arm}"] = np.exp(np.log(found[arm]["gain"]).mean(0))
        out[f"gain_end.{arm}"] = found[arm]["gain"][-1]
        out[f"chi2.{arm}"] = np.median(found[arm]["chi2"], 0)
        out[f"ess.{arm}"] = found[arm]["ess"].mean(0)
    return out


class Study:
    """All arms on one mixture.

    Args:
        name: of the mixture, in ``MIXTURES``.
        seeds: of lanes.
        batch, steps, records, seed: of every run.
        rates: that every arm tries.
        level: share of samples near modes that counts as reached, but on the grid.
    """

    def __init__(
        self,
        name: str,
        seeds: Sequence[int],
        batch: int,
        rates: Sequence[float],
        steps: int,
        records: int,
        seed: int,
        level: float = 0.7,
    ):
        tried = Setup(MIXTURES[name], tuple(seeds), tuple(rates), batch=batch)
        self.setup = replace(tried, rates=tried.rates[:1])  # as many lanes as seeds, once rates are chosen
        self.level, self.seed = level, seed
        self.runs, self.rates = {}, {}
        for arm in ARMS:
            self.runs[arm], self.rates[arm] = tuned(tried, arm, steps, records, seed)
        self.steps = self.runs["uniform"].steps
        self.samples = {arm: measured.sample_measures(self.setup, run, seed) for arm, run in self.runs.items()}
        self.gains = Gains(self.setup)
        self.which = range(0, records + 1, 2)
        self.found = {arm: over_records(self.gains, self.runs[arm], self.which) for arm in GAINS_OF}
        self.measured = self._measurements()

    def good(self) -> dict[str, np.ndarray]:
        """Return each arm's share of samples near modes, [records + 1, seeds]."""
        return {arm: of["good"] for arm, of in self.samples.items()}

    def curves(self) -> dict[str, np.ndarray]:
        """Return what figure of gains shows, [records, seeds]: the uniform arm's scores, and flows' gains."""
        shown = {key: self.found["uniform"][f"exact.{key}"] for key in ("jacobian", "latent")}
        shown["ceiling"] = self.found["uniform"]["ceiling"]
        return shown | {arm: self.found[arm]["gain"] for arm in GAINS_OF[1:]}

    def _measurements(self) -> dict[str, Any]:
        """Return what claims are judged by."""
        out: dict[str, Any] = of_gains(self.found) | {
            "ceiling.least": min((of["ceiling"] / of["gain"]).min() for of in self.found.values() if "gain" in of),
            "unbiased.weighted": max(
                np.abs(measured.unbiased(self.setup, self.runs[arm], self.seed)).max() for arm in ("fis", "theta")
            ),
            "unbiased.unweighted": np.abs(
                measured.unbiased(self.setup, self.runs["theta"], self.seed, weighted=False)
            ).max(),
            "bias.fis_unweighted": self.gains.bias(self.runs["fis_unweighted"], -1),
            "bias.theta": self.gains.bias(self.runs["theta"], -1),
        }
        reached = {arm: self._reached(of) for arm, of in self.samples.items()}
        for arm, of in self.samples.items():
            out[f"steps.{arm}"] = reached[arm]
            for key, values in of.items():
                out[f"end.{key}.{arm}"] = values[-1]
                out[f"final.{key}.{arm}"] = values[-1] - self.samples["uniform"][key][-1]
            out[f"rate.{arm}"] = self.rates[arm]
            if arm != "uniform":
                out[f"faster.{arm}"] = np.log(reached["uniform"] / reached[arm])
        for arm in ("fis", "theta", "top"):
            out[f"cost.{arm}"] = measured.step_cost(self.setup, arm)
            out[f"work.{arm}"] = out[f"faster.{arm}"] - np.log(out[f"cost.{arm}"])
        return out

    def _reached(self, of: dict[str, np.ndarray]) -> np.ndarray:
        if by_distance(self.setup):
            return measured.steps_until(self.steps, np.log(of["w1"][0] / of["w1"]), np.log(NEARER))
        return measured.steps_until(self.steps, of["good"], self.level)

    def seconds(self) -> dict[str, float]:
        """Return each arm's seconds of a step over the uniform arm's, on the machine that trained them."""
        return {arm: run.seconds / self.runs["uniform"].seconds for arm, run in self.runs.items()}

    def table(self) -> Table:
        """Return how each arm ends, and when it reaches the level."""
        out, rows = self.measured, []
        for arm, about in ARMS.items():
            cells = [spread(out[f"end.{key}.{arm}"], form=form) for key, form in ENDS.items()]
            rows.append([about.label, *cells, spread(out[f"steps.{arm}"], form=",.0f")])
        level = f"{NEARER:g} times nearer" if by_distance(self.setup) else f"{self.level:.0%} near modes"
        head = ["latents", "modes", "near modes", "KL of shares", "sliced W1", f"steps to {level}"]
        below = "Brackets: least and largest over seeds. A run that never gets there counts with all its steps."
        return table(rows, head, below=below)


ENDS = {"modes": ".1f", "good": ".2f", "kl": ".3f", "w1": ".3f"}
