"""What so many seeds can see: the smallest departure they would notice, and how many more would settle an open check.

"Notice" is: with the probability ``POWER``, the 95% interval keeps clear of the bound. Draws are taken to be normal, of
the spread that was seen; then the distance of the mean from the bound in standard errors follows the noncentral t.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from functools import cache

from scipy import stats
from scipy.optimize import brentq

from descent.evidence.intervals import CONFIDENCE, clopper_pearson

POWER = 0.8
MOST_SEEDS = 1000  # beyond it, "about n more seeds" says nothing of use
TAIL = (1 - CONFIDENCE) / 2


def detectable(deviation: float, seeds: int) -> float:
    """Return the smallest departure of a mean from a bound that so many seeds would notice.

    Args:
        deviation: standard deviation over seeds, in the measurement's unit.
        seeds: at least two.
    """
    return deviation * _noncentrality(seeds) / math.sqrt(seeds)


def seeds_needed(departure: float, deviation: float) -> int | None:
    """Return the fewest seeds that would notice a departure; None if it takes more than ``MOST_SEEDS``.

    Args:
        departure: of the mean from the nearest bound.
        deviation: standard deviation over seeds.
    """
    return _first(lambda seeds: detectable(deviation, seeds) <= departure)


def detectable_share(seeds: int) -> float | None:
    """Return the smallest departure of a share from one half that so many seeds would notice; None if none would be.

    Source: the power of Clopper and Pearson's interval, by the binomial distribution.
    """
    fewest = _fewest_for_most(seeds)
    if fewest is None:
        return None
    return float(brentq(lambda share: stats.binom.sf(fewest - 1, seeds, share) - POWER, 0.5, 1.0)) - 0.5


def seeds_needed_for_most(successes: int, seeds: int) -> int | None:
    """Return the fewest seeds that would show a share as large (or as small) as the one seen to be more than half.

    Args:
        successes: how many seeds did.
        seeds: how many there were.
    """
    larger = max(successes, seeds - successes)

    def tells(count: int) -> bool:
        fewest = _fewest_for_most(count)
        return fewest is not None and fewest <= larger * count // seeds

    return _first(tells)


def _first(enough: Callable[[int], bool]) -> int | None:
    """Return the smallest count from two on that is enough, if what is enough stays so."""
    counts = range(2, MOST_SEEDS + 1)
    first = bisect_left(counts, True, key=enough)
    return counts[first] if first < len(counts) else None


@cache
def _fewest_for_most(seeds: int) -> int | None:
    """Return the fewest successes whose interval lies above one half."""
    return next((k for k in range(seeds + 1) if clopper_pearson(k, seeds)[0] > 0.5), None)


@cache
def _noncentrality(seeds: int) -> float:
    """Return the mean's distance from the bound, in standard errors, that is noticed with probability ``POWER``."""
    freedom = seeds - 1
    critical = stats.t.ppf(1 - TAIL, freedom)
    return float(brentq(lambda distance: stats.nct.sf(critical, freedom, distance) - POWER, 0.0, 10.0 * critical))
