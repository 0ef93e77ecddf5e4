"""The best mixture of at most k components, by looking at every support: what any other method can be held to."""

from __future__ import annotations

from itertools import combinations

import numpy as np

MOST = 16  # components: 65,536 supports


def best_subsets(gram: np.ndarray, moment: np.ndarray, square: float) -> np.ndarray:
    """Return the least mean square error of mixtures of at most k components, for k = 1 ... n, shape [n].

    The error is a^T G a - 2 a^T c + q over shares a, non-negative with sum 1. On each support the least squares with
    sum 1 are solved exactly; a solution with a negative share is no mixture, and the mixture that beats it has a
    smaller support, which is looked at as well.

    Args:
        gram: G = X^T X / N, shape [n, n], positive definite.
        moment: c = X^T y / N, shape [n].
        square: q = mean of y^2.

    Raises:
        ValueError: there are more than 16 components.
    """
    n = len(moment)
    if n > MOST:
        raise ValueError(f"{n} components have {2**n:,} supports: look at {MOST} components at most")
    found = np.empty(n)
    for k in range(1, n + 1):
        rows = np.array(list(combinations(range(n), k)))
        system = np.zeros((len(rows), k + 1, k + 1))
        system[:, :k, :k] = 2 * gram[rows[:, :, None], rows[:, None, :]]
        system[:, :k, k] = system[:, k, :k] = 1
        right = np.ones((len(rows), k + 1, 1))
        right[:, :k, 0] = 2 * moment[rows]
        a = np.linalg.solve(system, right)[:, :k, 0]
        error = square - 2 * np.sum(a * moment[rows], 1)
        error += np.einsum("ri,rij,rj->r", a, gram[rows[:, :, None], rows[:, None, :]], a)
        found[k - 1] = np.where((a >= 0).all(1), error, np.inf).min()
    return np.minimum.accumulate(found)
