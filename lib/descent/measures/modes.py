"""Measures on samples: how many modes they cover, how sharply, and how far their law is from another's.

None of these numbers means anything alone. Each comes with what it is for exact samples: a closed form, or the same
measure between two independent exact samples of the same size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.stats import chi2

from descent.problems.mixtures import Mixture, good_radius


class Modes(NamedTuple):
    """What a sample looks like beside a mixture; see ``modes``."""

    counts: np.ndarray
    good: float
    any: int
    quarter: int
    reverse_kl: float


def modes(samples: np.ndarray, mixture: Mixture, radius: float | None = None) -> Modes:
    """Compare a sample with a mixture, mode by mode, in the coordinates where its modes are round.

    A point is *good* if it lies within ``radius`` standard deviations of a centre (Euclidean distance).

    Args:
        samples: shape [n, d].
        mixture: what they should be a sample of.
        radius: in standard deviations of a mode; by default ``good_radius(d)``, three in the plane, within which exact
            samples of far-apart modes are with the same probability ``GOOD_SHARE`` in every dimension.

    Returns:
        counts: good points by nearest centre, shape [K];
        good: their share of all points; ``exact_good`` for exact samples;
        any: modes with at least one good point, a lax rule (uniform noise passes it);
        quarter: modes with at least a quarter of their fair share n / K;
        reverse_kl: sum of p log(p K), p the good points' shares, in nats: 0 if they are spread evenly, log K if they
        are all in one mode, or if there are none. Exact samples have (K - 1) / 2n on average.

    Raises:
        ValueError: there is no sample, or one that is not finite.

    Source: "good" and "any" as in the published code of Lin et al. 2018 (PacGAN), there with the distance along each
    axis; "quarter" is ours.
    """
    x = _checked("modes", samples)
    distance, nearest = cKDTree(mixture.whiten(mixture.centres)).query(mixture.whiten(x))
    is_good = distance <= (good_radius(mixture.dimension) if radius is None else radius)
    counts = np.bincount(nearest[is_good], minlength=mixture.modes)
    total = counts.sum()
    if total:
        share = counts[counts > 0] / total
        reverse_kl = float(np.sum(share * np.log(share * mixture.modes)))
    else:
        reverse_kl = float(np.log(mixture.modes))
    fair = len(samples) / mixture.modes
    return Modes(counts, float(is_good.mean()), int(np.sum(counts > 0)), int(np.sum(counts >= fair / 4)), reverse_kl)


def exact_good(dimension: int = 2, radius: float = 3.0) -> float:
    """Return the share of good points in exact samples of far-apart modes: 1 - exp(-radius^2 / 2) in the plane."""
    return float(chi2.cdf(radius**2, dimension))


def mmd_squared(x: np.ndarray, y: np.ndarray, bandwidths: Sequence[float]) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy, with a mean of Gaussian kernels.

    Args:
        x: shape [n, d].
        y: shape [m, d].
        bandwidths: standard deviations h of the kernels exp(-|x - y|^2 / 2 h^2), fixed beforehand: chosen from the
            samples they would make values incomparable.

    Returns:
        Its mean over draws is 0 for samples of one law; it can be negative.

    Raises:
        ValueError: fewer than two samples, one that is not finite, or a bandwidth that is not positive.

    Source: Gretton et al. 2012, the unbiased statistic.
    """

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        squares = cdist(a, b, "sqeuclidean")
        return np.mean([np.exp(squares / (-2 * h**2)) for h in bandwidths], axis=0)

    def within(a: np.ndarray) -> float:
        k = kernel(a, a)
        return (k.sum() - np.trace(k)) / (len(a) * (len(a) - 1))

    x, y = _checked("mmd_squared", x, fewest=2), _checked("mmd_squared", y, fewest=2)
    if not len(bandwidths) or min(bandwidths) <= 0:
        raise ValueError(f"mmd_squared: bandwidths are positive numbers, at least one; got {list(bandwidths)}")
    return float(within(x) + within(y) - 2 * kernel(x, y).mean())


def sliced_w1(x: np.ndarray, y: np.ndarray, directions: int = 256, seed: int = 0) -> float:
    """Return the sliced Wasserstein-1 distance: W1 of projections, averaged over directions.

    Args:
        x: shape [n, d].
        y: shape [n, d]; as many points, so W1 on a line pairs order statistics.
        directions: how many. In the plane they are equally spaced; in more dimensions drawn from ``seed``.
        seed: of the directions.

    Returns:
        In units of the samples. Shifting a sample by t in the plane makes it |t| 2 / pi, up to the grid of directions.

    Raises:
        ValueError: samples of two sizes, none, or one that is not finite.

    Source: Bonneel et al. 2015 (there with the Wasserstein-2 distance).
    """
    if len(x) != len(y):
        raise ValueError(f"sliced_w1 pairs points, so it needs samples of one size; got {len(x)} and {len(y)}")
    x, y = _checked("sliced_w1", x), _checked("sliced_w1", y)
    d = x.shape[1]
    if d == 2:
        angle = np.pi * (np.arange(directions) + 0.5) / directions
        theta = np.stack([np.cos(angle), np.sin(angle)])
    else:
        theta = np.random.default_rng(seed).normal(size=(d, directions))
        theta /= np.linalg.norm(theta, axis=0)
    return float(np.abs(np.sort(x @ theta, axis=0) - np.sort(y @ theta, axis=0)).mean())


def _checked(name: str, samples: np.ndarray, fewest: int = 1) -> np.ndarray:
    x = np.asarray(samples, float)
    if x.ndim != 2 or len(x) < fewest:
        raise ValueError(f"{name}: needs an array [n, d] with n >= {fewest}; got shape {x.shape}")
    bad = np.count_nonzero(~np.isfinite(x).all(1))
    if bad:
        raise ValueError(f"{name}: {bad} of {len(x)} samples are not finite: the run has diverged")
    return x
