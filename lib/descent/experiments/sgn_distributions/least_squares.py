r"""Heavy tails with an exact index: SGD on one-dimensional least squares with fresh Gaussian data at every step.

With a, y ~ N(0, 1) and minibatches of b, one step is a random multiplication and a random shift,

    x <- (1 - eta/b sum a_i^2) x + eta/b sum a_i y_i,

and the stationary law of such a recursion has tails P(|x| > r) ~ const r^-alpha where E|multiplier|^alpha = 1 (Kesten
1973). Here sum a_i^2 is chi-square with b degrees of freedom. The gradient noise at a fixed x has every moment.
"""

import numpy as np
from scipy.integrate import tanhsinh
from scipy.optimize import brentq
from scipy.special import gammaln

from descent.quiet import tf


def log_multiplier_moment(power: float, learning_rate: float, batch_size: int) -> float:
    """Return log E|1 - (eta/b) chi^2_b|^power.

    Args:
        power: at least 0; near 0 the result is near power times E log|multiplier|.
        learning_rate: eta.
        batch_size: b.
    """
    kink = batch_size / learning_rate
    # With z = u^2 the density has no pole at 0; the kink is an end, where tanh-sinh quadrature does not mind it.
    log_norm = batch_size / 2 * np.log(2) + gammaln(batch_size / 2)

    def integrand(u):
        return 2 * np.abs(1 - u**2 / kink) ** power * np.exp((batch_size - 1) * np.log(u) - u**2 / 2 - log_norm)

    result = tanhsinh(integrand, np.array([0.0, np.sqrt(kink)]), np.array([np.sqrt(kink), np.inf]))
    return float(np.log(result.integral.sum()))


def exact_alpha(learning_rate: float, batch_size: int) -> float:
    """Return the tail index alpha of the stationary iterates: the positive root of E|1 - (eta/b) chi^2_b|^alpha = 1.

    Args:
        learning_rate: eta > 0.
        batch_size: b >= 1.

    Raises:
        ValueError: E log|multiplier| >= 0 (no stationary law: eta is too large), or alpha is above 200 (eta is tiny).

    Source: Kesten 1973; for SGD on least squares, Gurbuzbalaban, Simsekli & Zhu 2021. alpha = 2 exactly at
    eta = 2b/(b + 2), since E(multiplier^2) = 1 - 2 eta + eta^2 (1 + 2/b).
    """
    if learning_rate <= 0 or batch_size < 1:
        raise ValueError(f"learning_rate must be positive and batch_size at least 1; got {learning_rate}, {batch_size}")

    def slope(power):  # the trivial root at 0 is divided out
        return log_multiplier_moment(power, learning_rate, batch_size) / power

    low, high = 1e-3, 1.0
    if slope(low) >= 0:
        raise ValueError(
            f"no stationary law: E log|multiplier| is not negative at learning_rate {learning_rate}; lower it"
        )
    while slope(high) < 0:
        low, high = high, 2 * high
        if high > 200:
            raise ValueError(f"alpha is above 200 at learning_rate {learning_rate}: the tail is out of reach; raise it")
    return float(brentq(slope, low, high, xtol=1e-12))


class LeastSquaresIterates:
    """Stationary iterates of the recursion, in independent lanes; one compiled program for all step sizes.

    Args:
        lanes: number of independent iterates.
        batch_size: b.
    """

    def __init__(self, lanes: int, batch_size: int):
        self.lanes, self.batch_size = lanes, batch_size
        self._run = tf.function(self._run_graph, autograph=False)

    def run(self, learning_rate: float, steps: int, seed: int = 0) -> np.ndarray:
        """Start every lane at 0 and return where it is after some steps, float64, shape [lanes].

        Args:
            learning_rate: eta.
            steps: many times 1/|E log|multiplier|| for the law to be near its stationary one.
            seed: gives every draw.
        """
        return self._run(
            tf.constant(learning_rate, tf.float64), tf.constant(steps), tf.constant([seed, 0], tf.int32)
        ).numpy()

    def _run_graph(self, eta: tf.Tensor, steps: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        def step(k, x):
            draws = tf.random.stateless_normal(
                [2, self.lanes, self.batch_size], tf.random.experimental.stateless_fold_in(seed, k), dtype=tf.float32
            )
            a, y = tf.unstack(tf.cast(draws, tf.float64))
            # The gradient of the minibatch's mean loss 1/2 (a x - y)^2.
            return k + 1, x - eta * tf.reduce_mean(a * (a * x[:, None] - y), axis=1)

        _, x = tf.while_loop(lambda k, x: k < steps, step, (tf.constant(0), tf.zeros([self.lanes], tf.float64)))
        return x
