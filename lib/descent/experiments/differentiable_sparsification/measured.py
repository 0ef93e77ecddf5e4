"""What is measured of runs: which components were found, accuracy at equal sparsity, and how zeros come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from descent.experiments.differentiable_sparsification import mixture, network
from descent.experiments.differentiable_sparsification.mixture import Data, Paths, errors
from descent.experiments.differentiable_sparsification.network import Ends
from descent.experiments.differentiable_sparsification.subsets import best_subsets
from descent.measures.selection import leave_one_out
from descent.tables import Table, spread, table


def f1(weights: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return 2 hits / (found + true) of components that are not exactly 0, over the last axis."""
    found = weights != 0.0
    hits = (found & (truth != 0)).sum(-1)
    return 2 * hits / (found.sum(-1) + (truth != 0).sum())


def chosen(paths: Paths, data: Data) -> np.ndarray:
    """Return each seed's weights at the setting with the least held error on the other seeds, [seeds, n]."""
    scores = paths.held_error(data)
    which = leave_one_out(np.where(np.isfinite(scores), scores, 1e9))
    return paths.ends[which, np.arange(len(which))]


def mixture_measurements(runs: Mapping[str, Paths], data: Data) -> dict[str, Any]:
    """Return, per method, zeros, F1 and the error on held examples at the chosen penalty, shape [seeds] each."""
    found: dict[str, Any] = {}
    for name, paths in runs.items():
        best = chosen(paths, data)
        found[f"mixture.{name}.zeros"] = (best == 0.0).mean(1)
        found[f"mixture.{name}.f1"] = f1(best, data.truth)
        found[f"mixture.{name}.error"] = errors(best, data.held)
        found[f"mixture.{name}.broken"] = float(np.isnan(paths.ends).any(-1).sum())
        found[f"mixture.{name}.perfect"] = (f1(paths.ends, data.truth) == 1.0).mean(0)  # of the path's penalties
    return found


def mixture_table(runs: Mapping[str, Paths], data: Data) -> Table:
    """Return what each method finds at the penalty that it chooses, and on its whole path."""
    rows = []
    for name, paths in runs.items():
        best = chosen(paths, data)
        rows.append(
            [
                mixture.METHODS[name].label,
                spread((best != 0.0).sum(1), form=".1f"),
                spread(f1(best, data.truth)),
                spread(errors(best, data.held), form=".4f"),
                f"{(f1(paths.ends, data.truth) == 1.0).mean():.0%}",
            ]
        )
    head = ["", "components kept", "F1", "error on held examples", "path with F1 = 1"]
    return table(rows, head, below="Five components are true. Brackets: least and largest over seeds.")


def tau_table(trained: Paths, held: Paths, alone: Paths, data: Data) -> Table:
    """Return what a trained threshold, one held at its first value, and a path of them without penalty come to."""
    rows = []
    kinds = {"trained, path of penalties": trained, "held, path of penalties": held, "path of thresholds alone": alone}
    for name, paths in kinds.items():
        best = chosen(paths, data)
        rows.append([name, spread(f1(best, data.truth)), spread(errors(best, data.held), form=".4f")])
    return table(rows, ["threshold", "F1", "error on held examples"], below="Brackets: least and largest over seeds.")


def over_best_subset(paths: Paths, data: Data) -> np.ndarray:
    """Return the training error at the chosen penalty over that of the best mixture of that size, minus 1, [seeds]."""
    best = chosen(paths, data)
    own = errors(best, (data.gram, data.moment, data.square))
    least = [best_subsets(*moments) for moments in zip(data.gram, data.moment, data.square, strict=True)]
    sizes = (best != 0.0).sum(1)
    return own / np.array([least[k][size - 1] for k, size in enumerate(sizes)]) - 1


def revived(sizes: np.ndarray) -> np.ndarray:
    """Return how many of the gates that were ever 0 were not 0 at a later record, as a share, shape [seeds].

    Args:
        sizes: at records, shape [records, settings, seeds, m].
    """
    dead = sizes == 0.0
    ever = np.logical_or.accumulate(dead, axis=0)
    back = (ever[:-1] & ~dead[1:]).any(0)
    died = dead.any(0).sum((0, 2))
    return np.where(died > 0, back.sum((0, 2)) / np.maximum(died, 1), 0.0)


def chosen_early(sizes: np.ndarray, part: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of the final support was already the largest gates after a part of the training.

    Args:
        sizes: at records, shape [records, settings, seeds, m].
        part: of the training.

    Returns:
        Means over settings, shape [seeds]: the share of the k final survivors that were among the k largest then; and
        k / m, which chance would give. Settings that end without a zero, or with nothing else, are left out.
    """
    early, last = sizes[round(part * (len(sizes) - 1))], sizes[-1]
    m = last.shape[-1]
    k = (last != 0.0).sum(-1)
    rank = (-early).argsort(-1, kind="stable").argsort(-1)
    shared = ((rank < k[..., None]) & (last != 0.0)).sum(-1) / np.maximum(k, 1)
    counts = (k > 0) & (k < m) & np.isfinite(last).all(-1)
    weight = counts / np.maximum(counts.sum(0), 1)
    return (shared * weight).sum(0), (k / m * weight).sum(0)


def at_sparsity(ends: Ends, share: float) -> np.ndarray | None:
    """Return the test accuracy with at least this share of zeros, [seeds], or None if no setting has so many.

    For each seed the setting is chosen by the others: of those with enough zeros, on average, the one that is most
    accurate on images kept for that.
    """
    seeds = ends.held.shape[1]
    found = np.empty(seeds)
    for k in range(seeds):
        others = np.arange(seeds) != k
        enough = ends.zeros[:, others].mean(1) >= share
        if not enough.any():
            return None
        found[k] = ends.test[np.where(enough, ends.held[:, others].mean(1), -1.0).argmax(), k]
    return found


@dataclass(frozen=True, eq=False)
class Race:
    """All methods on one task.

    Args:
        key: begins the names of measurements.
        ends: method -> what it reached; "dense" is without zeros.
        shares: of zeros at which methods are compared.
    """

    key: str
    ends: Mapping[str, Ends]
    shares: Sequence[float] = (0.5, 0.75)

    def dense(self) -> np.ndarray:
        """Return the test accuracy without gates, at the rate that is best on the other seeds, shape [seeds]."""
        ends = self.ends["dense"]
        return ends.test[leave_one_out(1 - ends.held), np.arange(ends.test.shape[1])]

    def measurements(self) -> dict[str, Any]:
        """Return accuracies at equal sparsity, their differences from the threshold's, and how zeros come and go."""
        found: dict[str, Any] = {f"{self.key}.dense": self.dense()}
        for share in self.shares:
            name = f"{self.key}.at_{round(100 * share)}"
            reached = {method: at_sparsity(ends, share) for method, ends in self.ends.items()}
            ours = reached["threshold"]
            for method, accuracy in reached.items():
                if accuracy is not None:
                    found[f"{name}.{method}"] = accuracy
                    if ours is not None and method != "threshold":
                        found[f"{name}.threshold_minus.{method}"] = ours - accuracy
            if ours is not None:
                found[f"{name}.threshold_minus.dense"] = ours - self.dense()
        for method in ("threshold", "surrogate", "sparsemax", "proximal"):
            if method in self.ends:
                sizes = self.ends[method].sizes
                found[f"{self.key}.revived.{method}"] = revived(sizes)
                found[f"{self.key}.early.{method}"], found[f"{self.key}.chance.{method}"] = chosen_early(sizes)
        return found

    def table(self, title: str = "") -> Table:
        """Return test accuracies at equal sparsity, mean and range over seeds; the title heads the first column."""
        rows = [["no gates", spread(self.dense(), form=".3f"), *[""] * (len(self.shares) - 1)]]
        for method, ends in self.ends.items():
            if method != "dense":
                cells = [at_sparsity(ends, share) for share in self.shares]
                label = network.LABELS[method]
                rows.append([label, *("never" if x is None else spread(x, form=".3f") for x in cells)])
        head = [title, *(f"accuracy, at least {share:.0%} zeros" for share in self.shares)]
        below = "Brackets: least and largest over seeds. The first row has no zeros. “never”: no setting has so many."
        return table(rows, head, below=below)


def returns_table(races: Mapping[str, Race]) -> Table:
    """Return how often zeros come back, and how early survivors are chosen, by task and method."""
    rows = []
    for title, race in races.items():
        for method in ("threshold", "surrogate", "sparsemax"):
            if method not in race.ends:
                continue
            sizes = race.ends[method].sizes
            early, chance = chosen_early(sizes)
            cells = [spread(values, form=".0%") for values in (revived(sizes), early)]
            rows.append([title, network.LABELS[method], *cells, f"{chance.mean():.0%}"])
    head = ["gates on", "", "zeros that come back", "survivors among the largest early", "by chance"]
    return table(rows, head, below="Early: after a tenth of the training. Brackets: least and largest over seeds.")
