r"""Energies of stochastic gradient descent on one eigenvalue of a quadratic, step by step, for every schedule at once.

On f(x) = lambda x^2 / 2 the step x <- x - eta_t (lambda x + n_t), with E n_t = 0 and E n_t^2 = 1, moves the gradient
g = lambda x by an affine map, so its mean and its variance have exact recursions. With eta_t = eta s_t they depend on
eta and lambda only through kappa = eta lambda:

    mean of g_t = g_0 p_t,          p_{t+1} = (1 - kappa s_t) p_t,                           p_0 = 1
    variance of g_t = b_t,          b_{t+1} = (1 - kappa s_t)^2 b_t + kappa^2 s_t^2,          b_0 = 0

One axis of kappa therefore serves every step size and every eigenvalue. The variance of the *sum* of gradients, which a
criterion at the averaged point asks for, needs two more moments, C_t = var(g_0 + .. + g_{t-1}) and m_t = cov(g_t,
that sum):

    C_{t+1} = C_t + 2 m_t + b_t,    m_{t+1} = (1 - kappa s_t)(m_t + b_t).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from descent.quiet import tf

SCHEDULES = ("constant", "1/sqrt t", "linear", "cosine", "1/t")
ANYTIME_POWERS = (0.3, 0.4, 0.5, 0.6, 0.7)
ANYTIME = (*(f"t^-{power}" for power in ANYTIME_POWERS), "doubling")

Shapes = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Energies(NamedTuple):
    """What a run of the recursion leaves behind; S schedules, K values of kappa, Q recorded times.

    Args:
        kappa: step size times eigenvalue, shape [K], increasing, the last is 1.
        times: recorded times from 0 to T, shape [Q].
        parts: criterion -> (signal, noise), each of shape [Q, S, K], for the run up to that time t: what is left of a
            squared gradient of 1 at the start, and what noise of variance 1 adds. Criteria: ``last`` (x_t),
            ``average_squares`` over x_0 .. x_{t-1}, ``random_iterate`` (the same, weighted by the step sizes),
            ``averaged_point`` (the mean of x_0 .. x_{t-1}).
    """

    kappa: np.ndarray
    times: np.ndarray
    parts: dict[str, tuple[np.ndarray, np.ndarray]]


def to_a_horizon(t: tf.Tensor, horizon: tf.Tensor) -> tf.Tensor:
    """Return s_t of every schedule in ``SCHEDULES``: eta_t = eta s_t, with s_0 = 1.

    Args:
        t: step, a float64 scalar, 0 at the first.
        horizon: T; 1/sqrt t and 1/t do not ask for it.

    Returns:
        Shape [S].
    """
    share = t / horizon
    return tf.stack([tf.ones_like(t), tf.math.rsqrt(t + 1), 1 - share, 0.5 * (1 + tf.cos(np.pi * share)), 1 / (t + 1)])


def anytime(t: tf.Tensor, horizon: tf.Tensor) -> tf.Tensor:
    """Return s_t of every schedule in ``ANYTIME``, none of which asks for the horizon.

    "doubling" restarts with the constant step for T = 2, 4, 8, ...: s_t = 2^(-k/2) while 2^k <= t + 1 < 2^(k+1).
    """
    powers = tf.pow(t + 1, -tf.constant(ANYTIME_POWERS, tf.float64))
    # the small number keeps log2 of a power of two from falling short of an integer
    k = tf.floor(tf.math.log(t + 1) / np.log(2.0) + 1e-9)
    return tf.concat([powers, tf.pow(tf.constant(2.0, tf.float64), -0.5 * k)[None]], 0)


def one_step(kappa: tf.Tensor, s: tf.Tensor, p, b, c, C, m, sums):
    """Make one step of the recursion at the top of this file; the sums are taken before it."""
    sums = tuple(total + term for total, term in zip(sums, (p * p, b, s * p * p, s * b), strict=True))
    a = 1 - kappa * s
    c, C, m = c + p, C + 2 * m + b, a * (m + b)
    p, b = a * p, a * a * b + tf.square(kappa * s)
    return p, b, c, C, m, sums


class Recursion:
    """The recursion for a family of schedules: one compiled program for every horizon.

    Args:
        shapes: ``(t, T) -> s_t`` of every schedule, shape [S], in TensorFlow operations.
        points: K, the resolution in kappa.
    """

    def __init__(self, shapes: Shapes = to_a_horizon, points: int = 128):
        self.shapes, self.points = shapes, points
        self._run = tf.function(self._run_graph, jit_compile=True, autograph=False)

    def run(self, horizon: int, times: np.ndarray | None = None, kappa: np.ndarray | None = None) -> Energies:
        """Run to T.

        Args:
            horizon: T, the number of steps.
            times: when to record, increasing, the last is T; by default ``recorded_times(horizon)``.
            kappa: shape [K]; by default geometrically from 0.05 / T, where a signal is alive at the end, to 1.

        Returns:
            Moments in float64.
        """
        kappa = np.geomspace(0.05 / horizon, 1.0, self.points) if kappa is None else np.asarray(kappa, float)
        times = recorded_times(horizon) if times is None else np.asarray(times)
        parts = self._run(tf.constant(kappa), tf.constant(times, tf.int32))
        return Energies(kappa, times, {name: (a.numpy(), b.numpy()) for name, (a, b) in parts.items()})

    @property
    def traces(self) -> int:
        """How many times the program was traced; tests hold it at one."""
        return self._run.experimental_get_tracing_count()

    def _run_graph(self, kappa: tf.Tensor, times: tf.Tensor):
        horizon = tf.cast(times[-1], tf.float64)
        schedules = self.shapes(tf.zeros([], tf.float64), horizon).shape[0]
        zeros = tf.zeros([schedules, self.points], tf.float64)

        def step(t, total, p, b, c, C, m, sums):
            s = self.shapes(tf.cast(t, tf.float64), horizon)[:, None]
            return t + 1, total + s, *one_step(kappa, s, p, b, c, C, m, sums)

        def block(i, records, state):
            state = tf.while_loop(lambda t, *_: t < times[i], step, state)
            _, total, p, b, c, C, _, sums = state
            row = (p, b, c, C, *sums, total + tf.zeros_like(p))
            at = tf.reshape(i, [1, 1])
            records = [tf.tensor_scatter_nd_update(r, at, x[None]) for r, x in zip(records, row, strict=True)]
            return i + 1, records, state

        start = (tf.constant(0), zeros[:, :1], zeros + 1, zeros, zeros, zeros, zeros, (zeros,) * 4)
        records = [tf.zeros([times.shape[0], *zeros.shape], tf.float64)] * 9
        _, records, _ = tf.while_loop(lambda i, *_: i < times.shape[0], block, (tf.constant(0), records, start))
        p, b, c, C, squares, noise, weighted, weighted_noise, total = records
        t = tf.maximum(tf.cast(times, tf.float64), 1)[:, None, None]
        total = tf.maximum(total, 1e-300)  # at t = 0 nothing has been summed: 0 / 0 would be NaN
        return {
            "average_squares": (squares / t, noise / t),
            "random_iterate": (weighted / total, weighted_noise / total),
            "last": (p * p, b),
            "averaged_point": (tf.square(c / t), C / t**2),
        }


def recorded_times(horizon: int, count: int = 200) -> np.ndarray:
    """Return ``count`` times from 0 to T, dense at both ends; those of a small T stand several times."""
    early = np.r_[np.arange(25), np.geomspace(25, max(horizon, 25), 7 * count // 10 - 25)]
    late = horizon - np.geomspace(1, max(horizon, 2), count - len(early))
    return np.sort(np.clip(np.r_[early, late[:-1], horizon].round(), 0, horizon).astype(int))
