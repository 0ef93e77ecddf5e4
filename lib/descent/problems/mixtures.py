"""Mixtures of Gaussians with equal weights: data whose every property is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Literal

import numpy as np
from scipy.stats import chi2, ortho_group

from descent.quiet import tf
from descent.randomness import as_seed

Means = Literal["simplex", "orthogonal", "grid"]

GOOD_SHARE = 1 - np.exp(-4.5)  # what three standard deviations hold of a round Gaussian in the plane: .98889


@dataclass(frozen=True, eq=False)
class Mixture:
    """An equal mixture of K normal laws N(centre_k, F F^T).

    Args:
        centres: shape [K, d].
        factor: F, shape [d, d] and invertible, the same for every mode; or a number, the standard deviation of round
            modes.
    """

    centres: np.ndarray
    factor: Any

    @property
    def modes(self) -> int:
        """Return K."""
        return len(self.centres)

    @property
    def dimension(self) -> int:
        """Return d."""
        return self.centres.shape[1]

    @property
    def std(self) -> float:
        """Return the standard deviation of a mode along an axis, root mean square over axes."""
        return float(
            self.factor if np.ndim(self.factor) == 0 else np.linalg.norm(self.factor) / np.sqrt(self.dimension)
        )

    @cached_property
    def covariance(self) -> np.ndarray:
        """Return the covariance of the whole mixture, shape [d, d]: within modes plus between them."""
        factor = self.factor * np.eye(self.dimension) if np.ndim(self.factor) == 0 else self.factor
        return factor @ factor.T + np.cov(self.centres.T, bias=True).reshape(self.dimension, self.dimension)

    def whiten(self, x: np.ndarray) -> np.ndarray:
        """Return F^{-1} x for each row: in these coordinates every mode is round, with standard deviation 1."""
        x = np.asarray(x, float)
        return x / self.factor if np.ndim(self.factor) == 0 else np.linalg.solve(self.factor, x.T).T

    def pick(self, uniform: tf.Tensor) -> tf.Tensor:
        """Return modes, int32, for draws uniform on [0, 1): mixtures of several K can share these draws."""
        return tf.minimum(tf.cast(uniform * self.modes, tf.int32), self.modes - 1)

    def place(self, mode: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Make samples of given modes, shape [n], and standard normal draws, shape [n, d]."""
        factor = tf.constant(self.factor, noise.dtype)
        spread = factor * noise if factor.shape.rank == 0 else tf.matmul(noise, factor, transpose_b=True)
        return tf.gather(tf.constant(self.centres, noise.dtype), mode) + spread

    def sample(
        self, seed: int | tf.Tensor, n: int, stratified: bool = False, dtype: tf.DType = tf.float32
    ) -> tf.Tensor:
        """Draw n points.

        Args:
            seed: an integer, or a stateless seed (int32 tensor of shape [2]).
            n: how many.
            stratified: take exactly n / K points from each mode, in the order of the centres, again and again; the
                mixture's law is that of one point only. Otherwise every point's mode is drawn.
            dtype: of the result.

        Returns:
            Tensor of shape [n, d].

        Raises:
            ValueError: stratified, and n is no multiple of K.
        """
        seed = as_seed(seed)
        noise_seed, mode_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
        if stratified:
            if n % self.modes:
                raise ValueError(f"a stratified sample takes the same number from each of {self.modes} modes, not {n}")
            mode = tf.tile(tf.range(self.modes), [n // self.modes])
        else:
            mode = tf.random.stateless_uniform([n], mode_seed, 0, self.modes, tf.int32)
        return self.place(mode, tf.random.stateless_normal([n, self.dimension], noise_seed, dtype=dtype))

    def standardised(self) -> Mixture:
        """Return it centred, and scaled so that a coordinate's variance is 1 on average."""
        scale = np.sqrt(np.trace(self.covariance) / self.dimension)
        return Mixture((self.centres - self.centres.mean(0)) / scale, self.factor / scale)


def grid(side: int = 4, spacing: float = 1.0, std: float = 0.02) -> Mixture:
    """Return a square grid of side x side modes around the origin; by default the one that SGA was published with.

    Args:
        side: modes along each axis.
        spacing: distance between neighbours.
        std: standard deviation of each mode.

    Source: the authors' notebook for Letcher et al. 2019, section 4.3: centres {-1.5, -.5, .5, 1.5}^2. The notebook's
    ``sigma = 0.1`` is multiplied by 0.2 where it is used, so the standard deviation is .02.
    """
    axis = spacing * (np.arange(side) - (side - 1) / 2)
    return Mixture(np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2), std)


def ring(modes: int = 8, radius: float = 2.0, std: float = 0.02) -> Mixture:
    """Return modes at equal angles on a circle around the origin, the first at angle 0; all of them distinct.

    Args:
        modes: how many.
        radius: of the circle.
        std: standard deviation of each mode.

    Departures: a widely copied ring takes ``linspace(0, 2 pi, 8)``, whose two ends are one point: seven modes, one of
    them twice as heavy.
    """
    angle = 2 * np.pi * np.arange(modes) / modes
    return Mixture(radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1), std)


def gaussian_mixture(
    modes: int,
    dimension: int,
    means: Means = "simplex",
    condition: float = 1.0,
    gap: float = 2.0,
    seed: int = 0,
) -> Mixture:
    """Make a standardised mixture whose modes are equally far apart by the same rule in every dimension.

    The ball (ellipsoid, with ``condition``) that holds ``GOOD_SHARE`` of a mode has a largest radius r; the centres of
    neighbouring modes are 2 r ``gap`` apart, so that for gap > 1 no point is in two of them.

    Args:
        modes: K.
        dimension: d.
        means: "simplex", all at one distance from each other (K <= d + 1); "orthogonal", at both ends of random
            orthogonal directions (K <= 2 d); "grid", the K points nearest to the origin of a cubic grid (any K).
        condition: largest over smallest variance within a mode; variances between them are spaced geometrically, along
            random axes.
        gap: distance of neighbours, in diameters of those balls.
        seed: of the random directions.

    Raises:
        ValueError: so many modes do not fit.
    """
    generator = np.random.default_rng(seed)
    variances = np.geomspace(1.0, condition, dimension)
    factor = _rotation(dimension, generator) * np.sqrt(variances / variances.mean())
    radius = good_radius(dimension) * np.sqrt(variances.max() / variances.mean())
    centres = 2 * gap * radius * unit_means(modes, dimension, means, generator)
    return Mixture(centres, factor).standardised()


def good_radius(dimension: int, share: float = float(GOOD_SHARE)) -> float:
    """Return the radius, in standard deviations, of the ball that holds this share of a round Gaussian.

    Three in the plane for the default share; about sqrt(d) + 1.6 in many dimensions d, where three would hold nothing.
    """
    return float(np.sqrt(chi2.ppf(share, dimension)))


def unit_means(modes: int, dimension: int, means: Means, generator: np.random.Generator) -> np.ndarray:
    """Return K points whose nearest neighbours are 1 apart, shape [K, d]; ``gaussian_mixture`` explains ``means``."""
    if means == "simplex":
        if modes > dimension + 1:
            raise ValueError(
                f"a simplex of {modes} modes needs {modes - 1} dimensions, not {dimension}: take means='grid'"
            )
        corners = np.eye(modes) / np.sqrt(2)
        # an orthonormal basis of the corners' span, in which they have one coordinate less
        basis = np.linalg.svd(corners - corners.mean(0))[2][: modes - 1]
        return corners @ basis.T @ _rotation(dimension, generator)[: modes - 1]
    if means == "orthogonal":
        if modes > 2 * dimension:
            raise ValueError(
                f"{modes} modes need {(modes + 1) // 2} orthogonal directions, not {dimension}: take means='grid'"
            )
        directions = _rotation(dimension, generator)[: (modes + 1) // 2] / np.sqrt(2)
        ends = np.concatenate([directions, -directions])[:modes]
        return ends if modes > 2 else ends / np.sqrt(2)
    if means != "grid":
        raise ValueError(f"means is 'simplex', 'orthogonal' or 'grid', got {means!r}")
    return _grid(modes, dimension, generator)


def _grid(modes: int, dimension: int, generator: np.random.Generator) -> np.ndarray:
    # A cube of 2^axes corners or more holds K points; in further dimensions the grid is flat.
    axes = min(dimension, max(1, int(np.ceil(np.log2(modes)))))
    side = int(np.ceil(modes ** (1 / axes) - 1e-9))
    points = np.array(list(product(np.arange(side) - (side - 1) / 2, repeat=axes)))
    order = np.lexsort((generator.random(len(points)), np.round((points**2).sum(1), 9)))
    return points[order[:modes]] @ _rotation(dimension, generator)[:axes]


def _rotation(dimension: int, generator: np.random.Generator) -> np.ndarray:
    if dimension == 1:
        return np.ones((1, 1))
    return ortho_group.rvs(dimension, random_state=generator)
