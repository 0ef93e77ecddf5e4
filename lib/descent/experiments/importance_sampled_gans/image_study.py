"""All arms on images: training at every rate, kept arm by arm, and what the chapter records."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from descent.evidence.cache import Arrays, cached
from descent.experiments.importance_sampled_gans import measured
from descent.experiments.importance_sampled_gans.arms import ARMS, Setup
from descent.experiments.importance_sampled_gans.image_data import ImageData, Judge
from descent.experiments.importance_sampled_gans.measured import Gains
from descent.experiments.importance_sampled_gans.study import GAINS_OF, chosen_lanes, of_gains, over_records
from descent.tables import Table, spread, table

SHOWN = 10  # samples of each lane that are kept for pictures
SAMPLES = 500
MEASURES = ("frechet", "classes", "kl", "sharp")


class ImageStudy:
    """All arms on one data set.

    Args:
        name: of the data set, as of ``load``.
        seeds: of lanes.
        rates: that every arm tries; a seed's run is at the rate that is best for the other seeds, by the logarithm of
            the Frechet distance, averaged over the training.
        batch, steps, records, seed: of every run.
        level: how many times nearer than untrained, by the Frechet distance, a generator is to come.
        width, latent: as of ``Setup``.
    """

    def __init__(
        self,
        name: str,
        seeds: Sequence[int],
        rates: Sequence[float],
        batch: int,
        steps: int,
        records: int,
        seed: int,
        level: float,
        width: int = 64,
        latent: int = 8,
    ):
        self.name, self.level, self.records, self.seed = name, level, records, seed
        self.data = ImageData(name)
        self.setup = Setup(self.data, tuple(seeds), tuple(rates), latent, width, batch)
        self.which = range(0, records + 1, 2)
        self.kept: dict[str, Arrays] = {}
        self.rates: dict[str, np.ndarray] = {}
        for arm in ARMS:
            found = self.piece(arm, steps)
            scores = np.log(found["frechet"]).mean(0)
            lanes, best = chosen_lanes(scores.reshape(len(rates), -1))
            self.kept[arm] = {k: v[..., lanes] for k, v in found.items() if k not in ("steps", "seconds")}
            self.kept[arm] |= {k: found[k] for k in ("steps", "seconds")}
            self.rates[arm] = np.array(rates)[best]
        self.steps = self.kept["uniform"]["steps"]
        self.start = float(np.exp(np.log(self.kept["uniform"]["frechet"][0]).mean()))
        self.measured = self._measurements()

    @cached_property
    def judge(self) -> Judge:
        """The classifier, trained when it is first asked for."""
        return Judge(self.data)

    @cached_property
    def gains(self) -> Gains:
        """What is gained, in all lanes."""
        return Gains(self.setup)

    def piece(self, arm: str, steps: int) -> Arrays:
        """Train one arm in all lanes, or return what was kept of it: arrays whose last axis is lanes."""

        def compute() -> Arrays:
            run = measured.run(self.setup, arm, steps, self.records, self.seed, SAMPLES)
            out = self.judge.measures(run.samples)
            if arm in GAINS_OF:
                out |= {f"gains {k}": v for k, v in over_records(self.gains, run, self.which).items()}
            if arm == "fis_unweighted":
                out["bias"] = self.gains.bias(run, -1)
            out["shown"] = np.moveaxis(run.samples[-1, :, :SHOWN], 0, -1)
            return out | {"steps": run.steps, "seconds": np.array(run.seconds)}

        depends = {"setup": self.setup, "arm": ARMS[arm], "steps": steps, "records": self.records, "seed": self.seed}
        return cached(f"latents-{self.name}-{arm}", depends, compute)

    def frechet(self) -> dict[str, np.ndarray]:
        """Return each arm's Frechet distance, [records + 1, seeds]."""
        return {arm: kept["frechet"] for arm, kept in self.kept.items()}

    def found(self) -> dict[str, dict[str, np.ndarray]]:
        """Return gains over the training, arm -> name -> [records, seeds]."""
        return {
            arm: {k.removeprefix("gains "): v for k, v in self.kept[arm].items() if k.startswith("gains ")}
            for arm in GAINS_OF
        }

    def curves(self) -> dict[str, np.ndarray]:
        """Return what the figure of gains shows, [records, seeds]."""
        found = self.found()
        shown = {key: found["uniform"][f"exact.{key}"] for key in ("jacobian", "latent")}
        shown["ceiling"] = found["uniform"]["ceiling"]
        return shown | {arm: found[arm]["gain"] for arm in GAINS_OF[1:]}

    def _measurements(self) -> dict[str, Any]:
        out: dict[str, Any] = of_gains(self.found())
        out["bias.fis_unweighted"] = self.kept["fis_unweighted"]["bias"]
        out["judge.accuracy"] = self.judge.accuracy
        out["judge.real"] = float(self.judge.of_real["frechet"])
        logs = {arm: np.log(values) for arm, values in self.frechet().items()}
        uniform = logs["uniform"]
        for arm, log in logs.items():
            reached = measured.steps_until(self.steps, (log[0] - log), np.log(self.level))
            out[f"steps.{arm}"] = reached
            out[f"rate.{arm}"] = self.rates[arm]
            for key in MEASURES:
                out[f"end.{key}.{arm}"] = self.kept[arm][key][-1]
            if arm == "uniform":
                continue
            cost = measured.step_cost(self.setup, arm)
            at_work = np.array([np.interp(self.steps[-1] / cost, self.steps, one) for one in log.T])
            out[f"cost.{arm}"] = cost
            out[f"faster.{arm}"] = np.log(out["steps.uniform"] / reached)
            out[f"nearer.{arm}"] = uniform[-1] - log[-1]
            out[f"nearer_at_work.{arm}"] = uniform[-1] - at_work
            for key in ("classes", "kl"):
                out[f"final.{key}.{arm}"] = self.kept[arm][key][-1] - self.kept["uniform"][key][-1]
        return out

    def seconds(self) -> dict[str, float]:
        """Return each arm's seconds of a step over the uniform arm's, on the machine that trained them."""
        return {arm: float(kept["seconds"] / self.kept["uniform"]["seconds"]) for arm, kept in self.kept.items()}

    def table(self) -> Table:
        """Return how each arm ends, and when it reaches the level."""
        out, rows = self.measured, []
        for arm, about in ARMS.items():
            cells = [spread(out[f"end.{key}.{arm}"], form=form) for key, form in ENDS.items()]
            rows.append([about.label, *cells, spread(out[f"steps.{arm}"], form=",.0f")])
        real = self.judge.of_real
        rows.append([f"{SAMPLES} real images", *(format(float(real[key]), form) for key, form in ENDS.items()), ""])
        head = ["latents", "Fréchet", "classes", "KL of shares", "steps to the level"]
        below = f"The level: {self.level:g} times nearer than at the start. Brackets: least and largest over seeds."
        return table(rows, head, below=below)


ENDS = {"frechet": ".2f", "classes": ".1f", "kl": ".3f"}
