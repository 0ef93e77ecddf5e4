"""Decide a check, for one sample or thousands at once, at known error rates.

A check *holds* when the 95% interval lies within its bounds (an equivalence test), *fails* when an interval lies
outside, and is *open* otherwise. A claim is the conjunction of its checks:

- *reproduced* takes every check, so each may be judged at its own error rate;
- *not reproduced* takes one, so k checks share the error: the interval that must lie outside leaves at most 5%/k in
  each of its tails (that is the 95% one for up to two checks).
"""

from __future__ import annotations

import numpy as np

from descent.evidence.claims import Check
from descent.evidence.intervals import CONFIDENCE, Bounds, clopper_pearson, intervals

ERROR = 1 - CONFIDENCE  # of a wrong "not reproduced", over all checks of a claim


def states(samples: np.ndarray, check: Check, checks: int = 1) -> np.ndarray:
    """Judge one check of many samples at once.

    Args:
        samples: [samples, seeds], float64.
        check: the bounds, and whether they are of the mean or of most seeds.
        checks: how many checks the claim has, which share the error of a wrong "fails".

    Returns:
        1 where it holds, -1 where it fails, 0 where it is open, [samples].
    """
    low, high = check.region
    outer = 1 - 2 * min(ERROR / 2, ERROR / checks)
    if check.over == "most":
        inside = samples > low if check.strict else samples >= low
        inside &= samples < high if check.strict else samples <= high
        successes, seeds = inside.sum(1), samples.shape[1]
        holds = clopper_pearson(successes, seeds)[0] > 0.5
        fails = clopper_pearson(successes, seeds, outer)[1] < 0.5
    else:
        inner = intervals(samples)
        return compare(inner, inner if outer == CONFIDENCE else intervals(samples, outer), check)
    return holds.astype(int) - fails.astype(int)


def compare(inner: Bounds, outer: Bounds, check: Check) -> np.ndarray:
    """Return 1 where the inner interval lies within a check's bounds, -1 where the outer one lies without."""
    low, high = check.region
    if check.strict:
        holds, fails = (low < inner[0]) & (inner[1] < high), (outer[1] <= low) | (outer[0] >= high)
    else:
        holds, fails = (low <= inner[0]) & (inner[1] <= high), (outer[1] < low) | (outer[0] > high)
    return holds.astype(int) - fails.astype(int)
