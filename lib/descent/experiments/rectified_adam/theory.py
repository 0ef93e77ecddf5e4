"""What can be computed of rectified Adam without training: its factor, the variance behind it, its first steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import special

from descent.games import Game
from descent.quiet import tf
from descent.randomness import draw_seed
from descent.rules import adam, radam
from descent.rules.radam import rectification
from descent.sweep import Sweep

MEDIAN = 0.6744897501960817  # of |x|, x standard normal


def length(t: np.ndarray, beta2: float) -> np.ndarray:
    """Return rho_t, the number of gradients that v is about the mean of, shaped like t = 1, 2, ..."""
    decay = beta2**t
    return 2 / (1 - beta2) - 1 - 2 * t * decay / (1 - decay)


def linear(t: np.ndarray, beta2: float) -> np.ndarray:
    """Return Ma and Yarats's linear warm-up, min(1, (1 - beta2) t / 2)."""
    return np.minimum(1.0, (1 - beta2) * t / 2)


def exponential(t: np.ndarray, beta2: float) -> np.ndarray:
    """Return their exponential warm-up, 1 - exp(-(1 - beta2) t)."""
    return -np.expm1(-(1 - beta2) * t)


def warm_ups(beta2s: Sequence[float], span: float = 5.0, points: int = 400) -> dict[float, dict[str, np.ndarray]]:
    """Return the three factors for several beta2.

    Args:
        beta2s: decays of the second moment.
        span: how far to go, in units of 2 / (1 - beta2) steps.
        points: how many steps to look at, at most.

    Returns:
        beta2 -> "t", "RAdam", "linear", "exponential", shape [n].
    """
    found = {}
    for beta2 in beta2s:
        last = round(span * 2 / (1 - beta2))
        t = np.unique(np.linspace(1, last, min(points, last)).round())
        found[beta2] = {
            "t": t,
            "RAdam": rectification(t, beta2).numpy(),
            "linear": linear(t, beta2),
            "exponential": exponential(t, beta2),
        }
    return found


def exact_variance(rho: np.ndarray) -> np.ndarray:
    """Return the variance of psi = sqrt(rho / X), X chi-squared with rho > 2 degrees of freedom.

    psi is 1 / sqrt(v^) when v^ is the mean of rho squares of standard normal gradients.
    """
    rho = np.asarray(rho, float)
    mean = np.sqrt(rho / 2) * np.exp(special.gammaln((rho - 1) / 2) - special.gammaln(rho / 2))
    return rho / (rho - 2) - mean**2


def first_order_variance(rho: np.ndarray) -> np.ndarray:
    """Return rho / (2 (rho - 2) (rho - 4)), from which r_t is made (Liu et al. 2020, section 4)."""
    rho = np.asarray(rho, float)
    return rho / (2 * (rho - 2) * (rho - 4))


def sampled_variance(t: Sequence[int], beta2: float, draws: int, seed: int, at_once: int = 4000) -> np.ndarray:
    """Return the variance of 1 / sqrt(v^_t) over draws of standard normal gradients, shape [len(t)].

    Args:
        t: steps.
        beta2: decay of v.
        draws: how many sequences of gradients.
        seed: one integer.
        at_once: sequences in memory.
    """
    age = np.asarray(t)[None, :] - np.arange(1, max(t) + 1)[:, None]  # of each gradient at each t
    weights = np.where(age >= 0, (1 - beta2) * beta2 ** np.maximum(age, 0), 0.0) / (1 - beta2 ** np.asarray(t))
    parts = []
    for k, first in enumerate(range(0, draws, at_once)):
        size = (min(at_once, draws - first), max(t))
        g = tf.random.stateless_normal(size, draw_seed(seed, "gradients of noise", k)).numpy()
        parts.append(1 / np.sqrt(np.square(g) @ weights.astype(np.float32)))
    return np.concatenate(parts).var(0, dtype=np.float64)


def variance_measurements(t: np.ndarray, sampled: np.ndarray, beta2: float) -> dict[str, float]:
    """Return the first-order and the sampled variance over the exact one, at the first and the last of t."""
    rho = length(t, beta2)
    exact = exact_variance(rho)
    return {
        f"variance.{name}_{t[k]}": float(values[k] / exact[k])
        for name, values in (("ratio", first_order_variance(rho)), ("sampled_ratio", sampled))
        for k in (0, -1)
    }


def noise_updates(steps: int, coordinates: int, seeds: Sequence[int], beta2: float = 0.999) -> dict[str, np.ndarray]:
    """Run rules on gradients that are nothing but standard normal noise; return the median size of their steps.

    Args:
        steps: how many.
        coordinates: independent ones, over which the median is.
        seeds: of the noise.
        beta2: decay of the second moment.

    Returns:
        "Adam", "RAdam" -> median |step| at rate 1, shape [steps, seeds].
    """

    def losses(params, noise):
        return (tf.reduce_sum(noise * params[0]),)  # its gradient is the noise

    sweep = Sweep(
        Game(losses),
        {"Adam": lambda eta: adam(eta, beta2=beta2, epsilon=1e-12), "RAdam": lambda eta: radam(eta, beta2=beta2)},
        lambda params, state, game: params[0],
        batch=lambda key, step: tf.random.stateless_normal([coordinates], key),
    )
    start = (tf.zeros([len(seeds), coordinates]),)
    runs = sweep.run(tf.ones(len(seeds)), start, steps + 1, seeds=list(seeds))
    return {name: np.median(np.abs(np.diff(at, axis=0)), axis=-1) for name, at in runs.items()}


def noise_median(t: np.ndarray | float, beta1: float = 0.9) -> np.ndarray:
    """Return the median of |m^_t| for standard normal gradients; as v^ tends to 1, it is that of Adam's step.

    m^_t is normal with variance (1 - beta1) / (1 + beta1) (1 + beta1^t) / (1 - beta1^t).
    """
    decay = beta1 ** np.asarray(t, float)
    return MEDIAN * np.sqrt((1 - beta1) / (1 + beta1) * (1 + decay) / (1 - decay))


def steep(curvatures: Sequence[float], rate: float, steps: int) -> dict[str, np.ndarray]:
    """Run Adam and RAdam, with momentum first and without, on c x^2 / 2 from x = 1; return x, [curvatures, steps + 1].

    Args:
        curvatures: c.
        rate: of all of them.
        steps: how many.
    """

    def losses(params, c):
        return (c * tf.reduce_sum(params[0] ** 2) / 2,)

    tiny = 1e-300  # no epsilon: what is asked is how steps scale
    sweep = Sweep(
        Game(losses),
        {
            "Adam": lambda eta: adam(eta, epsilon=tiny),
            "RAdam": lambda eta: radam(eta, epsilon=tiny),
            "RAdam, skipping": lambda eta: radam(eta, epsilon=tiny, first_steps="skip"),
        },
        lambda params, state, game: params[0][0],
    )
    n = len(curvatures)
    start = (tf.ones([n, 1], tf.float64),)
    runs = sweep.run(tf.fill([n], tf.constant(rate, tf.float64)), start, steps + 1, tf.constant(curvatures, tf.float64))
    return {name: x.numpy().T for name, x in runs.items()}


def steep_measurements(product: float, rate: float, path: np.ndarray) -> dict[str, float]:
    """Return how far RAdam's path goes, how far it is from the formula, and how far apart Adam's paths are.

    Args:
        product: rate times curvature of RAdam's path.
        rate: of Adam's, at curvatures from 1 to 1e9.
        path: RAdam's, at least five steps.
    """
    wide = steep([1.0, 1e3, 1e6, 1e9], rate, len(path) - 1)["Adam"]
    return {
        "steep.peak": float(np.abs(path).max()),
        "steep.error": float(np.abs(path[:6] - steep_by_hand(product, 5)).max()),
        "steep.adam_differences": float(np.abs(wide - wide[0]).max()),
    }


def steep_by_hand(product: float, steps: int, beta1: float = 0.9) -> np.ndarray:
    """Return x_0 ... x_steps of bias-corrected momentum on the same parabola, by its weights; product is rate times c.

    x_t = x_{t-1} - product (1 - beta1) / (1 - beta1^t) sum_s beta1^(t-1-s) x_s.
    """
    x = np.ones(steps + 1)
    for t in range(1, steps + 1):
        x[t] = x[t - 1] - product * (1 - beta1) / (1 - beta1**t) * (beta1 ** np.arange(t - 1, -1, -1) @ x[:t])
    return x
