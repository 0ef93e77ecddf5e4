r"""Leaving a well by noise: dx = -U'(x) dt + eps dL, with L an alpha-stable Lévy motion (Brownian at alpha = 2).

Stable noise leaves by one jump, at a rate that knows only how far the edge is; Brownian noise climbs, at a rate that
knows how high it is.
"""

from typing import Any

import numpy as np
from scipy.integrate import cumulative_trapezoid, trapezoid
from scipy.special import zeta

from descent.noise.alpha_stable import levy_density_constant, sample
from descent.quiet import tf

# Mean overshoot of a Gaussian random walk over a far level, in standard deviations of its step.
OVERSHOOT = -zeta(0.5) / np.sqrt(2 * np.pi)


def levy_exit_time(alpha: float, eps: float, half_width: float) -> float:
    """Return the small-noise limit of the mean time to leave |x| < a: alpha a^alpha / (2 c_alpha eps^alpha).

    Args:
        alpha: index, in (0, 2).
        eps: size of the noise, whose unit has the characteristic function exp(-|t|^alpha) after a unit of time.
        half_width: a.

    Raises:
        ValueError: alpha is out of its range.

    Source: Imkeller & Pavlyukevich 2006 with the measure c_alpha |y|^(-1 - alpha) dy: jumps beyond +-a come at the rate
    2 (c_alpha/alpha) (a/eps)^-alpha. See ``levy_density_constant`` for the trap in the normalisation.
    """
    if not 0 < alpha < 2:
        raise ValueError(f"alpha must lie in (0, 2), got {alpha}; at 2 there are no jumps, see brownian_exit_time")
    return float(alpha * (half_width / eps) ** alpha / (2 * levy_density_constant(alpha)))


def brownian_exit_time(eps: float, half_width: float, height: float) -> float:
    """Return the mean time to leave |x| < a from 0 at alpha = 2 in the well U = h (x/a)^2, by quadrature.

    Args:
        eps: size of the noise, whose unit has variance 2 after a unit of time (the stable law at alpha = 2).
        half_width: a.
        height: h = U(a).

    Returns:
        The time; infinite where it is beyond the largest number, 1.8e308 (at h = 1/2 for eps below .0266).

    Source: the mean exit time T solves eps^2 T'' - U' T' = -1, T(+-a) = 0, so T(0) = eps^-2 times the integral over 0 <
    z < y < a of exp((U(y) - U(z))/eps^2).
    """
    y = np.linspace(0, half_width, 20_001)
    potential = height * (y / half_width) ** 2 / eps**2
    inner = cumulative_trapezoid(np.exp(-potential), y, initial=0)
    with np.errstate(over="ignore"):
        return float(trapezoid(np.exp(potential) * inner, y) / eps**2)


class ExitTimes:
    """Counts exits from parabolic wells in many lanes at once, each lane starting anew at 0 after every exit.

    Restarting makes the work fixed: exits over time estimate 1/(mean exit time), and no lane is waited for.
    One compiled program serves every setting.

    Args:
        lanes: independent particles per setting.
        dt: time step: the drift's exact flow, then eps dt^(1/alpha) times a standard stable draw.

    Departures: a Brownian path may leave and come back between two steps; at alpha = 2 the edge is moved in by .5826
    standard deviations of a step, -zeta(1/2)/sqrt(2 pi), which cures it to first order in sqrt(dt) (Siegmund 1985).
    """

    def __init__(self, lanes: int, dt: float = 0.01):
        self.lanes, self.dt = lanes, dt
        self._run = tf.function(self._run_graph, autograph=False, reduce_retracing=True)

    def run(
        self, alpha: Any, eps: Any, half_width: Any, height: Any, horizon: float, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Simulate every setting to the horizon.

        Args:
            alpha, eps, half_width, height: the settings, numbers or arrays [settings]; the well is U = h (x/a)^2.
            horizon: time simulated, many times the longest mean exit time that is to be measured well.
            seed: gives every draw.

        Returns:
            (mean exit times, their standard errors by Poisson counting), each of shape [settings]; infinite where there
            was no exit.
        """
        settings = [
            tf.constant(v, tf.float32)[:, None]
            for v in np.broadcast_arrays(np.atleast_1d(alpha), eps, half_width, height)
        ]
        steps = round(horizon / self.dt)
        exits = self._run(*settings, tf.constant(steps), tf.constant([seed, 0], tf.int32)).numpy()
        seen = np.maximum(exits, 1)
        means = np.where(exits > 0, self.lanes * steps * self.dt / seen, np.inf)
        return means, means / np.sqrt(seen)

    def _run_graph(self, alpha, eps, half_width, height, steps, seed):
        size = eps * tf.constant(self.dt, tf.float32) ** (1 / alpha)
        stiffness = 2 * height / half_width**2
        edge = half_width - tf.where(alpha == 2, OVERSHOOT * np.sqrt(2) * size, tf.zeros_like(size))

        def step(k, x, exits):
            jump = sample(tf.random.experimental.stateless_fold_in(seed, k), tf.shape(x), alpha, dtype=tf.float32)
            x = x * tf.exp(-stiffness * self.dt) + size * jump
            out = tf.abs(x) >= edge
            return k + 1, tf.where(out, tf.zeros_like(x), x), exits + tf.math.count_nonzero(out, axis=1, dtype=tf.int32)

        start = tf.zeros([tf.shape(eps)[0], self.lanes], tf.float32)
        _, _, exits = tf.while_loop(
            lambda k, *_: k < steps, step, (tf.constant(0), start, tf.zeros([tf.shape(eps)[0]], tf.int32))
        )
        return exits
