"""Exponents, read off values at horizons that double."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Slope(NamedTuple):
    """A least-squares slope of log value against log T, and the interval of slopes between neighbouring T."""

    fitted: float
    low: float
    high: float


def slope(horizons: Sequence[int], values: Sequence[float] | np.ndarray, first: int = 1) -> Slope:
    """Fit a power of T.

    Args:
        horizons: T, increasing.
        values: positive, as many.
        first: smaller T are left out, as long as three are left.
    """
    kept = min(int(np.searchsorted(horizons, first)), len(horizons) - 3)
    x, y = np.log(horizons[max(kept, 0) :]), np.log(values[max(kept, 0) :])
    local = np.diff(y) / np.diff(x)
    return Slope(float(np.polyfit(x, y, 1)[0]), float(local.min()), float(local.max()))
