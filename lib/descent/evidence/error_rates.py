"""How often verdicts err, by simulation: the tests hold them to bounds, and a page of the book draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from descent.evidence.claims import Check
from descent.evidence.decisions import compare
from descent.evidence.intervals import Bounds, intervals

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]

SEEDS = (3, 5, 8, 16, 32)
# Of mean 0 and standard deviation 1 each.
LAWS: Mapping[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "skewed": lambda rng, shape: rng.exponential(size=shape) - 1.0,
    "two-point": lambda rng, shape: rng.choice([-1.0, 1.0], size=shape),
}


class Wrong(NamedTuple):
    """Shares of claims "the mean is 0, within a tolerance" that are judged wrongly.

    Args:
        denied: *not reproduced*, where the mean is 0.
        denied_at_the_edge: the same, where the mean lies just within the tolerance; the worse of the two sides.
        borne_out: *reproduced*, where the mean lies at twice the tolerance; the worse of the two sides.
        open_at_claim: *undecided*, where the mean is 0: the price.
    """

    denied: float
    denied_at_the_edge: float
    borne_out: float
    open_at_claim: float


def simulated(seeds: int, law: str, claims: int = 2000, seed: int = 16) -> Bounds:
    """Return the intervals of that many simulated claims' measurements, whose mean is 0 in truth.

    Args:
        seeds: values per claim.
        law: a key of ``LAWS``.
        claims: how many.
        seed: of the draws.
    """
    return intervals(LAWS[law](np.random.default_rng([seed, seeds]), (claims, seeds)))


def coverage(bounds: Bounds) -> float:
    """Return the share of intervals that hold 0."""
    return float(np.mean((bounds[0] <= 0.0) & (bounds[1] >= 0.0)))


def wrong(bounds: Bounds, tolerance: float) -> Wrong:
    """Return how often claims are judged wrongly.

    Args:
        bounds: intervals of measurements whose mean is 0. Those of a mean elsewhere are these, moved.
        tolerance: of the claims, in standard deviations of the draws.
    """
    check = Check(
        measurement="simulated", label="simulated", comparison="close", expected=0.0, tolerance=tolerance, reason="none"
    )
    at = {}
    for shift in (-2.0, -1.0, 0.0, 1.0, 2.0):
        moved = bounds[0] + shift * tolerance, bounds[1] + shift * tolerance
        at[shift] = compare(moved, moved, check)
    return Wrong(
        float(np.mean(at[0.0] < 0)),
        float(max(np.mean(at[shift] < 0) for shift in (-1.0, 1.0))),
        float(max(np.mean(at[shift] > 0) for shift in (-2.0, 2.0))),
        float(np.mean(at[0.0] == 0)),
    )
