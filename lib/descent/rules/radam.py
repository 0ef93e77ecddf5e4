"""Rectified Adam: Adam that waits, and then warms up, until its second moment has seen enough gradients."""

from typing import Literal

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.adam import AdamState
from descent.rules.base import Rule
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


@maker
def radam(
    learning_rate: Scalar,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    threshold: Scalar = 5.0,
    first_steps: Literal["momentum", "skip"] = "momentum",
    epsilon_in: Literal["v", "corrected v"] = "v",
    weight_decay: Scalar = 0.0,
) -> Rule:
    """Rectified Adam: the root of v serves only once its length rho_t, in gradients, passes a threshold.

        rho_t = rho_inf - 2 t beta2^t / (1 - beta2^t),       rho_inf = 2 / (1 - beta2) - 1,
        w <- w - eta m^                                      while rho_t <= threshold,
        w <- w - eta r_t m^ / (sqrt(v^) + epsilon)           then,

    with m^ and v^ Adam's corrected moments and r_t^2 = (rho_t - 4) (rho_t - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2)
    rho_t), which grows to 1.

    Args:
        learning_rate: eta.
        beta1: decay of the first moment.
        beta2: decay of the second moment, above .6, where rho_inf is above 4.
        epsilon: added to the root of v.
        threshold: 5 is what all codes have; the paper has 4, which is one step of momentum fewer at the usual beta2.
        first_steps: before that, make steps of "momentum", or none ("skip").
        epsilon_in: added to the root of "v", as PyTorch and the authors do, or of "corrected v", as Optax and Keras.
        weight_decay: decoupled, as in AdamW: w <- (1 - eta weight_decay) w first, also while steps are skipped.

    Returns:
        A rule; its state is ``AdamState``.

    Source: Liu et al. 2020, Algorithm 2; ``torch.optim.RAdam``, ``optax.radam``.

    Departures: in the authors' later code a skipped step leaves out the decay too.

    Example:
        >>> distance(radam(0.1), bowl), distance(adam(0.1), bowl)
        (0.542, 0.383)
    """
    check_options(first_steps, epsilon_in)

    def init(params: Vector) -> AdamState:
        return AdamState(tf.zeros([], tf.int64), vectors.zeros_like(params), vectors.zeros_like(params))

    def update(xi: Vector, state: AdamState, params: Vector, game: Game) -> tuple[Vector, AdamState]:
        t = state.t + 1
        r = rectification(t, beta2, threshold)
        heavy = 1.0 if first_steps == "momentum" else 0.0

        def one(g, m, v, w):
            numbers = (t, learning_rate, beta1, beta2, epsilon, r, heavy)
            step, m, v = radam_step(g, m, v, *(vectors.cast(x, g.dtype) for x in numbers), epsilon_in == "v")  # type: ignore[call-arg]
            return step - vectors.cast(learning_rate, w.dtype) * vectors.cast(weight_decay, w.dtype) * w, m, v

        step, m, v = vectors.each(one, xi, state.m, state.v, params)
        return step, AdamState(t, m, v)

    return Rule(init, update)


def check_options(first_steps: str, epsilon_in: str) -> None:
    """Raise a ValueError if one of the options is none of its words."""
    if first_steps not in ("momentum", "skip") or epsilon_in not in ("v", "corrected v"):
        raise ValueError(
            'radam: first_steps is "momentum" or "skip", epsilon_in "v" or "corrected v"; '
            f"got {first_steps!r} and {epsilon_in!r}"
        )


def radam_step(g, m, v, t, eta, beta1, beta2, epsilon, r, heavy, epsilon_first):
    """One tensor's step at time t = 1, 2, ..., and its new moments."""
    m = vectors.mean(beta1, m, g)
    v = vectors.mean(beta2, v, tf.square(g))
    correction = 1 - beta2**t
    root = (tf.sqrt(v) + epsilon) / tf.sqrt(correction) if epsilon_first else tf.sqrt(v / correction) + epsilon
    return -eta * m / (1 - beta1**t) * tf.where(r > 0, r / root, heavy), m, v


def rectification(t: Scalar, beta2: Scalar, threshold: Scalar = 5.0) -> tf.Tensor:
    """Return r_t, shaped like t, 0 while rho_t <= threshold; in float64, for rho_t is a small difference."""
    t, beta2, threshold = (vectors.cast(x, tf.float64) for x in (t, beta2, threshold))
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)  # about as many gradients as v is the mean of
    safe = tf.where(rho > threshold, rho, rho_inf)  # below 4 the root would be of a negative number
    r = tf.sqrt((safe - 4) * (safe - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * safe))
    return tf.where(rho > threshold, r, tf.zeros_like(r))
