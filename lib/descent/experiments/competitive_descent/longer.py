"""The runs of the paper profile: MNIST, two modes and sixteen modes, each kept as soon as it is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent.evidence.cache import cached
from descent.experiments.competitive_descent import gans, measured
from descent.experiments.competitive_descent.overtraining import Task
from descent.problems.mixtures import grid

MNIST = {"joint": 6000, "steps": 3000, "strike": 1000, "every": 200}
RIVALS = ("SGA", "consensus", "optimistic RMSProp")
METHODS = ("ACGD", "SGA", "consensus", "extragradient", "optimistic Adam", "RMSProp")
RATES = dict.fromkeys(METHODS, (0.0003, 0.001, 0.003, 0.01))


def mnist(seeds: Sequence[int]) -> dict[str, Any]:
    """Return the measurements of overtraining on MNIST, with networks of one hidden layer of 256 units."""
    task = Task("mnist", 256, 64, 0.05, 64)

    def run():
        return {
            key: np.asarray(value)
            for key, value in measured.Overtrained(task, **MNIST, seeds=seeds).measurements("mnist").items()
        }

    return cached("overtraining-mnist", {"task": task, "sizes": MNIST, "seeds": list(seeds)}, run)


def two_modes_setting() -> gans.Setting:
    """Return the two-mode example: published depth and width, latents and minibatches a quarter of the published."""
    return gans.Setting(gans.two_modes(), (128,) * 4, 128, 64)


def modes(budget: int, seeds: Sequence[int]) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
    """Compare methods on two and on sixteen modes at equal gradient units.

    Returns:
        Measurements, and sixteen modes' measures: method -> {"modes", "sharp", "w1"}, each [rates, seeds].
    """
    rates = (3e-4, 1e-3, 3e-3)
    two = {name: _kept("two", two_modes_setting(), name, rates, budget, seeds)["modes"] for name in ("ACGD", *RIVALS)}
    sixteen_setting = gans.Setting(grid(4, 1.0, 0.05), (64,) * 4, 16, 64)
    sixteen = {name: _kept("sixteen", sixteen_setting, name, RATES[name], budget, seeds) for name in METHODS}
    best = {name: measured.chosen_by(found["w1"][None], found["w1"][None])[0] for name, found in sixteen.items()}
    rival = min((name for name in METHODS if name != "ACGD"), key=lambda name: best[name].mean())
    least = {name: np.min(found, 0) for name, found in two.items()}
    return {
        "two_modes.acgd.least": least["ACGD"],
        "two_modes.rivals.least": max((least[name] for name in RIVALS), key=np.mean),
        "sixteen.acgd_minus_best": best["ACGD"] - best[rival],
        **{f"sixteen.w1.{name.lower().replace(' ', '_')}": value for name, value in best.items()},
    }, sixteen


def _kept(
    what: str, setting: gans.Setting, name: str, rates: Sequence[float], budget: int, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    return cached(
        f"{what}-modes-{name.replace(' ', '-').lower()}",
        {"setting": setting, "rates": list(rates), "budget": budget, "seeds": list(seeds)},
        lambda: measured.tuned_alike(setting, name, rates, budget, seeds),
    )
