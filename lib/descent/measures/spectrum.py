"""Measures on samples in many dimensions: covariance spectra, shape within modes; each with its floor.

Nothing here is zero or one for an exact sampler. With n samples in d dimensions even the exact covariance's eigenvalues
spread over a band of relative width about 4 sqrt(d / n), and "within three standard deviations" holds next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from descent.problems.mixtures import Mixture


def eigenvalues(x: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the samples' covariance, largest first.

    Args:
        x: shape [n, d]; the mean is subtracted.
    """
    x = np.asarray(x, float)
    return np.linalg.eigvalsh(np.cov(x.T).reshape(x.shape[1], x.shape[1]))[::-1]


def marchenko_pastur_edges(dimension: int, n: int) -> tuple[float, float]:
    """Return where the eigenvalues of the sample covariance of n standard normal points in d dimensions lie.

    Args:
        dimension: d.
        n: sample size, at least d.

    Returns:
        (1 - sqrt(d / n))^2 and (1 + sqrt(d / n))^2, the edges of the limiting law as d and n grow in proportion; single
        eigenvalues fall outside by about d^(-2/3) of the band.

    Source: Marchenko and Pastur 1967.
    """
    if n < dimension:
        raise ValueError(f"{n} samples leave zero eigenvalues in {dimension} dimensions: take at least {dimension}")
    ratio = np.sqrt(dimension / n)
    return float((1 - ratio) ** 2), float((1 + ratio) ** 2)


def within_mode_error(x: np.ndarray, mixture: Mixture) -> float:
    """Return how wrong the spread around the centres is, in standard deviations, root mean square over directions.

    Every sample is taken to its nearest centre, and the covariance of the differences, in coordinates where exact modes
    have covariance I, has eigenvalues lambda. The error is sqrt(mean (sqrt(lambda) - 1)^2).

    Args:
        x: shape [n, d].
        mixture: what they should be a sample of.

    Returns:
        1 if all samples sit on centres; about sqrt(d / n) / 2 for exact samples. It is the Wasserstein-2 distance
        between N(0, lambda) and N(0, I), divided by sqrt(d). Displaced centres count as spread.
    """
    points, centres = mixture.whiten(x), mixture.whiten(mixture.centres)
    squares = (points**2).sum(1)[:, None] - 2 * points @ centres.T + (centres**2).sum(1)
    differences = points - centres[squares.argmin(1)]
    spectrum = np.linalg.eigvalsh(differences.T @ differences / len(x))
    return float(np.sqrt(np.mean((np.sqrt(np.maximum(spectrum, 0)) - 1) ** 2)))


def floor(
    measure: Callable[[np.ndarray], float], mixture: Mixture, n: int, repeats: int = 8, seed: int = 0
) -> np.ndarray:
    """Return a measure of exact samples, one value per repeat.

    Args:
        measure: ``samples -> number``.
        mixture: sampled exactly.
        n: sample size.
        repeats: independent samples.
        seed: gives them.
    """
    return np.array([measure(mixture.sample(np.array([seed, k + 1]), n).numpy()) for k in range(repeats)])
