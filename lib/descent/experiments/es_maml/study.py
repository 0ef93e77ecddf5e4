"""All runs of the chapter, and what its claims ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from descent.experiments.es_maml.comparison import QUERIES, Arm, Scale, arm
from descent.problems.navigation import FOUR_CORNERS, NAVIGATION, SMOOTH_NAVIGATION, best_return
from descent.tables import Table, spread, table

NAMES = {
    "mc": "Monte Carlo",
    "hc": "hill climbing",
    "none": "no adaptation",
    "maml": "exact MAML",
    "fomaml": "exact, first order",
}
NOISES = (30, 100)  # standard deviations of noise on every return
FEW = 3
CHANGED: dict[str, dict[str, Any]] = {
    "unpaired": {"paired": 0.0},
    **{f"noise {tau}": {"tau": float(tau)} for tau in NOISES},
}
ONLY_HILL_CLIMBING: dict[str, dict[str, Any]] = {
    "frozen": {"frozen": 1.0},
    "few": {"tasks": float(FEW)},
    "few frozen": {"tasks": float(FEW), "frozen": 1.0},
}


@dataclass(frozen=True, eq=False)
class Study:
    """The chapter's runs, each made when it is asked for.

    Args:
        scale: how much of everything.
    """

    scale: Scale

    @cached_property
    def navigation(self) -> dict[str, Arm]:
        """Return the arms on Navigation2D, with their variants."""
        changes: dict[str, Any] = {
            "mc": CHANGED,
            "hc": CHANGED | ONLY_HILL_CLIMBING,
            "none": {},
            "maml": {},
        }
        return {name: arm(NAVIGATION, name, self.scale, changed) for name, changed in changes.items()}

    @cached_property
    def corners(self) -> dict[str, Arm]:
        """Return the arms on Four Corners."""
        return {name: arm(FOUR_CORNERS, name, self.scale) for name in ("mc", "hc", "none")}

    @cached_property
    def smooth(self) -> dict[str, Arm]:
        """Return the arms on navigation with smooth actions."""
        return {name: arm(SMOOTH_NAVIGATION, name, self.scale) for name in ("hc", "maml", "fomaml")}

    def advantage(self, group: str) -> np.ndarray:
        """Return hill climbing minus Monte Carlo in navigation, after adaptation, by seed."""
        return self.navigation["hc"].mean(group=group) - self.navigation["mc"].mean(group=group)

    def measurements(self) -> dict[str, Any]:
        """Return what claims name."""
        nav, cor, smooth = self.navigation, self.corners, self.smooth
        found: dict[str, Any] = {}
        for place, arms in (("navigation", nav), ("corners", cor), ("smooth", smooth)):
            for name, one in arms.items():
                found[f"{place}.before.{name}"], found[f"{place}.after.{name}"] = one.mean("before"), one.mean()
                found[f"{place}.gain.{name}"] = one.gain()
        for place, arms in (("navigation", nav), ("corners", cor)):
            found[f"{place}.hc_minus_mc"] = arms["hc"].mean() - arms["mc"].mean()
            found[f"{place}.hc_minus_none"] = arms["hc"].mean() - arms["none"].mean()
        for name in ("mc", "hc"):
            found[f"navigation.pairing.{name}"] = nav[name].mean() - nav[name].mean(group="unpaired")
            requests = self.scale.length * (2 * self.scale.pairs + 1)
            found[f"cost.{name}"] = nav[name].rollouts[-1] / (requests * (QUERIES + 2))
        found["hc.violations"] = sum(arms["hc"].violations for arms in (nav, cor, smooth))
        found["mc.violations_share"] = float((nav["mc"].after[0] < nav["mc"].before[0]).mean())
        hc = nav["hc"]
        found["frozen.gap.fifty"] = hc.gap("frozen")
        found["frozen.gap.fifty_fresh"] = hc.gap("base")
        found["frozen.harm.fifty"] = hc.mean() - hc.mean(group="frozen")
        found["frozen.gap.three"] = hc.gap("few frozen", FEW)
        found["frozen.gap.three_fresh"] = hc.gap("few", FEW)
        found["noise.advantage.none"] = self.advantage("base")
        for name, tau in zip(("middle", "large"), NOISES, strict=True):
            found[f"noise.advantage.{name}"] = self.advantage(f"noise {tau}")
        found["noise.lost"] = self.advantage("base") - self.advantage(f"noise {NOISES[-1]}")
        found["navigation.hc_minus_maml"] = hc.mean() - nav["maml"].mean()
        found["navigation.untrained.hc"] = hc.watched[0, 0]
        found["navigation.trained.hc"] = hc.watched[-1, 0]
        found["tuning.at_edge"] = sum(one.at_edge for arms in (nav, cor, smooth) for one in arms.values())
        found["tuning.arms"] = sum(len(arms) for arms in (nav, cor, smooth))
        found["smooth.maml_minus_hc"] = smooth["maml"].mean() - smooth["hc"].mean()
        found["smooth.hc_minus_maml"] = smooth["hc"].mean() - smooth["maml"].mean()
        unseen = NAVIGATION.tasks(range(50, 250))
        found["smooth.best"] = float(np.mean([best_return(NAVIGATION, goal) for goal in unseen]))
        found["smooth.maml_minus_fomaml"] = smooth["maml"].mean() - smooth["fomaml"].mean()
        return found

    def table(self) -> Table:
        """Return returns on unseen tasks for all arms at their tuned settings."""
        return table(list(self._rows()), ("environment", "adaptation", "alpha or size, beta", "before", "after"))

    def _rows(self) -> Iterator[tuple[str, ...]]:
        places = (("navigation", self.navigation), ("four corners", self.corners), ("smooth navigation", self.smooth))
        for place, arms in places:
            for name, one in arms.items():
                size, rate = one.tuning.best
                setting = f"{size:.3g}, {rate:.3g}" if size else f"-, {rate:.3g}"
                yield place, NAMES[name], setting, _spread(one.mean("before")), _spread(one.mean())

    def frozen_table(self) -> Table:
        """Return returns of hill climbing on training tasks by number of tasks and noise in training."""
        hc = self.navigation["hc"]
        rows = []
        for tasks, noise, group in (
            (50, "fresh", "base"),
            (50, "frozen", "frozen"),
            (FEW, "fresh", "few"),
            (FEW, "frozen", "few frozen"),
        ):
            own = (hc.mean(what, group, tasks) for what in ("on_frozen", "on_fresh"))
            rows.append((str(tasks), noise, *map(_spread, own), _spread(hc.mean(group=group))))
        head = ("tasks", "noise in training", "own tasks, frozen", "own tasks, fresh", "unseen tasks")
        return table(rows, head)


def _spread(values: np.ndarray) -> str:
    return spread(values, form=".1f")
