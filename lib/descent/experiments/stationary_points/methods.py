r"""Other methods against the same adversary, in the limit of many coordinates, where norms are not random.

The gap lies on one coordinate of curvature lambda without noise, the noise on many of curvature L: there |g~|^2 =
|g|^2 + |n|^2 equals its mean. What AdaGrad-norm and clipping do with the norm is then one number
h_t a step, and

    v_{t+1} = beta v_t - h_t g~_t,     x_{t+1} = x_t + v_{t+1}

moves g = lambda x and u = lambda v on the slow coordinate, and their second moments on the stiff ones (L = 1)

    E u'^2 = beta^2 E u^2 - 2 beta h E g u + h^2 (E g^2 + s2),    E g u' = beta E g u - h E g^2,    g' = g + u'.

Units: L = Delta = s2 = 1.
"""

from collections.abc import Sequence

import numpy as np

from descent.quiet import tf

METHODS = ("gradient descent", "momentum", "AdaGrad-norm", "clipping")
BETA = 0.9  # momentum's; its step is eta (1 - beta), so that eta is comparable
THRESHOLD = 1.0  # clipping's, in units of the noise's norm


def method_curves(horizons: Sequence[int], steps: int = 36, eigenvalues: int = 48) -> dict[tuple[str, str], np.ndarray]:
    """Return (method, criterion) -> least worst squared gradient at each horizon, over eta, shape [horizons].

    Args:
        horizons: increasing; eta is chosen for each.
        steps: resolution in eta, from 1e-3 to 1.
        eigenvalues: resolution in lambda, from 0.2 / (last horizon) to 1.

    Returns:
        Criteria are ``last`` and ``average_squares``. The adversary chooses lambda knowing eta.
    """
    etas = np.geomspace(1e-3, 1.0, steps)
    lambdas = np.geomspace(0.2 / max(horizons), 1.0, eigenvalues)
    last, average = _run(tf.constant(etas), tf.constant(lambdas), tf.constant(horizons, tf.int32))
    return {
        (method, criterion): np.array([least_worst(row) for row in values.numpy()[:, i]])
        for criterion, values in (("last", last), ("average_squares", average))
        for i, method in enumerate(METHODS)
    }


def least_worst(values: np.ndarray) -> float:
    """Return the minimum over axis 0 of the maximum over the last axis, by parabolas in logarithms."""
    worst = np.array([_vertex(np.log(row)) for row in np.nan_to_num(values, nan=1e30, posinf=1e30)])
    return float(np.exp(-_vertex(-worst)))


def _vertex(values: np.ndarray) -> float:
    i = int(values.argmax())
    if i in (0, len(values) - 1):
        return float(values[i])
    low, mid, high = values[i - 1 : i + 2]
    bend = low - 2 * mid + high
    return float(mid - (high - low) ** 2 / (8 * bend)) if bend < 0 else float(mid)


@tf.function(jit_compile=True, autograph=False)
def _run(etas: tf.Tensor, lambdas: tf.Tensor, horizons: tf.Tensor):
    etas, lambdas = etas[None, :, None], lambdas[None, None, :]
    beta = tf.constant([0.0, BETA, 0.0, 0.0], tf.float64)[:, None, None]
    zeros = tf.zeros([len(METHODS), etas.shape[1], lambdas.shape[2]], tf.float64)

    def step(t, g, u, gg, gu, uu, accumulated, total):
        total = total + g * g + gg
        seen = g * g + gg + 1.0  # |g~|^2
        accumulated = accumulated + seen
        factors = tf.stack(  # h_t / eta, in the order of METHODS
            [
                tf.ones_like(seen[0]),
                tf.fill(seen[0].shape, tf.constant(1 - BETA, tf.float64)),
                tf.math.rsqrt(accumulated[2]),
                tf.minimum(tf.constant(1.0, tf.float64), THRESHOLD * tf.math.rsqrt(seen[3])),
            ]
        )
        h = etas * factors
        u = beta * u - h * lambdas * g
        uu, along = beta**2 * uu - 2 * beta * h * gu + h**2 * (gg + 1.0), beta * gu - h * gg
        return t + 1, g + u, u, gg + 2 * along + uu, along + uu, uu, accumulated, total

    def block(i, lasts, averages, state):
        state = tf.while_loop(lambda t, *_: t < horizons[i], step, state)
        at = tf.reshape(i, [1, 1])
        lasts = tf.tensor_scatter_nd_update(lasts, at, (state[1] ** 2 + state[3])[None])
        mean = state[-1] / tf.cast(horizons[i], tf.float64)
        return i + 1, lasts, tf.tensor_scatter_nd_update(averages, at, mean[None]), state

    start = tf.sqrt(2 * lambdas) + zeros  # lambda x_0 with lambda x_0^2 / 2 = Delta
    records = tf.zeros([horizons.shape[0], *zeros.shape], tf.float64)
    loop = (tf.constant(0), records, records, (tf.constant(0), start, zeros, zeros, zeros, zeros, zeros, zeros))
    _, lasts, averages, _ = tf.while_loop(lambda i, *_: i < horizons.shape[0], block, loop)
    return lasts, averages
