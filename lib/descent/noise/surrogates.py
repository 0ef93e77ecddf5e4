"""Gaussian stand-ins for gradient noise."""

from typing import Any, Literal

import numpy as np

from descent.quiet import tf
from descent.randomness import as_seed


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
    seed = as_seed(seed)
    if covariance == "diagonal":
        return tf.random.stateless_normal(noise.shape, seed).numpy() * centred.std(axis=0, ddof=1)
    if covariance == "full":
        weights = tf.random.stateless_normal([len(noise), len(noise)], seed)
        return (tf.matmul(weights, centred) / np.sqrt(len(noise) - 1)).numpy()
    raise ValueError(f"covariance is 'diagonal' or 'full'; got {covariance!r}")
