"""Gaussian stand-ins for gradient noise, and how much of a pooled reading they already have."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from descent.noise.log_moments import mohammadi
from descent.noise.samples import as_columns
from descent.quiet import tf


def gaussian_surrogate(
    noise: Any, seed: int | tf.Tensor, covariance: Literal["diagonal", "full"] = "full"
) -> np.ndarray:
    """Draw Gaussian vectors with the standard deviations, or the whole covariance, of a sample of vectors.

    Args:
        noise: a sample, shape [vectors, coordinates].
        seed: an integer, or a stateless seed (int32 tensor of shape [2]).
        covariance: "diagonal": the sample's standard deviations, coordinates independent; "full": its covariance.

    Returns:
        As many Gaussian vectors of mean 0, float32. With "full" no covariance matrix is formed: a Gaussian combination
        of the centred sample's own rows, over sqrt(vectors - 1), has exactly the sample's covariance.
    """
    noise = np.asarray(noise, dtype=np.float32)
    centred = noise - noise.mean(axis=0)
    seed = tf.convert_to_tensor(seed, tf.int32)
    if seed.shape.rank == 0:
        seed = tf.stack([seed, tf.zeros_like(seed)])
    if covariance == "diagonal":
        return tf.random.stateless_normal(noise.shape, seed).numpy() * centred.std(axis=0, ddof=1)
    if covariance == "full":
        weights = tf.random.stateless_normal([len(noise), len(noise)], seed)
        return (tf.matmul(weights, centred) / np.sqrt(len(noise) - 1)).numpy()
    raise ValueError(f"covariance is 'diagonal' or 'full'; got {covariance!r}")


@dataclass(frozen=True)
class Anatomy:
    """Where a pooled reading comes from: 1/alpha = 1/2 + (scales + correlation + shape) / log K1, exactly.

    Args:
        alpha: Mohammadi's estimate on the pooled sample.
        scales: what unequal standard deviations add (the D of ``controls``, block by block).
        correlation: what dependence between the coordinates of one vector adds.
        shape: the rest, 0 on average for every Gaussian vector: all that can speak of tails.
        block: K1.
    """

    alpha: float
    scales: float
    correlation: float
    shape: float
    block: int

    @property
    def gaussian_alpha(self) -> float:
        """Return what the estimator reads on Gaussian vectors of the same covariance."""
        return float(1 / (0.5 + (self.scales + self.correlation) / np.log(self.block)))

    @property
    def gaussian_share(self) -> float:
        """Return the share of the distance of 1/alpha from 1/2 that a Gaussian of the same covariance has too."""
        return (self.scales + self.correlation) / (self.scales + self.correlation + self.shape)


def anatomy(noise: Any, block: int) -> Anatomy:
    """Split the pooled log-moment reading of a sample of vectors into scales, correlation and shape.

    Args:
        noise: a sample, shape [vectors, coordinates]; its mean is taken off. Vectors are taken to be independent.
        block: K1, at most the number of coordinates. Every block lies inside one vector, and every vector has the same
            blocks: the last coordinates, where they fill no block, are left out.

    Raises:
        ValueError: block is below 2 or too large; see ``as_columns``; or a centred value is exactly 0.

    Source: the identity at the head of ``controls``, with sample variances in it.
    """
    noise = as_columns(noise, fewest=10)
    vectors, coordinates = noise.shape
    if not 2 <= block <= coordinates:
        raise ValueError(f"block (K1) is {block}; it must lie between 2 and the number of coordinates, {coordinates}")
    centred = (noise - noise.mean(axis=0))[:, : coordinates // block * block]
    blocks = centred.reshape(vectors, -1, block)
    terms = blocks.var(axis=0, ddof=1)
    sums = blocks.sum(axis=-1).var(axis=0, ddof=1)
    scales = 0.5 * np.log(terms.mean(axis=-1)).mean() - 0.5 * np.log(terms).mean()
    correlation = 0.5 * np.log(sums / terms.sum(axis=-1)).mean()
    alpha = float(mohammadi(centred.reshape(-1), block))
    shape = (1 / alpha - 0.5) * np.log(block) - scales - correlation
    return Anatomy(alpha, float(scales), float(correlation), float(shape), block)
