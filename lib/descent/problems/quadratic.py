"""Quadratic games: every n-player game whose simultaneous gradient is linear, xi(w) = J w.

They are what any game looks like near a fixed point, and the only ones whose step-size thresholds are exact.
"""

from collections.abc import Sequence

import numpy as np

from descent.games import Game
from descent.quiet import tf


def quadratic_game(sizes: Sequence[int]) -> Game:
    """Return the game with xi(w) = J w; J is its batch: ``quadratic_game([1, 1]).at(jacobian)``.

    Player i has the loss 1/2 <w_i, J_ii w_i> + sum_{j != i} <w_i, J_ij w_j>.

    Args:
        sizes: the number of coordinates of each player.

    Returns:
        A game whose batch is J, shape [d, d] with d = sum(sizes), its diagonal blocks symmetric; its params are tuples
        of tensors of shape [sizes[i]] of the same dtype.
    """
    ends = np.cumsum(sizes)
    blocks = [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]

    shares = np.ones((ends[-1], ends[-1]))
    for own in blocks:
        shares[own, own] = 0.5

    def losses(params: tuple[tf.Tensor, ...], jacobian: tf.Tensor) -> tuple[tf.Tensor, ...]:
        shared = tf.cast(shares, jacobian.dtype) * jacobian

        def loss(i: int) -> tf.Tensor:
            # a product and a sum, not matvec: mapped over lanes, many tiny matrix products are several times slower
            pulls = [
                tf.reduce_sum(shared[blocks[i], block] * w, axis=-1) for w, block in zip(params, blocks, strict=True)
            ]
            return tf.reduce_sum(params[i] * tf.add_n(pulls))

        return tuple(loss(i) for i in range(len(params)))

    return Game(losses)


def plane(mu: float, sigma: float) -> np.ndarray:
    """Return J = [[mu, sigma], [-sigma, mu]]: potential part mu, rotation sigma, eigenvalues mu +- i sigma."""
    return np.array([[mu, sigma], [-sigma, mu]])


def bilinear(a: np.ndarray) -> np.ndarray:
    """Return J of the zero-sum game f(x, y) = x^T A y, which x descends and y ascends.

    Args:
        a: A, shape [m, n].

    Returns:
        [[0, A], [-A^T, 0]], shape [m + n, m + n].
    """
    m, n = a.shape
    return np.block([[np.zeros((m, m)), a], [-a.T, np.zeros((n, n))]])


def four_player(epsilon: float) -> np.ndarray:
    """Return J of Letcher et al.'s four-player game: S = epsilon I, A = +1 above the diagonal and -1 below."""
    upper = np.triu(np.ones((4, 4)), 1)
    return epsilon * np.eye(4) + upper - upper.T
