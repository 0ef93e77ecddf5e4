r"""What Mohammadi's estimator reads on data whose index is 2: closed forms, for testing the estimator, not the data.

On any zero-mean Gaussian vector, E log|Y| - E log|X| is a difference of logarithms of standard deviations, so

    1/alpha-hat -> 1/2 + E/log K1,      E = 1/2 <log Var(block sum)> - 1/2 <log Var(term)> - 1/2 log K1,

with means over blocks and terms. E = 0 for equal scales and no correlation. Everything else that follows is a case of
it, or of the same count for a mean that is not 0 and for zeros.
"""

from typing import Any

import numpy as np
from scipy.special import digamma
from scipy.stats import poisson

# E log|Z| for a standard normal Z: (log 2 + digamma(1/2)) / 2 = -0.635...
LOG_NORMAL_MEAN = (np.log(2) + digamma(0.5)) / 2


def dispersion(scales: Any) -> float:
    """Return D = 1/2 log E s^2 - E log s >= 0, which is 0 only where all scales are equal.

    Args:
        scales: positive standard deviations, any shape.
    """
    scales = np.asarray(scales, dtype=float)
    return float(0.5 * np.log(np.mean(scales**2)) - np.mean(np.log(scales)))


def scale_mixture_reading(scales: Any, block: int) -> float:
    """Return the estimator's limit on X_i = s_i Z_i, Z Gaussian, scales well mixed inside blocks: 1/2 + D/log K1.

    Args:
        scales: the standard deviations s_i.
        block: K1.
    """
    return _reading(dispersion(scales), block)


def blocks_reading(variances: Any, block: int) -> float:
    """Return the estimator's mean reading on independent Gaussians, exactly, in the blocks that they stand in.

    Args:
        variances: s_i^2 > 0, in the sample's order, shape [n]; the last n mod K1 are left out.
        block: K1.
    """
    variances = np.asarray(variances, dtype=float)
    used = variances[: len(variances) // block * block].reshape(-1, block)
    return _reading(0.5 * np.log(used.mean(axis=1)).mean() - 0.5 * np.log(used).mean(), block)


def correlated_reading(variance_ratio: float, block: int) -> float:
    """Return the estimator's limit on correlated Gaussian terms of equal scale.

    Args:
        variance_ratio: Var(block sum) / (K1 Var(term)): 1 without correlation, 1 + (K1 - 1) rho with an equal one.
        block: K1.
    """
    return _reading(0.5 * np.log(variance_ratio), block)


def shifted_reading(mean: float, block: int) -> float:
    """Return the estimator's limit on independent N(mean, 1) terms, whose sums are N(K1 mean, K1)."""
    return _reading(log_normal_mean(np.sqrt(block) * mean) - log_normal_mean(mean), block)


def zeros_reading(fraction: float, floor: float, block: int) -> float:
    """Return the estimator's limit on independent standard normal terms of which some are exactly 0.

    Args:
        fraction: share of zeros, in [0, 1).
        floor: what is added inside the logarithms; each zero counts log(floor).
        block: K1, large enough that no block is all zeros and its number of zeros is near ``fraction`` K1.
    """
    return _reading(0.5 * np.log(1 - fraction) + fraction * (LOG_NORMAL_MEAN - np.log(floor)), block)


def log_normal_mean(mean: float) -> float:
    """Return E log|Z + mean|, Z standard normal.

    Source: (Z + m)^2 is chi-square with 1 + 2J degrees of freedom, J Poisson of mean m^2/2; E log chi^2_k = log 2 +
    digamma(k/2).
    """
    rate = mean**2 / 2
    width = 12 * np.sqrt(rate) + 40  # the Poisson weights outside are below 1e-15
    j = np.arange(max(0, int(rate - width)), int(rate + width) + 1)
    return float(0.5 * (np.log(2) + poisson.pmf(j, rate) @ digamma(0.5 + j)))


def _reading(excess: float, block: int) -> float:
    return float(1 / (0.5 + excess / np.log(block)))
