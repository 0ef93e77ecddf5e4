"""Numbers that change with the step t = 0, 1, ...: give one wherever a rule takes a number, ``adam(cosine(...))``.

Their own numbers may be tensors, so that each lane of a sweep has its own schedule.
"""

from collections.abc import Sequence
from math import pi

from descent import vectors
from descent.quiet import tf
from descent.rules.makers import Schedule, maker, scheduled
from descent.vectors import Scalar

__all__ = ["Schedule", "constant", "cosine", "inverse_time", "linear", "piecewise", "scheduled", "warm_up"]


@maker
def constant(value: Scalar) -> Schedule:
    """The same number at all steps."""
    return Schedule(lambda t: _number(value))


@maker
def linear(first: Scalar, last: Scalar, steps: Scalar) -> Schedule:
    """A straight line from ``first`` at t = 0 to ``last`` at t = steps, and ``last`` from then on.

    Source: ``optax.linear_schedule``; ``keras.optimizers.schedules.PolynomialDecay``.
    """
    return Schedule(lambda t: _between(first, last, _share(t, steps)))


@maker
def cosine(first: Scalar, last: Scalar, steps: Scalar) -> Schedule:
    """Half a cosine wave from ``first`` at t = 0 to ``last`` at t = steps, and ``last`` from then on.

    Source: Loshchilov and Hutter 2017, without restarts; ``optax.cosine_decay_schedule``.
    """
    return Schedule(lambda t: _between(first, last, (1 - tf.cos(pi * _share(t, steps))) / 2))


@maker
def inverse_time(first: Scalar, steps: Scalar, power: Scalar = 1.0) -> Schedule:
    """first / (1 + t / steps)^power: halved (by power 1) after ``steps`` steps, and like 1 / t in the long run.

    Source: Robbins and Monro 1951 (powers above 1/2, to 1); ``keras.optimizers.schedules.InverseTimeDecay``.
    """
    return Schedule(lambda t: _number(first) * (1 + t / _number(steps)) ** -_number(power))


@maker
def piecewise(values: Sequence[Scalar], boundaries: Sequence[Scalar]) -> Schedule:
    """values[0] for the first boundaries[0] steps, then values[1] up to t = boundaries[1], and so on.

    Raises:
        ValueError: there is not one value more than boundaries.

    Source: ``optax.piecewise_constant_schedule``. ``PiecewiseConstantDecay`` of Keras moves on a step later.
    """
    if len(values) != len(boundaries) + 1:
        raise ValueError(f"piecewise: {len(values)} values want one boundary fewer, got {len(boundaries)}")

    def value(t: tf.Tensor) -> tf.Tensor:
        now = _number(values[0])
        for later, boundary in zip(values[1:], boundaries, strict=True):
            now = tf.where(t >= _number(boundary), _number(later), now)
        return now

    return Schedule(value)


@maker
def warm_up(then: "Schedule | Scalar", steps: Scalar, first: Scalar = 0.0) -> Schedule:
    """A straight line from ``first`` at t = 0 to what ``then`` begins with at t = steps; then ``then``, from its t = 0.

    ``warm_up(eta, n - 1, eta / n)`` makes steps of eta / n, 2 eta / n, ..., eta: a line that leaves no step out.

    Source: ``optax.warmup_constant_schedule``, ``optax.warmup_cosine_decay_schedule``.
    """
    after = then if isinstance(then, Schedule) else constant(then)

    def value(t: tf.Tensor) -> tf.Tensor:
        rest = t - _number(steps)
        return tf.where(rest < 0, _between(first, after(0.0), _share(t, steps)), after(tf.maximum(rest, 0.0)))

    return Schedule(value)


def _number(x: Scalar) -> tf.Tensor:
    return vectors.cast(x, tf.float64)


def _share(t: tf.Tensor, steps: Scalar) -> tf.Tensor:
    return tf.minimum(t / _number(steps), 1.0)


def _between(first: Scalar, last: Scalar, share: tf.Tensor) -> tf.Tensor:
    return _number(first) + (_number(last) - _number(first)) * share
