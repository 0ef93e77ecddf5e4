"""Eve: Adam with one more learning rate, set by feedback from the loss."""

from typing import Literal, NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, one_player
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


class EveState(NamedTuple):
    """Adam's moments and the feedback.

    Args:
        t: steps made, int64 scalar.
        m: mean of the gradients, structured like params.
        v: mean of their squares, structured like params.
        d: the coefficient that divides the learning rate, scalar.
        loss: the loss of the step before (version 3) or the tracked loss (version 1), scalar.
    """

    t: tf.Tensor
    m: Vector
    v: Vector
    d: tf.Tensor
    loss: tf.Tensor


@maker
def eve(
    learning_rate: Scalar = 1e-3,
    beta1: Scalar = 0.9,
    beta2: Scalar = 0.999,
    beta3: Scalar = 0.999,
    epsilon: Scalar = 1e-8,
    c: Scalar = 10.0,
    minimum: Scalar = 0.0,
    version: Literal[1, 3] = 3,
    k: Scalar = 0.1,
    K: Scalar = 10.0,
) -> Rule:
    """Adam whose learning rate is divided by d, a running mean of how much the loss varies from step to step.

    Version 3, the paper's last: with f the loss at this step's parameters and batch, and f' the one of the step before,

        d <- beta3 d + (1 - beta3) clip(|f - f'| / (min(f, f') - minimum), 1/c, c),     d = 1 at t = 1,
        w <- w - (eta / d) m^ / (sqrt(v^) + epsilon),        m^, v^: Adam's corrected moments.

    Version 1, of the paper's first two versions: the loss that is compared is a tracked one, F <- C F, where C is f / F
    clipped to [k + 1, K + 1] if f >= F and to [1 / (K + 1), 1 / (k + 1)] if not, d averages |F - F'| / min(F, F'), and
    w <- w - eta m^ / (d sqrt(v^) + epsilon).

    Args:
        learning_rate: eta.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        beta3: decay of d.
        epsilon: added to the root of the corrected second moment.
        c: d stays between 1/c and c (version 3).
        minimum: f*, the least value the loss can take (version 3).
        version: 3 or 1.
        k: least relative change of the tracked loss (version 1).
        K: largest relative change of the tracked loss (version 1).

    Returns:
        A rule for games of one player; its state is ``EveState``. It looks at the loss: one forward pass more.

    Source: Hayashi, Koushik and Neubig 2016, section 3; version 1: Koushik and Hayashi 2016, the same preprint before.

    Departures: none from version 3 as printed; the authors' code corrects the moments' bias in the learning rate, so
    its epsilon weighs differently.

    Example:
        >>> distance(eve(0.1), bowl)
    """
    if version not in (1, 3):
        raise ValueError(f"eve: version is 3 or 1 (2 is the same as 1), got {version!r}")

    def init(params: Vector) -> EveState:
        one_player(params, "eve")
        dtype = tf.nest.flatten(params)[0].dtype
        zeros = vectors.zeros_like(params)
        return EveState(tf.zeros([], tf.int64), zeros, zeros, tf.ones([], dtype), tf.zeros([], dtype))

    def update(xi: Vector, state: EveState, params: Vector, game: Game) -> tuple[Vector, EveState]:
        loss = game.losses(params)[0]
        dtype = loss.dtype
        eta, b1, b2, eps = (vectors.cast(x, dtype) for x in (learning_rate, beta1, beta2, epsilon))
        first = state.t == 0
        before = tf.where(first, loss, state.loss)
        if version == 3:
            change, tracked = _variation(loss, before, vectors.cast(c, dtype), vectors.cast(minimum, dtype)), loss
        else:
            change, tracked = _tracked_variation(loss, before, vectors.cast(k, dtype), vectors.cast(K, dtype))
            tracked = tf.where(first, loss, tracked)
        d = tf.where(first, state.d, vectors.mean(beta3, state.d, change))
        m = vectors.mean(beta1, state.m, xi)
        v = tf.nest.map_structure(lambda v, g: b2 * v + (1 - b2) * g * g, state.v, xi)
        t = tf.cast(state.t + 1, dtype)

        def step(m, v):
            m, root = m / (1 - b1**t), tf.sqrt(v / (1 - b2**t))
            return -eta / d * m / (root + eps) if version == 3 else -eta * m / (d * root + eps)

        return tf.nest.map_structure(step, m, v), EveState(state.t + 1, m, v, d, tracked)

    return Rule(init, update)


def _variation(f: tf.Tensor, before: tf.Tensor, c: tf.Tensor, minimum: tf.Tensor) -> tf.Tensor:
    # tiny, as in the authors' code: 0 / 0 is 1
    tiny = tf.constant(f.dtype.as_numpy_dtype(2.0**-126))
    return tf.clip_by_value((tf.abs(f - before) + tiny) / (tf.abs(tf.minimum(f, before) - minimum) + tiny), 1 / c, c)


def _tracked_variation(
    f: tf.Tensor,
    tracked: tf.Tensor,
    k: tf.Tensor,
    K: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return |F - F'| / min(F, F') and F, the new tracked loss."""
    rose = f >= tracked
    low, high = tf.where(rose, k + 1, 1 / (K + 1)), tf.where(rose, K + 1, 1 / (k + 1))
    ratio = tf.clip_by_value(tf.math.divide_no_nan(f, tracked), low, high)
    return tf.abs(ratio - 1) / tf.minimum(ratio, tf.ones_like(ratio)), ratio * tracked
