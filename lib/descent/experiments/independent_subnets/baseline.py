"""How much of a gain over local SGD is a weak baseline's: both sides tuned over rates and regularisation, step by step.

Both sides have as many trials: two ways to scale or normalise, three regularisers, five rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent.experiments.independent_subnets.digits import Runs, Setting, Task, race
from descent.measures.selection import leave_one_out
from descent.tables import Table, spread, table

RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
PUBLISHED_RATE = 0.01  # in the released scripts, of IST and of local SGD
REGULARISERS = {
    "local": ((0.0, 1.0), (1e-3, 1.0), (0.0, 0.5)),  # (weight decay, keep)
    "ist": ((0.0, 1.0), (1e-4, 1.0), (1e-3, 1.0)),  # pieces drop units as it is
}
WAYS = {"local": ("local", "local norm"), "ist": ("norm", "ist")}
STEPS = {  # of local SGD, which IST with batch norm is held against
    "fixed": "the published rate, .01, for both",
    "rate": "each its own rate",
    "norm": "and batch norm for local SGD",
    "tuned": "and regularisers, for both",
}


def compared(task: Task, n: int, every: int, seeds: Sequence[int], seed_by_seed: bool = False) -> dict[str, Any]:
    """Return test accuracies of IST and local SGD, [seeds] each, "<step>.ist" and "<step>.local".

    Args:
        task: what is trained.
        n: workers.
        every: J.
        seeds: at least 2: each uses the setting that is best on the others' images kept for that.
        seed_by_seed: as of ``race``.
    """
    finals = {}
    for side, ways in WAYS.items():
        settings = [Setting(rate, *own) for own in REGULARISERS[side] for rate in RATES]
        for way, runs in race(task, ways, [n], [every], seeds, settings, seed_by_seed).items():
            finals[way[0]] = runs
    first = list(range(len(RATES)))  # no regulariser
    fixed = [RATES.index(PUBLISHED_RATE)]
    chosen = {
        "fixed": (_best(finals, ["norm"], fixed), _best(finals, ["local"], fixed)),
        "rate": (_best(finals, ["norm"], first), _best(finals, ["local"], first)),
        "norm": (_best(finals, ["norm"], first), _best(finals, ["local norm"], first)),
        "tuned": (_best(finals, WAYS["ist"]), _best(finals, WAYS["local"])),
    }
    return {f"{step}.{side}": pair[k] for step, pair in chosen.items() for k, side in enumerate(("ist", "local"))}


def _best(runs: dict[str, Runs], methods: Sequence[str], of: Sequence[int] | None = None) -> np.ndarray:
    """Return last test accuracies at the setting that is best for the other seeds, among some of these methods'."""
    held, test = (
        np.concatenate([getattr(runs[method], name)[-1, 0][slice(None) if of is None else of] for method in methods])
        for name in ("held", "test")
    )
    return test[leave_one_out(1 - held), np.arange(held.shape[1])]


def measurements(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Return IST minus local SGD at each step, and what is left of the first gain beyond half of it."""
    gains = {step: found[f"{step}.ist"] - found[f"{step}.local"] for step in STEPS}
    keys = {f"{name}.weak.{step}": gain for step, gain in gains.items()}
    return keys | {f"{name}.weak.beyond_half": gains["tuned"] - gains["fixed"] / 2}


def shown(found: dict[str, Any]) -> Table:
    """Return the accuracies behind ``measurements`` as a table."""
    rows = [
        [label, *(spread(found[f"{step}.{side}"], form=".3f") for side in ("ist", "local"))]
        for step, label in STEPS.items()
    ]
    return table(rows, ["", "IST", "local SGD"], below="Test accuracy. Brackets: least and largest over seeds.")
