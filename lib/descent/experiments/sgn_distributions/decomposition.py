"""What a pooled reading is made of: dead coordinates, dependence, unequal scales; and, last, tails."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from descent.noise.log_moments import PUBLISHED_FLOOR, inverse_mohammadi


@dataclass(frozen=True)
class Anatomy:
    """A pooled reading taken apart: 1/alpha = 1/2 + dead + dependence + scales + shape, exactly.

    Args:
        inverse: Mohammadi's reading of the pooled sample, vector after vector, as 1/alpha; it may be negative.
        dead: what goes when coordinates that never vary are left out (they are zeros under a floor).
        dependence: what goes when each remaining coordinate is shuffled over the vectors, apart from all others.
        scales: what goes when sums are then taken coordinate after coordinate, so that each has terms of one law.
        shape: what is left, the mean over coordinates of what each reads by itself: 0 for Gaussians of any covariance,
            1/alpha - 1/2 for stable coordinates of one index. All that can speak of tails.
    """

    inverse: float
    dead: float
    dependence: float
    scales: float
    shape: float

    @property
    def index_of_shape(self) -> float:
        """Return the index read off what is left: the coordinates' own laws."""
        return 1 / (0.5 + self.shape)


def anatomy(noise: Any, block: int, seed: int = 0) -> Anatomy:
    """Take a pooled log-moment reading of a sample of vectors apart.

    Each step leaves the next one's subject alone: shuffling a coordinate over independent vectors keeps its law, tails
    included, and so does another order of pooling. (Dividing by standard deviations would not do for the scales: those
    of a heavy-tailed sample differ from each other by chance.)

    Args:
        noise: independent vectors of mean 0, shape [vectors, coordinates]: minibatch gradients minus the full one,
            say. Minus the sample's mean would tie a coordinate's sums to each other.
        block: K1, the same for every step, at most the number of vectors and of coordinates that vary.
        seed: gives the shuffles.

    Raises:
        ValueError: no coordinate varies, or block is out of range.
    """
    noise = np.asarray(noise, dtype=np.float64)
    varies = (noise != noise[:1]).any(axis=0)
    if not 2 <= block <= min(len(noise), varies.sum()):
        raise ValueError(
            f"block (K1) is {block}; it must lie between 2 and the numbers of vectors, {len(noise)}, "
            f"and of coordinates that vary, {varies.sum()}"
        )

    def inverse(values: np.ndarray) -> float:
        return float(inverse_mohammadi(values.reshape(-1), block, floor=PUBLISHED_FLOOR))

    whole = inverse(np.where(varies, noise, 0.0))
    alive = noise[:, varies]
    shuffled = np.random.default_rng(seed).permuted(alive, axis=0)
    own = float(inverse_mohammadi(shuffled, block, floor=PUBLISHED_FLOOR).mean())
    without_dead, without_dependence = inverse(alive), inverse(shuffled)
    return Anatomy(
        inverse=whole,
        dead=whole - without_dead,
        dependence=without_dead - without_dependence,
        scales=without_dependence - own,
        shape=own - 0.5,
    )
