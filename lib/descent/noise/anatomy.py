"""What a pooled reading is made of: coordinates that are off, dependence, unequal scales; and, last, tails."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from descent.noise.log_moments import PUBLISHED_FLOOR, inverse_mohammadi, largest_divisor


@dataclass(frozen=True)
class Anatomy:
    """A pooled reading taken apart: 1/alpha = 1/2 + off + dependence + scales + shape, exactly.

    Args:
        inverse: the published reading, as 1/alpha; it may be negative.
        off: what coordinates do that have one value in half of the vectors or more (dead units, blank pixels).
        dependence: what goes when each remaining coordinate is shuffled over the vectors, apart from all others.
        scales: what then goes when each coordinate is divided by the distance of its quartiles.
        shape: what is left: 0 for Gaussians of any covariance, 1/alpha - 1/2 for stable coordinates of one index.
        switched_off: share of coordinates behind ``off``.
    """

    inverse: float
    off: float
    dependence: float
    scales: float
    shape: float
    switched_off: float

    @property
    def cured(self) -> float:
        """Return the index read off what is left: the coordinates' own law."""
        return 1 / (0.5 + self.shape)


def anatomy(noise: Any, seed: int = 0) -> Anatomy:
    """Take a pooled log-moment reading of a sample of vectors apart.

    Each step leaves the next one's subject alone: shuffling a coordinate over independent vectors keeps its law, tails
    included, and so does a change of its unit. (Standard deviations would not do for the unit: those of a heavy-tailed
    sample differ from each other by chance, and would be blamed on scales.)

    Args:
        noise: a sample of independent vectors, shape [vectors, coordinates]; its mean is taken off.
        seed: gives the shuffles.

    Raises:
        ValueError: every coordinate is off.
    """
    noise = np.asarray(noise, dtype=np.float64)
    noise = noise - noise.mean(axis=0)
    noise[:, (noise == noise[:1]).all(axis=0)] = 0.0
    block = largest_divisor(noise.size)
    low, high = np.quantile(noise, [0.25, 0.75], axis=0)
    on = high > low
    if not on.any():
        raise ValueError("every coordinate is one number in half of the vectors or more: there is no noise to read")
    whole = _inverse(noise, block)
    noise = noise[:, on]
    shuffled = np.random.default_rng(seed).permuted(noise, axis=0)
    without_off, without_dependence = _inverse(noise, block), _inverse(shuffled, block)
    without_scales = _inverse(shuffled / (high - low)[on], block)
    return Anatomy(
        inverse=whole,
        off=whole - without_off,
        dependence=without_off - without_dependence,
        scales=without_dependence - without_scales,
        shape=without_scales - 0.5,
        switched_off=float(1 - on.mean()),
    )


def _inverse(noise: np.ndarray, block: int) -> float:
    return float(inverse_mohammadi(noise.reshape(-1), block, floor=PUBLISHED_FLOOR))
