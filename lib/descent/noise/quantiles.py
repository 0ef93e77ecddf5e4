"""Estimators of alpha from order statistics: McCulloch's quantile ratios, and Hill's."""

from typing import Any

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from descent.noise.as_columns import as_columns

# McCulloch 1986, table III: alpha by nu_alpha = (q95 - q05) / (q75 - q25), rows, and |nu_beta|, columns.
NU_ALPHA = np.array([2.439, 2.5, 2.6, 2.7, 2.8, 3.0, 3.2, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 25.0])
NU_BETA = np.array([0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0])
ALPHA = np.array(
    [
        [2.000, 2.000, 2.000, 2.000, 2.000, 2.000, 2.000],
        [1.916, 1.924, 1.924, 1.924, 1.924, 1.924, 1.924],
        [1.808, 1.813, 1.829, 1.829, 1.829, 1.829, 1.829],
        [1.729, 1.730, 1.737, 1.745, 1.745, 1.745, 1.745],
        [1.664, 1.663, 1.663, 1.668, 1.676, 1.676, 1.676],
        [1.563, 1.560, 1.553, 1.548, 1.547, 1.547, 1.547],
        [1.484, 1.480, 1.471, 1.460, 1.448, 1.438, 1.438],
        [1.391, 1.386, 1.378, 1.364, 1.337, 1.318, 1.318],
        [1.279, 1.273, 1.266, 1.250, 1.210, 1.184, 1.150],
        [1.128, 1.121, 1.114, 1.101, 1.067, 1.027, 0.973],
        [1.029, 1.021, 1.014, 1.004, 0.974, 0.935, 0.874],
        [0.896, 0.892, 0.884, 0.883, 0.855, 0.823, 0.769],
        [0.818, 0.812, 0.806, 0.801, 0.780, 0.756, 0.691],
        [0.698, 0.695, 0.692, 0.689, 0.676, 0.656, 0.597],
        [0.593, 0.590, 0.588, 0.586, 0.579, 0.563, 0.513],
    ]
)
_TABLE = RegularGridInterpolator((NU_ALPHA, NU_BETA), ALPHA)


def mcculloch(x: Any) -> np.ndarray:
    """Estimate alpha from how far the 5 and 95 per cent quantiles lie out, in units of the quartiles' distance.

    Args:
        x: observations, shape [n] or [n, ...]; columns are treated apart.

    Returns:
        Estimates, shape x.shape[1:], within McCulloch's table: from .513 to 2.

    Raises:
        ValueError: see ``as_columns``; or the quartiles of a column coincide.

    Source: McCulloch 1986, table III, linear between its entries.
    """
    x = as_columns(x, fewest=20)
    q05, q25, q50, q75, q95 = np.quantile(x, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0, method="hazen")
    if not np.all(q75 > q25):
        raise ValueError("the quartiles coincide: half of the observations or more are equal, so there is no scale")
    nu_alpha = np.clip((q95 - q05) / (q75 - q25), NU_ALPHA[0], NU_ALPHA[-1])
    nu_beta = np.clip(np.abs(q95 + q05 - 2 * q50) / (q95 - q05), 0, 1)
    return _TABLE(np.stack([nu_alpha, nu_beta], axis=-1)).reshape(x.shape[1:])


def hill(x: Any, fraction: float = 0.05) -> np.ndarray:
    """Estimate the tail index of |X| from its largest values: 1/alpha = mean of log(|X|_(i) / |X|_(k+1)), i <= k.

    Args:
        x: observations, shape [n] or [n, ...]; columns are treated apart.
        fraction: k/n, in (0, 1); the tail begins there.

    Returns:
        Estimates, shape x.shape[1:], with a standard error near alpha / sqrt(k) where tails are pure powers. A *tail*
        index: it need not lie below 2. On stable laws with alpha above 1.5, the tail begins far beyond any sensible k.

    Raises:
        ValueError: see ``as_columns``; or fraction leaves fewer than two values; or these begin at 0 or are all equal.

    Source: Hill 1975.
    """
    x = as_columns(x, fewest=20)
    k = int(fraction * len(x))
    if not 0 < fraction < 1 or k < 2:
        raise ValueError(f"fraction {fraction} of {len(x)} observations leaves {k} in the tail; at least 2 are needed")
    top = np.partition(np.abs(x), len(x) - k - 1, axis=0)[len(x) - k - 1 :]
    threshold, exceedances = top[0], top[1:]
    if not np.all((threshold > 0) & (exceedances.max(axis=0) > threshold)):
        raise ValueError(f"the {k} largest values begin at 0 or are all equal: there is no tail to fit")
    return 1 / np.log(exceedances / threshold).mean(axis=0)
