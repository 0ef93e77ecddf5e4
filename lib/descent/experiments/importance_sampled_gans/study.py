"""One mixture, all arms: runs, and what the chapter records of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent.experiments.importance_sampled_gans import measured
from descent.experiments.importance_sampled_gans.arms import ARMS, Setup
from descent.experiments.importance_sampled_gans.measured import Gains, Run
from descent.problems.mixtures import grid, ring
from descent.tables import Table, spread, table

MIXTURES = {"ring": ring(8, 2.0, 0.2), "grid": grid(5, 1.0, 0.1)}
GAINS_OF = ("uniform", "fis", "theta", "defensive")


class Study:
    """All arms on one mixture.

    Args:
        name: of the mixture, in ``MIXTURES``.
        seeds: of lanes.
        batch, rate, steps, records, seed: of every run.
        level: share of samples near modes that counts as reached.
    """

    def __init__(
        self,
        name: str,
        seeds: Sequence[int],
        batch: int,
        rate: float,
        steps: int,
        records: int,
        seed: int,
        level: float = 0.7,
    ):
        self.setup = Setup((MIXTURES[name],), tuple(seeds), batch=batch)
        self.level, self.seed = level, seed
        self.runs = {arm: measured.run(self.setup, arm, rate, steps, records, seed) for arm in ARMS}
        self.steps = self.runs["uniform"].steps
        self.samples = {arm: measured.sample_measures(self.setup, run, seed) for arm, run in self.runs.items()}
        self.gains = Gains(self.setup)
        self.which = range(0, records + 1, 2)
        self.found = {arm: self._over_records(self.runs[arm]) for arm in GAINS_OF}
        self.measured = self._measurements()

    def _over_records(self, run: Run) -> dict[str, np.ndarray]:
        found = [self.gains.at(run, r) for r in self.which]
        return {key: np.stack([one[key] for one in found]) for key in found[0]}

    def good(self) -> dict[str, np.ndarray]:
        """Return each arm's share of samples near modes, [records + 1, seeds]."""
        return {arm: of["good"][0] for arm, of in self.samples.items()}

    def curves(self) -> dict[str, np.ndarray]:
        """Return what figure of gains shows, [records, seeds]: the uniform arm's scores, and flows' gains."""
        shown = {key: self.found["uniform"][f"exact.{key}"] for key in ("jacobian", "latent")}
        shown["ceiling"] = self.found["uniform"]["ceiling"]
        return shown | {arm: self.found[arm]["gain"] for arm in GAINS_OF[1:]}

    def _measurements(self) -> dict[str, Any]:
        """Return what claims are judged by."""
        uniform = self.found["uniform"]
        out: dict[str, Any] = {
            "ceiling.mean": np.exp(np.log(uniform["ceiling"]).mean(0)),
            "ceiling.largest": uniform["ceiling"].max(0),
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
        for key in measured.SCORES:
            out[f"score.{key}"] = np.log(uniform[f"exact.{key}"]).mean(0)
            out[f"rank.{key}"] = uniform[f"rank.{key}"].mean(0)
        for arm in GAINS_OF[1:]:
            out[f"gain.{arm}"] = np.exp(np.log(self.found[arm]["gain"]).mean(0))
            out[f"gain_end.{arm}"] = self.found[arm]["gain"][-1]
            out[f"chi2.{arm}"] = np.median(self.found[arm]["chi2"], 0)
            out[f"ess.{arm}"] = self.found[arm]["ess"].mean(0)
        reached = {arm: measured.steps_until(self.steps, good, self.level) for arm, good in self.good().items()}
        for arm, of in self.samples.items():
            out[f"steps.{arm}"] = reached[arm]
            for key, values in of.items():
                out[f"end.{key}.{arm}"] = values[0, -1]
                out[f"final.{key}.{arm}"] = values[0, -1] - self.samples["uniform"][key][0, -1]
            if arm != "uniform":
                out[f"faster.{arm}"] = np.log(reached["uniform"] / reached[arm])
        for arm in ("fis", "theta"):
            out[f"cost.{arm}"] = measured.step_cost(self.setup, arm)
            out[f"work.{arm}"] = out[f"faster.{arm}"] - np.log(out[f"cost.{arm}"])
        return out

    def seconds(self, arms: Sequence[str], steps: int = 50, rounds: int = 3) -> dict[str, float]:
        """Return each arm's seconds of a step over the first one's, on this machine: the least of some rounds."""
        simulators = {arm: self.setup.simulator(ARMS[arm], 1e-3, steps) for arm in arms}
        starts = {arm: self.setup.start(ARMS[arm]) for arm in arms}
        spent: dict[str, list[float]] = {arm: [] for arm in arms}
        for _ in range(rounds + 1):  # the first compiles
            for arm, simulator in simulators.items():
                spent[arm].append(simulator.run(starts[arm], steps, self.seed).seconds)
        least = {arm: min(times[1:]) for arm, times in spent.items()}
        return {arm: value / least[arms[0]] for arm, value in least.items()}

    def table(self) -> Table:
        """Return how each arm ends, and when it reaches the level."""
        out, rows = self.measured, []
        for arm, about in ARMS.items():
            cells = [spread(out[f"end.{key}.{arm}"], form=form) for key, form in ENDS.items()]
            rows.append([about.label, *cells, spread(out[f"steps.{arm}"], form=",.0f")])
        head = ["latents", "modes", "near modes", "KL of shares", "sliced W1", f"steps to {self.level:.0%} near modes"]
        below = "Brackets: least and largest over seeds. A run that never gets there counts with all its steps."
        return table(rows, head, below=below)


ENDS = {"modes": ".1f", "good": ".2f", "kl": ".3f", "w1": ".3f"}
