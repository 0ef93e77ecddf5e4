r"""The network of Du et al. as a game of one player, its lanes, and the same descent seen through pre-activations.

    f(x) = m^{-1/2} sum_r a_r relu(w_r . x),    a_r = +-1 fixed,    W = (w_1, ..., w_m) trained

on 1/2 sum_i q (f(x_i) - y_i)^2. The gradient of W is a combination of the inputs, so W stays in W(0) + X^T C, and
what the network computes needs only Z = X W: with g = d loss / d Z, one step of gradient descent on W is

    C <- C - eta g,    Z <- Z - eta G g,    G = X X^T,

one product of matrices where W takes two: what makes n = d = 1,000 fit into a minute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from descent.games import Game
from descent.quiet import tf
from descent.randomness import INITIALISATION, fold_seed
from descent.rules import gradient_descent
from descent.rules.base import Rule
from descent.sweep import Sweep
from descent.vectors import Vector


def draw(seed: int, inputs: int, width: int, antisymmetric: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Draw a network in float64.

    Args:
        seed: one integer.
        inputs: d.
        width: m.
        antisymmetric: the second half of the units has the first half's w_r and minus its a_r, so that u(0) = 0; the
            kernel is then that of m / 2 independent units.

    Returns:
        W of shape [d, m], normal with variance 1, and a of shape [m], +1 or -1.
    """
    if antisymmetric and width % 2:
        raise ValueError(f"draw: an antisymmetric start pairs its units, so the width must be even; got {width}")
    own = width // 2 if antisymmetric else width
    w = tf.random.stateless_normal([inputs, own], fold_seed(seed, INITIALISATION, 0), dtype=tf.float64).numpy()
    a = tf.random.stateless_uniform([own], fold_seed(seed, INITIALISATION, 1), 0, 2, tf.int32).numpy() * 2.0 - 1.0
    return (np.concatenate([w, w], 1), np.concatenate([a, -a])) if antisymmetric else (w, a)


def starts(seeds: Sequence[int], inputs: int, width: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return one antisymmetric start per seed: the untrained network is zero."""
    return [draw(seed, inputs, width, antisymmetric=True) for seed in seeds]


def outputs(z: tf.Tensor, a: tf.Tensor) -> tf.Tensor:
    """Return u = m^{-1/2} relu(Z) a, shape [n], of pre-activations Z, shape [n, m]."""
    width = tf.cast(tf.shape(a)[0], z.dtype)
    return tf.linalg.matvec(tf.nn.relu(z), a) / tf.sqrt(width)


def weight_game(x: np.ndarray, weight: float) -> Game:
    """Return the game of the first layer, its loss 1/2 q |u - y|^2.

    Args:
        x: inputs, shape [n, d].
        weight: q, 1 for the sum of squares, 1 / n for their mean.

    Returns:
        A game with params ``(W,)`` and batch ``(y, a)``.
    """
    x = tf.constant(x)

    def losses(params: tuple[tf.Tensor, ...], batch: Any) -> tuple[tf.Tensor, ...]:
        y, a = batch
        return (0.5 * weight * tf.reduce_sum((outputs(tf.matmul(x, params[0]), a) - y) ** 2),)

    return Game(losses)


class Lanes:
    """First layers trained side by side on the same inputs: widths one after another, seeds and targets at once.

    Args:
        x: inputs, shape [n, d].
        every: steps between records.
        seen: inputs at which outputs are watched, shape [points, d]; by default x.
        weight: q; by default 1 / n, the mean of squares.
    """

    def __init__(self, x: np.ndarray, every: int = 1, seen: np.ndarray | None = None, weight: float | None = None):
        self.x = x
        watched = tf.constant(x if seen is None else seen)
        self.sweep = Sweep(
            weight_game(x, 1 / len(x) if weight is None else weight),
            {"descent": gradient_descent},
            lambda params, state, game: outputs(tf.matmul(watched, params[0]), game.batch[1]),
            every=every,
        )

    def run(self, y: np.ndarray, starts: list[tuple[np.ndarray, np.ndarray]], eta: float, records: int) -> np.ndarray:
        """Train, and return the outputs, shape [records, lanes, points], the first at step 0.

        Args:
            y: targets, shape [n], or [lanes, n] for other targets in each lane.
            starts: W and a of each lane, as ``draw`` makes them.
            eta: step size.
            records: how many.
        """
        w, a = (np.stack(parts) for parts in zip(*starts, strict=True))
        y = np.broadcast_to(y, (len(starts), len(self.x)))
        return self.sweep.run(np.full(len(starts), eta), (w,), records, (y, a))["descent"].numpy()


def through_gram(learning_rate: tf.Tensor, gram: tf.Tensor) -> Rule:
    """Gradient descent on W as pre-activations see it: Z <- Z - eta G g, and C <- C - eta g beside it.

    Args:
        learning_rate: eta.
        gram: G = X X^T, shape [n, n].

    Returns:
        A rule for params ``(Z,)``, whose state is (C, G): W = W(0) + X^T C with C of shape [n, m].
    """
    eta = learning_rate

    def update(xi: Vector, state: Vector, params: Vector, game: Game) -> tuple[Vector, Vector]:
        change = -eta * xi[0]
        return (tf.matmul(gram, change),), (state[0] + change, gram)

    return Rule(lambda params: (tf.zeros_like(params[0]), gram), update)


def activation_game() -> Game:
    """Return the game of pre-activations, loss 1/2 |u - y|^2: params ``(Z,)``, batch ``(y, a, Z(0))``."""

    def losses(params: tuple[tf.Tensor, ...], batch: Any) -> tuple[tf.Tensor, ...]:
        y, a, _ = batch
        return (0.5 * tf.reduce_sum((outputs(params[0], a) - y) ** 2),)

    return Game(losses)


def measures(params: tuple[tf.Tensor, ...], state: tuple[tf.Tensor, tf.Tensor], game: Game) -> dict[str, tf.Tensor]:
    """Return what Du et al. plot, and the eigenvalue by which they explain it.

    Returns:
        "loss": |u - y|^2; "patterns": the share of the m n gates that are not what they were; "movement": the largest
        |w_r - w_r(0)|, the square of which is c_r . G c_r, and G c_r is column r of Z - Z(0); "smallest": the smallest
        eigenvalue of the kernel H at this moment.
    """
    (z,), (c, gram), z0 = params, state, game.batch[2]
    flipped = tf.cast(tf.not_equal(z >= 0, z0 >= 0), z.dtype)
    squares = tf.reduce_sum(c * (z - z0), axis=0)
    gates = tf.cast(z >= 0, z.dtype)
    kernel = gram * tf.matmul(gates, gates, transpose_b=True) / tf.cast(tf.shape(z)[1], z.dtype)
    return {
        "loss": 2 * game.losses(params)[0],
        "patterns": tf.reduce_mean(flipped),
        "movement": tf.sqrt(tf.maximum(tf.reduce_max(squares), 0)),
        "smallest": tf.linalg.eigvalsh(kernel)[0],
    }


def activation_sweep(every: int) -> Sweep:
    """Return the sweep of Du et al.'s experiment; its hypers are ``(eta, G)``, its batches ``(y, a, Z(0))``."""
    return Sweep(activation_game(), {"descent": lambda hyper: through_gram(*hyper)}, measures, every=every)
