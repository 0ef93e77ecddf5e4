"""A small normalising flow: RealNVP's affine couplings, whose density is known exactly in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from descent.problems.networks import MLP, mlp
from descent.quiet import tf
from descent.randomness import as_seed


@dataclass(frozen=True)
class Flow:
    """A chain of affine couplings from a standard normal u to z; it begins as the identity.

    Args:
        dimension: of u and z, at least 2.
        couplings: how many; they change the first and the second half of the coordinates in turn.
        width: hidden units of each coupling's network, tanh.
        bound: of a coupling's log-scales, so that no step of training can make the density explode.

    Source: Dinh et al. 2017 (RealNVP). Departures: bounded log-scales; no batch normalisation.
    """

    dimension: int
    couplings: int = 4
    width: int = 32
    bound: float = 1.0

    @cached_property
    def networks(self) -> tuple[MLP, ...]:
        """The couplings' networks: from the coordinates that stay to log-scales and shifts of those that change."""
        half = self.dimension // 2
        sizes = [(half, self.dimension - half), (self.dimension - half, half)]
        return tuple(mlp([a, self.width, 2 * b], "tanh") for a, b in (sizes[k % 2] for k in range(self.couplings)))

    def init(self, seed: int | tf.Tensor, dtype: tf.DType = tf.float32) -> list[Any]:
        """Draw parameters; last layers are zero, so the flow is the identity and q is the standard normal."""
        layers = []
        for k, network in enumerate(self.networks):
            first, (w, b) = network.init(tf.random.experimental.stateless_fold_in(as_seed(seed), k), dtype)
            layers.append([first, (tf.zeros_like(w), b)])
        return layers

    def forward(self, params: list[Any], u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return z and log q(z) for u, shapes [..., d] and [...]."""
        log_q = log_normal(u)
        z = u
        for k in range(self.couplings):
            kept, moved = self._halves(z, k)
            log_scale, shift = self._affine(params, k, kept)
            moved = moved * tf.exp(log_scale) + shift
            log_q -= tf.reduce_sum(log_scale, -1)
            z = self._joined(kept, moved, k)
        return z, log_q

    def log_density(self, params: list[Any], z: tf.Tensor) -> tf.Tensor:
        """Return log q(z), shape [...], for z of shape [..., d]: the couplings backwards."""
        log_q = tf.zeros(tf.shape(z)[:-1], z.dtype)
        for k in reversed(range(self.couplings)):
            kept, moved = self._halves(z, k)
            log_scale, shift = self._affine(params, k, kept)
            z = self._joined(kept, (moved - shift) * tf.exp(-log_scale), k)
            log_q -= tf.reduce_sum(log_scale, -1)
        return log_q + log_normal(z)

    def _affine(self, params: list[Any], k: int, kept: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        log_scale, shift = tf.split(self.networks[k](params[k], kept), 2, -1)
        return self.bound * tf.tanh(log_scale / self.bound), shift

    def _halves(self, z: tf.Tensor, k: int) -> tuple[tf.Tensor, tf.Tensor]:
        half = self.dimension // 2
        first, second = z[..., :half], z[..., half:]
        return (first, second) if k % 2 == 0 else (second, first)

    def _joined(self, kept: tf.Tensor, moved: tf.Tensor, k: int) -> tf.Tensor:
        return tf.concat([kept, moved] if k % 2 == 0 else [moved, kept], -1)


def log_normal(z: tf.Tensor) -> tf.Tensor:
    """Return the log-density of a standard normal at z [..., d], shape [...]."""
    return -0.5 * tf.reduce_sum(z**2, -1) - 0.5 * z.shape[-1] * float(np.log(2 * np.pi))
