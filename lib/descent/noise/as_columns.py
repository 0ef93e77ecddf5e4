"""Samples as columns: what every estimator of this package accepts, and the errors they share."""

from typing import Any

import numpy as np


def as_columns(x: Any, fewest: int) -> np.ndarray:
    """Return a sample as a float64 array, observations on axis 0, one or more columns behind it.

    Args:
        x: observations, shape [n] or [n, ...].
        fewest: the least n that the estimator can do with.

    Raises:
        ValueError: too few observations, NaN or infinite ones, or a column whose observations are all equal.
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim == 0 or len(x) < fewest:
        raise ValueError(f"{x.shape[0] if x.ndim else 1} observations: this estimator needs at least {fewest}")
    if not np.isfinite(x).all():
        raise ValueError(f"{int((~np.isfinite(x)).sum())} observations are NaN or infinite: drop them first")
    constant = (x == x[:1]).all(axis=0)
    if constant.any():
        raise ValueError(
            f"{_which(constant)} constant, so it has no tail index: drop it (a dead unit's gradient, for instance)"
        )
    return x


def log_absolute(x: np.ndarray, floor: float = 0.0) -> np.ndarray:
    """Return log(|x| + floor).

    Raises:
        ValueError: an x is exactly 0 and floor is 0.
    """
    size = np.abs(x) + floor
    if not size.all():
        zeros = size == 0
        raise ValueError(
            f"{int(zeros.sum())} of {zeros.size} values are exactly 0, and a stable law has none: "
            "drop the coordinates that are off, or use an estimator without logarithms (kogon_williams)"
        )
    return np.log(size)


def _which(bad: np.ndarray) -> str:
    if bad.ndim == 0:
        return "the sample is"
    where = np.flatnonzero(bad)
    return f"column {where[0]} is" if len(where) == 1 else f"{len(where)} columns (the first is {where[0]}) are each"
