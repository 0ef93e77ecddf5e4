"""The estimate of a pull request that carried 1-SFW's name, as it first stood, and why it is no estimate at all."""

from typing import NamedTuple

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Adjustment
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector


class Stored(NamedTuple):
    """Steps made so far, the estimate d, the gradient of the step before (of *its* sample), and where d was made."""

    t: tf.Tensor
    d: Vector
    gradient: Vector
    previous: Vector


@maker
def stored_gradient_average(rho: Scalar) -> Adjustment:
    """d_t = (1 - rho) (d_{t-1} - g_{t-1}) + g_t, where g_{t-1} was computed with the *last* step's sample.

    By induction d_t = g_t: d_1 = g_1, and the bracket is then zero at every step. What 1-SFW subtracts is g_t(x_{t-1}),
    the *new* sample's gradient at the old point.

    Args:
        rho: any weights; they multiply zero.

    Returns:
        An adjustment; its state is ``Stored``.

    Source: ZIB-IOL/FrankWolfe.jl, pull request 597 at commit b30a334, src/stochastic_fw.jl (commit 0fcf97c mends it).
    """

    def init(params: Vector) -> Stored:
        zero = vectors.zeros_like(params)
        return Stored(tf.zeros([], tf.int64), zero, zero, params)

    def update(xi: Vector, state: Stored, params: Vector, game: Game) -> tuple[Vector, Stored]:
        t = state.t + 1
        kept = 1 - vectors.cast(rho, tf.nest.flatten(params)[0].dtype)
        d = tf.nest.map_structure(lambda d, old, new: kept * (d - old) + new, state.d, state.gradient, xi)
        return d, Stored(t, d, xi, params)

    return Adjustment(init, update)
