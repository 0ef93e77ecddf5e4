"""Weighted coverage: choose k sets whose union weighs most. Its multilinear extension is sampled, not seen.

    F(x) = E f(R),  each set i in R with probability x_i apart from the others,
         = sum over elements e of weight_e (1 - product over the sets i that contain e of (1 - x_i)).

F is linear in each x_i, so its gradient at a random *rounding* R of x is an unbiased estimate of its gradient at x, and
its Hessian at R of its Hessian at x:  dF/dx_i (R) = f(R + i) - f(R - i),
d2F/dx_i dx_j (R) = f(R+i+j) - f(R+i-j) - f(R-i+j) + f(R-i-j).
"""

import itertools
from typing import Any, NamedTuple

import numpy as np

from descent.games import Game
from descent.quiet import tf
from descent.rules.frank_wolfe import Moving


class Coverage(NamedTuple):
    """An instance, or several on a leading axis.

    Args:
        contains: element e lies in set i, [..., elements, n], of 0 and 1.
        weights: [..., elements], not negative.
    """

    contains: Any
    weights: Any


def extension(coverage: Coverage, x: Any) -> Any:
    """Return the multilinear extension F(x) in TensorFlow, x of shape [n]."""
    return tf.reduce_sum(coverage.weights * (1 - product(1 - coverage.contains * x)))


def product(factors: tf.Tensor) -> tf.Tensor:
    """Return the product over the last axis, multiplied in pairs.

    Its second derivatives are right where factors are zero, as they are at a rounding. Those of ``tf.reduce_prod`` are
    not: its gradient goes through ``tf.math.cumprod``, whose own gradient divides by the factors.
    """
    while (count := factors.shape[-1]) > 1:
        pairs = factors[..., : count // 2] * factors[..., count // 2 : count // 2 * 2]
        factors = tf.concat([pairs, factors[..., -1:]], -1) if count % 2 else pairs
    return factors[..., 0]


def game_of(coverage: Coverage) -> Game:
    """Return the game whose loss is -F at a rounding of x, with the derivatives of F there.

    Its batch is ``Moving`` with uniform numbers u, [n], for samples: the rounding of x is R = (u < x), so the sample's
    law moves with x, and "the same sample" at two points can only mean the same u.
    """

    def losses(params: tuple[tf.Tensor], batch: Moving) -> tuple[tf.Tensor]:
        (x,) = params
        rounding = tf.cast(batch.sample < x, x.dtype)
        return (-extension(coverage, x + tf.stop_gradient(rounding - x)),)

    return Game(losses)


def roundings(n: int, count: int) -> Any:
    """Return ``draw(key, step)`` of ``count`` lanes' numbers at once, a ``Moving`` with a leading axis [count]."""

    def draw(key: tf.Tensor, step: tf.Tensor) -> Moving:
        u = tf.random.stateless_uniform([count, 2 * n + 1], key, dtype=tf.float64)
        return Moving(u[:, :n], u[:, 2 * n], u[:, n : 2 * n])

    return draw


def value_and_gradient(coverage: Coverage, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return F [...] and its gradient [..., n] in NumPy, by leave-one-out products; leading axes broadcast."""
    factors = 1 - coverage.contains * x[..., None, :]
    n = x.shape[-1]
    others = np.stack([np.delete(factors, i, axis=-1).prod(-1) for i in range(n)], axis=-1)
    value = (coverage.weights * (1 - factors.prod(-1))).sum(-1)
    return value, (coverage.weights[..., None] * coverage.contains * others).sum(-2)


def optimum(coverage: Coverage, k: int) -> float:
    """Return the largest weight that k sets of one instance cover, by enumeration."""
    n = coverage.contains.shape[-1]
    choices = np.zeros((len(list(itertools.combinations(range(n), k))), n))
    for row, chosen in zip(choices, itertools.combinations(range(n), k), strict=True):
        row[list(chosen)] = 1
    return float(value_and_gradient(coverage, choices)[0].max())


def greedy(coverage: Coverage, k: int) -> float:
    """Return what greedy covers with k sets: each time the set that adds most."""
    x = np.zeros(coverage.contains.shape[-1])
    for _ in range(k):
        x[np.argmax(np.where(x > 0, -1.0, value_and_gradient(coverage, x)[1]))] = 1
    return float(value_and_gradient(coverage, x)[0])


def random_instance(rng: np.random.Generator, n: int = 12, elements: int = 64, k: int = 4) -> Coverage:
    """Return an instance of n sets, each element in each with probability 0.2; weights such that the optimum is 1."""
    contains = (rng.random((elements, n)) < 0.2).astype(float)
    weights = rng.exponential(size=elements)
    return Coverage(contains, weights / optimum(Coverage(contains, weights), k))


def hard_instance(k: int = 4, n: int = 12) -> Coverage:
    """Return the instance on which greedy, and continuous greedy as well, get 1 - (1 - 1/k)^k of the optimum 1.

    Elements are (cell c, pattern s), c = 1..k, s in {0, 1}^k, of weight (1/k) prod_j (1/k if s_j else 1 - 1/k). Good
    sets c = 1..k contain their cell: together everything. Traps j contain the elements with s_j = 1. Traps are
    independent of one another and of cells, so whatever has been taken of other traps, an untaken one adds a share 1/k
    of what is missing, and a good set no more than that. (At x = 0 they tie: exactly so in floating point if k is a
    power of two, and then the first in order, a trap, is taken.)
    """
    patterns = np.array(list(itertools.product([0, 1], repeat=k)), float)
    chance = np.where(patterns == 1, 1 / k, 1 - 1 / k).prod(1)
    contains = np.zeros((k * 2**k, n))
    for cell in range(k):
        block = slice(cell * 2**k, (cell + 1) * 2**k)
        contains[block, :k] = patterns
        contains[block, k + cell] = 1
    return Coverage(contains, np.tile(chance / k, k))
