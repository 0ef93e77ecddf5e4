"""Mixtures of Gaussians with equal weights and round components: data whose every property is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from descent.quiet import tf
from descent.randomness import as_seed


@dataclass(frozen=True, eq=False)
class Mixture:
    """An equal mixture of K normal laws N(centre_k, std^2 I).

    Args:
        centres: shape [K, d].
        std: standard deviation of each component, along each axis.
    """

    centres: np.ndarray
    std: float

    @property
    def modes(self) -> int:
        """Return K."""
        return len(self.centres)

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
            centres = tf.tile(tf.constant(self.centres, dtype), [n // self.modes, 1])
        else:
            mode = tf.random.stateless_uniform([n], mode_seed, 0, self.modes, tf.int32)
            centres = tf.gather(tf.constant(self.centres, dtype), mode)
        noise = tf.random.stateless_normal([n, self.centres.shape[1]], noise_seed, dtype=dtype)
        return centres + tf.constant(self.std, dtype) * noise


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
