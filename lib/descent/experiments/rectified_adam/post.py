"""An audit of the post's twelve pairs: which of its differences are differences, and what schedule its RAdam had.

``post.json`` holds what the post prints, transcribed: the accuracy that its text quotes, and of each printed report the
row "micro avg" (which is the accuracy), the weighted precision and the recall of each class.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
from scipy import stats

from descent.evidence.power import seeds_needed
from descent.quiet import tf
from descent.tables import Table, table

ROUNDING = 0.01 / np.sqrt(12)  # standard deviation of a number's rounding to two decimals


@dataclass(frozen=True)
class Pair:
    """One network on one data set, trained with both rules.

    Args:
        data: name of the data set.
        network: name of the network.
        quoted: what the text calls accuracy, Adam's and RAdam's.
        accuracy: "micro avg" of the report, to two decimals.
        precision: weighted precision of the report.
        rebuilt: accuracy from the recall of all classes, or None where the post leaves classes out.
        rounding: standard deviation that rounding gives to each rebuilt accuracy.
        tested: images.
    """

    data: str
    network: str
    quoted: tuple[float, float]
    accuracy: tuple[float, float]
    precision: tuple[float, float]
    rebuilt: tuple[float, float] | None
    rounding: float
    tested: int

    @property
    def best(self) -> tuple[float, float]:
        """Return the accuracies as precisely as the post allows."""
        return self.rebuilt or self.accuracy

    @property
    def sampling(self) -> float:
        """Return the standard error of Adam minus RAdam that comes from the choice of test images, taken apart."""
        return float(np.sqrt(sum(p * (1 - p) / self.tested for p in self.best)))

    @property
    def z(self) -> float:
        """Return Adam minus RAdam in standard errors of sampling alone."""
        adam, radam = self.best
        return (adam - radam) / self.sampling


@dataclass(frozen=True)
class Audit:
    """The twelve pairs, and the schedules' settings."""

    pairs: Sequence[Pair]
    settings: dict[str, Any]

    def score(self, which: str) -> tuple[int, int, int]:
        """Count the pairs in which Adam's number is larger, RAdam's is, and neither; which: "quoted" or "accuracy"."""
        signs = np.array([np.sign(getattr(pair, which)[0] - getattr(pair, which)[1]) for pair in self.pairs])
        return int((signs > 0).sum()), int((signs < 0).sum()), int((signs == 0).sum())

    def sign_test(self, which: str) -> float:
        """Return the two-sided p-value of that score, ties left out."""
        adam, radam, _ = self.score(which)
        return float(stats.binomtest(adam, adam + radam).pvalue)

    def measurements(self) -> dict[str, float]:
        """Return what claims ask for."""
        found: dict[str, float] = {}
        for which in ("quoted", "accuracy"):
            for name, count in zip(("adam", "radam", "ties"), self.score(which), strict=True):
                found[f"post.{which}.{name}"] = count
            found[f"post.{which}.p"] = self.sign_test(which)
        quotes = [(pair.quoted[k], pair.precision[k]) for pair in self.pairs for k in (0, 1)]
        found["post.quotes_that_are_precision"] = sum(a == b for a, b in quotes)
        found["post.quotes_that_are_not_accuracy"] = sum(
            pair.quoted[k] != pair.accuracy[k] for pair in self.pairs for k in (0, 1)
        )
        rebuilt = [pair for pair in self.pairs if pair.rebuilt]
        found["post.rebuilt"] = len(rebuilt)
        found["post.beyond_sampling"] = sum(abs(pair.z) > 2.5 for pair in rebuilt)
        errors = [pair.best[k] - pair.accuracy[k] for pair in rebuilt for k in (0, 1)]
        found["post.rebuilding_error"] = float(np.max(np.abs(errors)))
        for data in ("MNIST", "CIFAR-10"):
            schedule = self.schedule(data)
            key = data.lower().replace("-", "")
            found[f"post.{key}.rate_ratio"] = 1 / float(schedule.mean)
            found[f"post.{key}.share_at_floor"] = schedule.share_at_floor
        return found

    def schedule(self, data: str) -> PostSchedule:
        """Return the schedule that RAdam had on a data set."""
        s = self.settings
        steps = s["epochs"] * (s["train"][data] // s["batch"])
        warm = round(s["warmup_proportion"] * s["total_steps"])
        return PostSchedule(steps, warm, s["total_steps"], s["min_lr"] / s["learning_rate"])

    def table(self) -> Table:
        """Return the twelve pairs as a table."""
        rows = []
        for pair in self.pairs:
            quoted, true = ("/".join(f"{x:.2f}"[1:] for x in two) for two in (pair.quoted, pair.accuracy))
            rebuilt = "/".join(f"{x:.4f}"[1:] for x in pair.rebuilt) if pair.rebuilt else "classes left out"
            rows.append([f"{pair.data}, {pair.network}", quoted, true, rebuilt, f"{pair.z:+.1f}"])
        head = ["", "quoted", "accuracy", "rebuilt", "z, sampling alone"]
        return table(rows, head, below="Each cell: Adam/RAdam. z of the last three rows is from two decimals.")

    def seeds(self, ratio: float) -> list[tuple[str, float, int | None]]:
        """Return how many seeds each pair would need, as (name, difference, seeds).

        Args:
            ratio: standard deviation of a difference over seeds, in units of ``Pair.sampling``.

        Returns:
            seeds: so many that a difference of the size that the post shows is noticed four times in five, by a
            two-sided t test at 5%; None where it is no difference or needs more than ``seeds_needed`` will count.
        """
        rows = []
        for pair in self.pairs:
            difference = abs(pair.best[0] - pair.best[1])
            count = seeds_needed(difference, ratio * pair.sampling) if difference > 0 else None
            rows.append((f"{pair.data}, {pair.network}", pair.best[0] - pair.best[1], count))
        return rows

    def seeds_table(self, ratio: float) -> Table:
        """Return ``seeds`` as a table, for scatter over seeds of ratio and of twice that."""
        rows = [
            [name, f"{difference:+.4f}", *(count or "more than 1,000" for count in counts)]
            for (name, difference, first), (_, _, second) in zip(self.seeds(ratio), self.seeds(2 * ratio), strict=True)
            for counts in [(first, second)]
        ]
        return table(rows, ["", "Adam − RAdam", "seeds needed", "if seeds scatter twice as much"])


@dataclass(frozen=True)
class PostSchedule:
    """A line up from 0, a line down to the floor, and the floor for the rest; as a factor on the rate.

    Args:
        steps: of the whole run.
        warm: steps of the line up.
        decayed: the step at which the floor is reached.
        floor: the factor from there on.
    """

    steps: int
    warm: float
    decayed: float
    floor: float

    def __call__(self, t: Any) -> tf.Tensor:
        """Return the factor of the t-th step, t = 1, 2, ..., in float64."""
        t = tf.cast(t, tf.float64)
        up = t / self.warm
        down = 1 - (1 - self.floor) * (t - self.warm) / (self.decayed - self.warm)
        return tf.maximum(tf.minimum(up, down), tf.where(t > self.warm, tf.constant(self.floor, t.dtype), 0))

    @property
    def mean(self) -> float:
        """Return the mean factor over the run."""
        return float(tf.reduce_mean(self(np.arange(1, self.steps + 1))))

    @property
    def share_at_floor(self) -> float:
        """Return the share of the run that is spent at the floor."""
        return 1 - self.decayed / self.steps

    def scaled(self, steps: int) -> PostSchedule:
        """Return the schedule of a run of another length, of the same shape."""
        factor = steps / self.steps
        return PostSchedule(steps, factor * self.warm, factor * self.decayed, self.floor)


def read_post() -> Audit:
    """Read the transcribed facts."""
    kept = json.loads((files("descent.experiments.rectified_adam") / "post.json").read_text())
    pairs = []
    for entry in kept["pairs"]:
        support = np.array(kept["support"].get(entry["data"], [kept["tested"]]))
        adam, radam = entry["adam"], entry["radam"]
        weights = support / support.sum()
        rebuilt = None
        if adam["recall"]:
            rebuilt = float(weights @ adam["recall"]), float(weights @ radam["recall"])
        pairs.append(
            Pair(
                data=entry["data"],
                network=entry["network"],
                quoted=(adam["quoted"], radam["quoted"]),
                accuracy=(adam["accuracy"], radam["accuracy"]),
                precision=(adam["precision"], radam["precision"]),
                rebuilt=rebuilt,
                rounding=float(ROUNDING * np.sqrt((weights**2).sum())),
                tested=kept["tested"],
            )
        )
    return Audit(pairs, kept["source"]["settings"])
