"""Rectified Adam in three parts each of which can be left out: momentum steps, warm-up, and v carried over."""

from __future__ import annotations

from itertools import product

import numpy as np

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.adam import AdamState
from descent.rules.base import Rule
from descent.rules.radam import rectification
from descent.vectors import Scalar, Vector

PARTS = ("momentum", "warmup", "carried")
CORNERS = np.array(list(product([0.0, 1.0], repeat=3)), np.float32)  # of the cube: which parts are there


def radam_in_parts(
    learning_rate: Scalar,
    momentum: Scalar,
    warmup: Scalar,
    carried: Scalar,
    beta1: Scalar = 0.9,
    beta2: float = 0.999,
    epsilon: Scalar = 1e-8,
) -> Rule:
    """Make RAdam, or what is left of it; with all three parts it is ``radam``.

    Args:
        learning_rate: eta.
        momentum: 1: the first steps are momentum's; 0: there are none, though the first moment is kept.
        warmup: 1: the adaptive steps are multiplied by r_t; 0: by 1.
        carried: 1: the second moment knows the gradients of the first steps; 0: it begins at the first adaptive step.
        beta1, beta2: decays of the moments.
        epsilon: added to the root of v.
    """
    wait = tf.math.count_nonzero(rectification(tf.range(1, 50), beta2) == 0)  # steps

    def init(params: Vector) -> AdamState:
        return AdamState(tf.zeros([], tf.int64), vectors.zeros_like(params), vectors.zeros_like(params))

    def update(xi: Vector, state: AdamState, params: Vector, game: Game) -> tuple[Vector, AdamState]:
        t = state.t + 1
        r = rectification(t, beta2)
        adaptive = r > 0

        def one(g, m, v):
            eta, first, warm, whole, b1, b2, eps, time, factor = (
                vectors.cast(x, g.dtype)
                for x in (learning_rate, momentum, warmup, carried, beta1, beta2, epsilon, t, r)
            )
            m = vectors.mean(b1, m, g)
            v = vectors.mean(b2, v, tf.square(g)) * tf.where(adaptive, tf.ones_like(whole), whole)
            age = tf.maximum(time - (1 - whole) * vectors.cast(wait, g.dtype), 1)  # gradients that v has seen
            root = (tf.sqrt(v) + eps) / tf.sqrt(1 - b2**age)
            return -eta * m / (1 - b1**time) * tf.where(adaptive, (factor * warm + 1 - warm) / root, first), m, v

        step, m, v = vectors.each(one, xi, state.m, state.v)
        return step, AdamState(t, m, v)

    return Rule(init, update)


def main_effects(values: np.ndarray) -> dict[str, np.ndarray]:
    """Return each part's main effect: mean with it minus mean without it.

    Args:
        values: of the eight corners in the order of ``CORNERS``, shape [8, ...].

    Returns:
        Part -> effect, shape [...].
    """
    return {
        part: values[CORNERS[:, k] == 1].mean(0) - values[CORNERS[:, k] == 0].mean(0) for k, part in enumerate(PARTS)
    }
