"""One sample of gradient noise, read by the published protocol and by sound ones, beside Gaussian stand-ins."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import normaltest

from descent.experiments.sgn_distributions.decomposition import Anatomy, anatomy
from descent.noise.log_moments import PUBLISHED_FLOOR, largest_divisor, mohammadi
from descent.noise.spectral import kogon_williams
from descent.noise.surrogates import gaussian_surrogate


def published(noise: Any) -> float:
    """Return the published reading of a sample of vectors: pooled, vector after vector, zeros and all.

    Args:
        noise: a sample, shape [vectors, coordinates].

    Source: Simsekli et al. 2019's ``main.py``; K1 is the largest divisor of the sample size up to its square root.
    """
    pooled = np.asarray(noise).reshape(-1)
    return float(mohammadi(pooled, largest_divisor(len(pooled)), floor=PUBLISHED_FLOOR))


@dataclass(frozen=True)
class Readings:
    """What a sample of noise reads.

    Args:
        pooled: by the published protocol.
        pooled_gaussian: the same, on Gaussian vectors of the sample's covariance.
        pooled_diagonal: the same, on independent Gaussians of the sample's standard deviations.
        pooled_standardised: the same, with each coordinate that varies divided by its standard deviation.
        coordinates: by the characteristic function, each coordinate that varies over the vectors; NaN where its
            quartiles coincide.
        median: of these, a NaN counted as smaller than any number (and 0 if it is itself the median).
        median_gaussian: the same, on Gaussian vectors of the sample's covariance.
        projections_rejected: share of random directions in which D'Agostino's test rejects normality at 5%.
        projections_rejected_gaussian: the same, on Gaussian vectors of the sample's covariance; where noise lives in
            few dimensions, it scatters widely about 5%.
        dead: share of coordinates that never vary.
        kurtosis: median excess kurtosis of the coordinates that vary.
        anatomy: a pooled reading with K1 a fifth of the vectors, taken apart.
    """

    pooled: float
    pooled_gaussian: float
    pooled_diagonal: float
    pooled_standardised: float
    coordinates: np.ndarray
    median: float
    median_gaussian: float
    projections_rejected: float
    projections_rejected_gaussian: float
    dead: float
    kurtosis: float
    anatomy: Anatomy


def readings(noise: Any, seed: int = 0, directions: int = 200) -> Readings:
    """Read a sample of noise every way.

    Args:
        noise: independent vectors of mean 0, shape [vectors, coordinates]: minibatch gradients minus the full gradient.
        seed: gives the Gaussian stand-ins and the directions.
        directions: how many random directions are tested for normality.
    """
    noise = np.asarray(noise, dtype=np.float32)
    varies = (noise != noise[:1]).any(axis=0)
    noise = np.where(varies, noise, 0)  # a dead coordinate stays dead in the stand-ins
    full = gaussian_surrogate(noise, seed, "full")
    alive = noise[:, varies]
    standard = alive / alive.std(axis=0)
    coordinates = per_coordinate(alive)
    across = np.random.default_rng(seed).standard_normal((alive.shape[1], directions), dtype=np.float32)
    return Readings(
        pooled=published(noise),
        pooled_gaussian=published(full),
        pooled_diagonal=published(gaussian_surrogate(noise, seed, "diagonal")),
        pooled_standardised=published(standard),
        coordinates=coordinates,
        median=low_median(coordinates),
        median_gaussian=low_median(per_coordinate(full[:, varies])),
        projections_rejected=_rejected(alive @ across),
        projections_rejected_gaussian=_rejected(full[:, varies] @ across),
        dead=float(1 - varies.mean()),
        kurtosis=float(np.median(np.square(np.square(standard)).mean(axis=0) - 3)),  # ** 4 is ten times slower
        anatomy=anatomy(noise, min(len(noise) // 5, int(varies.sum())), seed),
    )


def per_coordinate(noise: np.ndarray) -> np.ndarray:
    """Return each column's index by the characteristic function, NaN where half of it or more is one number."""
    low, high = np.quantile(noise, [0.25, 0.75], axis=0)
    spread = high > low
    estimates = np.full(noise.shape[1], np.nan)
    if spread.any():
        estimates[spread] = kogon_williams(noise[:, spread])
    return estimates


def low_median(estimates: np.ndarray) -> float:
    """Return the median with every NaN counted as 0."""
    return float(np.median(np.nan_to_num(estimates, nan=0.0)))


def _rejected(projections: np.ndarray) -> float:
    return float(np.mean(normaltest(projections).pvalue < 0.05))
