"""Standard errors for any estimator, by leaving groups of observations out."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np


def delete_group_jackknife(
    estimator: Callable[[np.ndarray], np.ndarray], x: Any, groups: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate, with a standard error.

    Args:
        estimator: sample [n, ...] -> estimates, shape [...].
        x: observations, shape [n] or [n, ...], n at least twice ``groups``.
        groups: how many runs of neighbours are left out in turn. Neighbours that depend on each other (coordinates of
            one minibatch) belong in one group: give n as a multiple of groups times their number.

    Returns:
        (estimate of the whole sample, its standard error), each shaped like the estimator's result.

    Raises:
        ValueError: too few observations for so many groups.

    Source: Shao & Wu 1989: leaving out a good part of the sample, and not one observation, is what makes the jackknife
    right for quantiles too.
    """
    x = np.asarray(x)
    if groups < 2 or len(x) < 2 * groups:
        raise ValueError(f"{len(x)} observations in {groups} groups: at least 2 groups of 2 observations are needed")
    edges = np.linspace(0, len(x), groups + 1).astype(int)
    without = np.stack([estimator(np.delete(x, slice(a, b), axis=0)) for a, b in pairwise(edges)])
    spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return estimator(x), np.sqrt((groups - 1) / groups * spread)
