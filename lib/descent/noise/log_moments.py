"""Estimators of alpha from logarithms: of block sums (Mohammadi), and of the values' own spread."""

from math import isqrt
from typing import Any

import numpy as np

from descent.noise.as_columns import as_columns, log_absolute

# What the published code adds to absolute values inside the logarithms.
PUBLISHED_FLOOR = 2.2e-16


def mohammadi(x: Any, block: int | None = None, floor: float = 0.0) -> np.ndarray:
    """Estimate alpha from how fast sums grow: 1/alpha = (E log|X_1 + ... + X_K1| - E log|X|) / log K1.

    Args:
        x: observations, shape [n] or [n, ...]; columns are treated apart.
        block: K1 >= 2, how many neighbours make a sum; by default the whole part of sqrt(n).
        floor: added to absolute values inside the logarithms, as the published code does with 2.2e-16 (which hides
            zeros, at a price); at 0, a zero is an error.

    Returns:
        Estimates, shape x.shape[1:]. It is consistent where observations are independent, strictly stable and
        identically distributed; the chapter ``sgn-distributions`` shows what it reads elsewhere. Infinite where sums
        are no larger than their terms, as no stable law's are.

    Raises:
        ValueError: see ``as_columns`` and ``log_absolute``; or block is below 2 or above n.

    Departures: the published code takes the largest divisor of n up to sqrt(n) for K1 (``largest_divisor``), which is 1
    where n is prime. Here the last n mod K1 observations are left out instead.

    Source: Mohammadi, Mohammadpour & Ogata 2015, Corollary 2.4, as Simsekli et al. 2019 use it.
    """
    return _reciprocal(inverse_mohammadi(x, block, floor))


def inverse_mohammadi(x: Any, block: int | None = None, floor: float = 0.0) -> np.ndarray:
    """Return 1/alpha as ``mohammadi`` estimates it, negative values too; arguments and errors as there."""
    x = as_columns(x, fewest=4)
    block = isqrt(len(x)) if block is None else block
    if not 2 <= block <= len(x):
        raise ValueError(f"block (K1) is {block}; it must lie between 2 and the number of observations, {len(x)}")
    used = x[: len(x) // block * block]
    sums = used.reshape(-1, block, *x.shape[1:]).sum(axis=1)
    growth = log_absolute(sums, floor).mean(axis=0) - log_absolute(used, floor).mean(axis=0)
    return growth / np.log(block)


def largest_divisor(n: int) -> int:
    """Return the largest divisor of n up to sqrt(n): the published choice of K1 (1, and so useless, for a prime)."""
    return next(k for k in range(isqrt(n), 0, -1) if n % k == 0)


def log_variance(x: Any) -> np.ndarray:
    """Estimate alpha from Var log|X| = pi^2/6 (1/alpha^2 + 1/2), which holds for symmetric stable laws.

    Args:
        x: observations, shape [n] or [n, ...]; columns are treated apart.

    Returns:
        Estimates, shape x.shape[1:]; infinite where the spread is below every stable law's.

    Raises:
        ValueError: see ``as_columns`` and ``log_absolute``.

    Source: Zolotarev's moments of log|X|; as an estimator, Nikias & Shao 1995.
    """
    x = as_columns(x, fewest=4)
    spread = 6 / np.pi**2 * log_absolute(x).var(axis=0, ddof=1) - 0.5
    return _reciprocal(np.sqrt(np.maximum(spread, 0)))


def _reciprocal(inverse: np.ndarray) -> np.ndarray:
    positive = inverse > 0
    return np.where(positive, 1 / np.where(positive, inverse, 1), np.inf)
