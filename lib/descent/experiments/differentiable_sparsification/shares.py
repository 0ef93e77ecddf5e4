"""Lee's construction, as reconstructed: numbers that a relative threshold makes exactly zero, and its penalty."""

from __future__ import annotations

import numpy as np

from descent.quiet import tf


def shares(alpha: tf.Tensor, beta: tf.Tensor, surrogate: bool = False) -> tf.Tensor:
    """Return shares of a mixture, non-negative and summing to one, of which some are exactly zero.

        pi = softmax(alpha),   tau = sigmoid(beta),   a_i = relu(pi_i - tau) / sum_j relu(pi_j - tau)

    Args:
        alpha: one number a component, shape [n].
        beta: gives the threshold, a scalar.
        surrogate: let gradients through the relu where it is zero, see ``rectified``; the values are the same.

    Returns:
        Shape [n]; NaN if no component is above the threshold.

    Source: Lee 2019, as reconstructed. With gamma_i = exp(alpha_i) the paper's relu(gamma_i - tau sum_j gamma_j) is
    this, times a factor that cancels.
    """
    above = rectified(tf.nn.softmax(alpha) - tf.sigmoid(beta), surrogate)
    return above / tf.reduce_sum(above)


def signed(alpha: tf.Tensor, beta: tf.Tensor, surrogate: bool = False) -> tf.Tensor:
    """Return signed weights, w_i = sign(alpha_i) relu(|alpha_i| - tau |alpha|_1), tau = sigmoid(beta).

    Args:
        alpha: shape [n].
        beta: a scalar.
        surrogate: see ``rectified``.

    Source: Lee 2019, as reconstructed.
    """
    size = tf.abs(alpha)
    return tf.sign(alpha) * rectified(size - tf.sigmoid(beta) * tf.reduce_sum(size), surrogate)


def grouped(alpha: tf.Tensor, beta: tf.Tensor, surrogate: bool = False) -> tf.Tensor:
    """Return rows of weights, of which some are exactly zero: the same with norms of rows in place of |alpha_i|.

    Args:
        alpha: shape [groups, size]; no row is zero.
        beta: a scalar.
        surrogate: see ``rectified``.

    Source: Lee 2019, as reconstructed.
    """
    size = tf.norm(alpha, axis=1, keepdims=True)
    return alpha / size * rectified(size - tf.sigmoid(beta) * tf.reduce_sum(size), surrogate)


def rectified(x: tf.Tensor, surrogate: bool) -> tf.Tensor:
    """Return relu(x); with a surrogate, its gradient is elu's, exp(x) where x < 0, and its value still exactly 0 there.

    Args:
        x: any shape.
        surrogate: whether.

    Source: Lee 2019 has such a backward pass ("rectified gradient flow"); that it is elu's is our reconstruction.
    """
    if not surrogate:
        return tf.nn.relu(x)
    below = tf.exp(tf.minimum(x, 0.0)) - 1
    return tf.nn.relu(x) + tf.where(x < 0, below - tf.stop_gradient(below), tf.zeros_like(x))


def penalty(a: tf.Tensor, p: float) -> tf.Tensor:
    """Return sum_i a_i^p, 0 < p < 1, whose derivative at a_i = 0, which is infinite, counts as 0.

    Args:
        a: non-negative, shape [n].
        p: the power.

    Source: Lee 2019, as reconstructed. For shares it is at least 1, and 1 only where one of them is everything; with s
    survivors at most s^(1-p). With p = 1 it is constant.
    """
    positive = a > 0
    inside = tf.where(positive, a, tf.ones_like(a))  # guards the branch that is not taken
    return tf.reduce_sum(tf.where(positive, inside**p, tf.zeros_like(a)))


def jacobian(alpha: np.ndarray, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the closed forms of d a_i / d alpha_k, shape [n, n], and d a_i / d tau, shape [n].

    With S the survivors, s = |S|, P = sum_S pi and D = P - s tau:

        d a_i / d tau = (s pi_i - P) / D^2                                            i in S
        d a_i / d alpha_k = pi_k tau d a_i / d tau                                    k not in S
        d a_i / d alpha_k = pi_i (delta_ik - pi_k) / D - (pi_i - tau) pi_k (1 - P) / D^2    i and k in S

    Args:
        alpha: shape [n], float64.
        beta: a number.

    Source: our derivation, in the chapter.
    """
    pi = np.exp(alpha - alpha.max())
    pi /= pi.sum()
    tau = 1 / (1 + np.exp(-beta))
    alive = pi > tau
    s, big_p = alive.sum(), pi[alive].sum()
    d = big_p - s * tau
    by_tau = np.where(alive, (s * pi - big_p) / d**2, 0.0)
    dead = pi[None, :] * tau * by_tau[:, None]
    both = pi[:, None] * (np.eye(len(pi)) - pi[None, :]) / d - ((pi - tau) * (1 - big_p) / d**2)[:, None] * pi[None, :]
    return np.where(alive[:, None], np.where(alive[None, :], both, dead), 0.0), by_tau
