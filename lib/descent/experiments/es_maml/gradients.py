"""MAML by exact derivatives on Navigation2D: the return's gradient and Hessian, carried along with the point.

A rollout has six parameters and many steps, so derivatives are propagated forwards: with S_j = ds_j/dtheta and
T_j = d2 s_j/dtheta2 at one step, the chain rule gives them at the next. No tape, and the second derivatives are exact.
"""

from __future__ import annotations

from typing import Any

from descent.problems.navigation import HORIZON, NAVIGATION, PARAMETERS, REACH, limited
from descent.quiet import tf


def derivatives(weights: tf.Tensor, tasks: tf.Tensor, normalisation: Any, scaled: Any = False) -> tuple[tf.Tensor, ...]:
    r"""Return return, gradient and Hessian of rollouts in Navigation2D.

    Args:
        weights: [..., 6].
        tasks: goals, [..., 2].
        normalisation: mean and std of positions, two pairs of tensors that broadcast with the batch.
        scaled: whether the action is .1 tanh; otherwise tanh is clipped to +-.1, as released. A bool, or a boolean
            tensor.

    Returns:
        J [...], dJ/dtheta [..., 6], d2J/dtheta2 [..., 6, 6]. At a clipped action or position the derivative is 0, and
        the end of an episode does not move with theta: both as automatic differentiation has it.
    """
    dtype, p = weights.dtype, PARAMETERS
    mean, std = normalisation
    std_inverse = tf.stack([1 / tf.cast(s, dtype) for s in std], -1)  # [..., 2]
    mean = tf.stack([tf.cast(m, dtype) for m in mean], -1)
    w = tf.reshape(weights[..., :4], [*weights.shape[:-1], 2, 2]) * std_inverse[..., None, :]
    shift = weights[..., 4:]
    # which parameter is W_ij, and which is b_i
    which_w = tf.reshape(tf.eye(p, dtype=dtype)[:4], [2, 2, p])
    which_b = tf.eye(p, dtype=dtype)[4:]
    zero = tf.zeros_like(weights[..., 0] + tasks[..., 0])
    batch = zero.shape

    def one(t: Any, s: Any, S: Any, T: Any, alive: Any, J: Any, g: Any, H: Any) -> Any:
        u = tf.reduce_sum(w * (s - mean)[..., None, :], -1) + shift  # [..., i]
        relative = S * std_inverse[..., None]  # d of the normalised position, [..., j, k]
        normalised = (s - mean) * std_inverse
        du = tf.einsum("...j,ijk->...ik", normalised, which_w) + which_b + tf.einsum("...ij,...jk->...ik", w, S)
        mixed = tf.einsum("ijk,...jl->...ikl", which_w, relative)
        ddu = mixed + tf.linalg.matrix_transpose(mixed) + tf.einsum("...ij,...jkl->...ikl", w, T)
        a = tf.tanh(u)
        slope, bend = 1 - a**2, -2 * a * (1 - a**2)
        inside = tf.cast(tf.abs(a) <= REACH, dtype)
        through = (
            REACH + 0 * inside if scaled is True else inside if scaled is False else tf.where(scaled, REACH, inside)
        )
        a, slope, bend = limited(a, scaled), slope * through, bend * through
        S = S + slope[..., None] * du
        T = T + slope[..., None, None] * ddu + bend[..., None, None] * du[..., :, None] * du[..., None, :]
        s = s + a
        within = tf.cast(tf.abs(s) <= NAVIGATION.bound, dtype)
        s, S, T = tf.clip_by_value(s, -1.0, 1.0), S * within[..., None], T * within[..., None, None]
        away = s - tasks
        reward = -tf.reduce_sum(away**2, -1)
        # where, and not a product: behind the end of an episode derivatives may be infinite
        g = tf.where(alive[..., None], g - 2 * tf.reduce_sum(away[..., None] * S, -2), g)
        outer = S[..., :, None] * S[..., None, :] + away[..., None, None] * T
        H = tf.where(alive[..., None, None], H - 2 * tf.reduce_sum(outer, -3), H)
        J = tf.where(alive, J + reward, J)
        return t + 1, s, S, T, alive & (reward < -0.01), J, g, H

    def zeros(*shape: int) -> tf.Tensor:
        return tf.zeros([*batch, *shape], dtype)

    start = (
        tf.constant(0),
        zeros(2),
        zeros(2, p),
        zeros(2, p, p),
        tf.ones_like(zero, tf.bool),
        zero,
        zeros(p),
        zeros(p, p),
    )
    return tf.while_loop(lambda t, *_: t < HORIZON, one, start, maximum_iterations=HORIZON)[-3:]


def bounded(gradient: tf.Tensor, most: float = 1.0) -> tf.Tensor:
    """Return gradients, [..., d], shortened to a length of ``most``; 0 where they are not finite."""
    gradient = tf.where(
        tf.reduce_all(tf.math.is_finite(gradient), -1, keepdims=True), gradient, tf.zeros_like(gradient)
    )
    return gradient * tf.minimum(1.0, most / tf.maximum(tf.norm(gradient, axis=-1, keepdims=True), 1e-12))
