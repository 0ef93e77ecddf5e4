r"""Alpha-stable laws: draws, characteristic function, tails.

A law is *stable* when sums of independent copies have the same shape: X_1 + ... + X_n ~ n^{1/alpha} X (up to a shift
where it is skewed). The index alpha in (0, 2] is then also the tail's power, P(|X| > x) ~ const x^-alpha, except at
alpha = 2, which is the Gaussian. Only alpha = 2, 1 (Cauchy) and 1/2 (Lévy, wholly skewed) have simple densities.
"""

from typing import Any

import numpy as np
from scipy.special import gamma

from descent import vectors
from descent.quiet import tf
from descent.randomness import as_seed

HALF_PI = np.pi / 2


def sample(seed: int | tf.Tensor, shape: Any, alpha: Any, beta: Any = 0.0, dtype: tf.DType = tf.float64) -> tf.Tensor:
    """Draw from standard alpha-stable laws (scale 1, location 0).

    Args:
        seed: an integer, or a stateless seed (int32 tensor of shape [2]).
        shape: of the draws.
        alpha: index in (0, 2], a number or a tensor that broadcasts with the draws; 2 gives a normal law of variance 2.
        beta: skewness in [-1, 1], likewise.
        dtype: of the draws.

    Returns:
        Tensor of the given shape, with the characteristic function ``characteristic_function(t, alpha, beta)``.

    Raises:
        ValueError: alpha or beta is a number outside its range.

    Source: Chambers, Mallows & Stuck 1976, in the form of Weron 1996.
    """
    _check(alpha, beta)
    seed = as_seed(seed)
    alpha, beta = vectors.cast(alpha, dtype), vectors.cast(beta, dtype)
    uniform, unit = (_above_zero(tf.random.experimental.stateless_fold_in(seed, k), shape, dtype) for k in range(2))
    angle = np.pi * (uniform - 0.5)
    exponential = -tf.math.log(unit)
    cauchy = alpha == 1
    safe = tf.where(cauchy, tf.constant(2, dtype), alpha)  # keeps the untaken branch finite
    return tf.where(cauchy, _at_one(beta, angle, exponential), _not_at_one(safe, beta, angle, exponential))


def characteristic_function(t: Any, alpha: float, beta: float = 0.0) -> np.ndarray:
    """Return E exp(i t X) for a standard stable law: exp(-|t|^alpha) where beta = 0.

    Args:
        t: real arguments, any shape.
        alpha: index in (0, 2].
        beta: skewness in [-1, 1].

    Returns:
        Complex array, shaped like t.

    Source: the form called S1, as ``scipy.stats.levy_stable`` has it by default.
    """
    _check(alpha, beta)
    t = np.asarray(t, dtype=float)
    size = np.abs(t)
    logarithm = np.log(np.where(size > 0, size, 1))
    twist = -logarithm / HALF_PI if alpha == 1 else np.tan(HALF_PI * alpha)
    return np.exp(-(size**alpha) * (1 - 1j * beta * np.sign(t) * twist))


def levy_density_constant(alpha: Any) -> Any:
    """Return c_alpha: the law exp(-|t|^alpha) has the Lévy measure c_alpha |y|^(-1 - alpha) dy.

    Departures: papers that begin with the measure |y|^(-1 - alpha) dy have a process whose time runs 1/c_alpha times as
    fast; their exit times are to be divided by c_alpha before they are compared with this module's.

    Source: the tail P(X > x) ~ (c_alpha / alpha) x^-alpha of the same law.
    """
    return gamma(1 + np.asarray(alpha)) * np.sin(HALF_PI * np.asarray(alpha)) / np.pi


def _above_zero(seed: tf.Tensor, shape: Any, dtype: tf.DType) -> tf.Tensor:
    """Draw uniformly from multiples of the spacing, half a spacing in the place of 0.

    At 0 the angle would be -pi/2, which float32 rounds beyond itself: its cosine is negative, and a power of that NaN.
    """
    half = np.finfo(dtype.as_numpy_dtype).eps / 2
    return tf.maximum(tf.random.stateless_uniform(shape, seed, dtype=dtype), tf.constant(half, dtype))


def _not_at_one(alpha: tf.Tensor, beta: tf.Tensor, angle: tf.Tensor, exponential: tf.Tensor) -> tf.Tensor:
    skew = beta * tf.tan(HALF_PI * alpha)
    shifted = alpha * angle + tf.atan(skew)
    scale = (1 + skew**2) ** (1 / (2 * alpha))
    # not negative, but where the law is wholly skewed rounding can make it so at the ends
    cosine = tf.maximum(tf.cos(angle - shifted), tf.constant(np.finfo(angle.dtype.as_numpy_dtype).eps / 2, angle.dtype))
    power = (1 - alpha) / alpha
    return scale * tf.sin(shifted) * tf.cos(angle) ** (-1 / alpha) * (cosine / exponential) ** power


def _at_one(beta: tf.Tensor, angle: tf.Tensor, exponential: tf.Tensor) -> tf.Tensor:
    bent = HALF_PI + beta * angle
    return (bent * tf.tan(angle) - beta * tf.math.log(HALF_PI * exponential * tf.cos(angle) / bent)) / HALF_PI


def _check(alpha: Any, beta: Any) -> None:
    for name, value, said, within in (
        ("alpha", alpha, "(0, 2]", lambda x: (x > 0) & (x <= 2)),
        ("beta", beta, "[-1, 1]", lambda x: abs(x) <= 1),
    ):
        if tf.is_tensor(value) and not hasattr(value, "numpy"):
            continue  # within a graph, where its numbers are not known yet
        numbers = np.asarray(value)
        if not np.issubdtype(numbers.dtype, np.number) or not np.all(within(numbers)):
            raise ValueError(f"{name} must lie in {said}, got {value}")
