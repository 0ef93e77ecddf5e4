"""Descent inside a convex set: Frank-Wolfe steps, projected steps, and the estimates that one-sample methods need.

A method is a chain of an estimate and a step. ``chain(recursive_average(decay()), frank_wolfe(region, decay()))`` is
one-sample stochastic Frank-Wolfe (1-SFW); with ``projected_gradient`` for ``frank_wolfe``, STORM with a projection.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Adjustment, Rule, stateless
from descent.rules.makers import Schedule, maker
from descent.vectors import Scalar, Vector

HALVINGS = 50  # of the interval [0, 1] in the line search


class Region(Protocol):
    """What is asked of a set; ``problems.constraints`` has several."""

    @property
    def vertex(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The linear minimisation oracle, d -> argmin over v in C of <v, d>."""

    @property
    def project(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """The projection, x -> the nearest point of C."""


@maker
def decay(scale: Scalar = 1.0, offset: Scalar = 0.0, power: Scalar = 1.0) -> Schedule:
    """min(1, scale / (k + offset)^power) at the k-th step, k = t + 1: weights as this field's papers count them.

    By default 1/k, which needs no tuning; 1-SFW uses it for rho and eta alike.
    """

    def weight(t: tf.Tensor) -> tf.Tensor:
        s, o, p = (vectors.cast(x, tf.float64) for x in (scale, offset, power))
        return tf.minimum(s / (t + 1 + o) ** p, 1)

    return Schedule(weight)


class Average(NamedTuple):
    """Steps made so far (int64 scalar), the last estimate d, and where it was made; both structured like params.

    Where rho is a schedule, this is the ``inner`` part of the adjustment's state.
    """

    t: tf.Tensor
    d: Vector
    previous: Vector


def recursive(d: Vector, g: Vector, g_previous: Vector, rho: tf.Tensor) -> Vector:
    """Return d_t = (1 - rho) (d_{t-1} + g_t(x_t) - g_t(x_{t-1})) + rho g_t(x_t); both gradients see sample t."""

    def leaf(d, g, g_previous):
        change = g - g_previous  # Delta_t: carries d from x_{t-1} to x_t, without bias
        return (1 - rho) * (d + change) + rho * g

    return tf.nest.map_structure(leaf, d, g, g_previous)


@maker
def recursive_average(rho: Scalar) -> Adjustment:
    """Estimate the gradient as 1-SFW and STORM do: carry the last estimate along, and mix in one new sample.

    Args:
        rho: the weight of the new sample; ``decay()`` is 1/t. The first estimate is the first gradient,
            whatever rho.

    Returns:
        An adjustment; its state is ``Average``. It asks the game for one more gradient, on the same sample,
        so a step costs two.

    Source: Zhang et al. 2020 (1-SFW, oblivious case, as in the code of Braun et al. 2022); Cutkosky and Orabona 2019.

    Example:
        >>> from descent.problems.constraints import l1_ball
        >>> rule = chain(recursive_average(decay()), frank_wolfe(l1_ball(1.0), decay()))
    """

    def update(xi: Vector, state: Average, params: Vector, game: Game) -> tuple[Vector, Average]:
        t = state.t + 1
        weight = _number(rho, params)
        d = recursive(state.d, xi, game.gradient(state.previous), tf.where(t == 1, tf.ones_like(weight), weight))
        return d, Average(t, d, params)

    return Adjustment(_start, update)


@maker
def running_average(rho: Scalar) -> Adjustment:
    """Estimate the gradient by d_t = (1 - rho) d_{t-1} + rho g_t, d_0 = 0: the momentum of stochastic Frank-Wolfe.

    Args:
        rho: the weight of the new gradient; ``decay(4.0, 8.0, 2 / 3)`` is the published 4 / (t + 8)^(2/3).

    Returns:
        An adjustment; its state is ``Average``. One gradient a step.

    Source: Mokhtari, Hassani and Karbasi 2020.
    """

    def update(xi: Vector, state: Average, params: Vector, game: Game) -> tuple[Vector, Average]:
        t = state.t + 1
        weight = _number(rho, params)
        d = tf.nest.map_structure(lambda d, g: (1 - weight) * d + weight * g, state.d, xi)
        return d, Average(t, d, params)

    return Adjustment(_start, update)


class Moving(NamedTuple):
    """The batch of a game whose sample depends on where it is drawn (the *non-oblivious* case).

    Args:
        sample: what the loss sees: random numbers that it turns into a sample at its own parameters.
        fraction: a, uniform on [0, 1], scalar.
        between: a second sample like the first, drawn apart from it.
    """

    sample: Any
    fraction: tf.Tensor
    between: Any


@maker
def hessian_average(rho: Scalar) -> Adjustment:
    """Estimate the gradient as 1-SFW does where the sample's law moves with x: carry d along by a Hessian.

        x(a) = a x_t + (1 - a) x_{t-1},   Delta_t = H(x(a); z) (x_t - x_{t-1}),   a ~ U[0, 1],   z ~ p(.; x(a)),
        d_t = (1 - rho) (d_{t-1} + Delta_t) + rho g_t(x_t).

    Args:
        rho: as in ``recursive_average``.

    Returns:
        An adjustment; its state is ``Average``. The game's batch is ``Moving``, and its Hessian at a sample
        has to be an unbiased estimate of F's; a step costs one gradient and one product with that Hessian.

    Source: Zhang et al. 2020 (1-SFW, non-oblivious case), as reconstructed: H(x(a)) averaged over a is the exact change
    of the gradient from x_{t-1} to x_t.
    """

    def update(xi: Vector, state: Average, params: Vector, game: Game) -> tuple[Vector, Average]:
        t = state.t + 1
        weight = _number(rho, params)
        weight = tf.where(t == 1, tf.ones_like(weight), weight)
        move = vectors.subtract(params, state.previous)
        middle = vectors.axpy(game.batch.fraction, move, state.previous)
        change = game.at(game.batch._replace(sample=game.batch.between)).jvp(middle, move)
        d = tf.nest.map_structure(lambda d, c, g: (1 - weight) * (d + c) + weight * g, state.d, change, xi)
        return d, Average(t, d, params)

    return Adjustment(_start, update)


@maker
def frank_wolfe(region: Region, learning_rate: Scalar) -> Rule:
    """Step towards a vertex: x <- x + eta_t (v - x),  v = argmin over C of <v, xi>.

    A point of C stays in C as long as 0 <= eta_t <= 1, for it is an average of points of C.

    Args:
        region: C; each leaf of params lies in it.
        learning_rate: eta; ``decay()`` is 1/t.

    Returns:
        A step without state.

    Alone, on sampled gradients, it is *raw* one-sample Frank-Wolfe.

    Source: Frank and Wolfe 1956; Jaggi 2013, Algorithm 1.
    """

    def update(xi: Vector, params: Vector, game: Game) -> Vector:
        eta = _number(learning_rate, params)
        return tf.nest.map_structure(lambda x, d: eta * (region.vertex(d) - x), params, xi)

    return stateless(update)


@maker
def frank_wolfe_line_search(region: Region) -> Rule:
    """Frank-Wolfe with the best eta in [0, 1] for a convex loss, by bisection on the slope along v - x.

    Args:
        region: C.

    Returns:
        A step for one player without state; it asks the game for 51 gradients.

    Source: Jaggi 2013, Algorithm 1 with line search.
    """

    def update(xi: Vector, params: Vector, game: Game) -> Vector:
        d = tf.nest.map_structure(lambda x, g: region.vertex(g) - x, params, xi)

        def slope(eta):
            return vectors.dot(game.gradient(vectors.axpy(eta, d, params)), d)

        def halve(count, low, high):
            falls = slope((low + high) / 2) < 0
            return count + 1, tf.where(falls, (low + high) / 2, low), tf.where(falls, high, (low + high) / 2)

        zero = tf.zeros([], tf.nest.flatten(params)[0].dtype)
        _, low, _ = tf.while_loop(lambda count, *_: count < HALVINGS, halve, (tf.constant(0), zero, zero + 1))
        return vectors.scale(tf.where(slope(zero + 1) <= 0, zero + 1, low), d)

    return stateless(update)


@maker
def continuous_greedy(region: Region, steps: Scalar) -> Rule:
    """Step x <- x + v / T from x = 0, v = argmin over C of <v, xi>; after T steps x is an average of points of C.

    Args:
        region: C, which contains 0 and everything below its points.
        steps: T.

    Returns:
        A step without state, for minus a monotone DR-submodular function.

    Source: Calinescu et al. 2011; Bian et al. 2017. Zhang et al. 2020 use it for 1-SFW's submodular case.
    """

    def update(xi: Vector, params: Vector, game: Game) -> Vector:
        return tf.nest.map_structure(lambda d: region.vertex(d) / vectors.cast(steps, d.dtype), xi)

    return stateless(update)


@maker
def projected_gradient(region: Region, learning_rate: Scalar) -> Rule:
    """Step along -xi and back into C: x <- P(x - eta_t xi), P the projection.

    Args:
        region: C.
        learning_rate: eta.

    Returns:
        A step without state.

    Source: Goldstein 1964; Levitin and Polyak 1966.
    """

    def update(xi: Vector, params: Vector, game: Game) -> Vector:
        eta = _number(learning_rate, params)
        return tf.nest.map_structure(lambda x, d: region.project(x - eta * d) - x, params, xi)

    return stateless(update)


def _start(params: Vector) -> Average:
    return Average(tf.zeros([], tf.int64), vectors.zeros_like(params), params)


def _number(x: Scalar, params: Vector) -> tf.Tensor:
    return vectors.cast(x, tf.nest.flatten(params)[0].dtype)
