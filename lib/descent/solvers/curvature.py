"""Products with a loss's second derivatives, linearised once and applied many times.

A curvature is a function ``(game, own, rebuild) -> (v -> C v)``: ``own`` are the parameters that move, ``rebuild``
gives the game's params with them in place, so that the same code serves a whole network and any part of it. First
derivatives are computed once, when the curvature is made; each product is then a reverse sweep through them, also from
inside a ``tf.while_loop``.
"""

from collections.abc import Callable
from typing import Any

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.solvers.krylov import LinearMap
from descent.vectors import Vector

Rebuild = Callable[[Vector], tuple[Vector, ...]]
Curvature = Callable[[Game, Vector, Rebuild], LinearMap]


def hessian(game: Game, own: Vector, rebuild: Rebuild) -> LinearMap:
    """The Hessian of the one player's loss: it may have negative eigenvalues.

    Args:
        game: with its batch.
        own: the parameters that move.
        rebuild: own -> the game's params.

    Returns:
        v -> H v, on vectors structured like own.

    Source: Pearlmutter 1994, by reverse mode twice.
    """
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as outer:
        outer.watch(own)
        with tf.GradientTape(watch_accessed_variables=False) as inner:
            inner.watch(own)
            loss = game.losses(rebuild(own))[0]
        gradient = _zero_if_none(inner, loss, own)
    return lambda v: _zero_if_none(outer, gradient, own, v)


def gauss_newton(
    outputs: Callable[[tuple[Vector, ...], Any], tf.Tensor], loss: Callable[[tf.Tensor, Any], tf.Tensor]
) -> Curvature:
    """The Gauss-Newton matrix J^T H_l J: never negative if the loss is convex in the outputs.

    Args:
        outputs: ``(params, batch) -> z``, a tensor; a network, say. J is its derivative.
        loss: ``(z, batch) -> scalar``; H_l is its Hessian. The game's loss is the one after the other.

    Returns:
        A curvature. It is the Hessian less the part in which the outputs bend, and equals it where they are linear.

    Source: Schraudolph 2002; J v takes two reverse sweeps (J^T u is linear in u, and J v is its derivative along v).
    """

    def curvature(game: Game, own: Vector, rebuild: Rebuild) -> LinearMap:
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as linear:
            with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
                tape.watch(own)
                z = outputs(rebuild(own), game.batch)
            u = tf.ones_like(z)
            linear.watch(u)
            jtu = _zero_if_none(tape, z, own, u)
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as outer:
            outer.watch(z)
            with tf.GradientTape(watch_accessed_variables=False) as inner:
                inner.watch(z)
                value = loss(z, game.batch)
            slope = _zero_if_none(inner, value, z)

        def apply(v: Vector) -> Vector:
            jv = _zero_if_none(linear, jtu, u, v)
            return _zero_if_none(tape, z, own, _zero_if_none(outer, slope, z, jv))

        return apply

    return curvature


def block(curvature: Curvature, game: Game, params: Vector, only: Any = None) -> LinearMap:
    """Return v -> C v for the block of the curvature that belongs to the parameters that ``only`` marks.

    Vectors are structured as ``select(params, only)`` is.
    """
    return curvature(game, select(params, only), lambda own: merge(own, params, only))


def select(params: Vector, only: Any) -> Vector:
    """Return params, or the list of those of its leaves that ``only`` marks."""
    if only is None:
        return params
    tf.nest.assert_same_structure(params, only)
    pairs = zip(tf.nest.flatten(params), tf.nest.flatten(only), strict=True)
    return [leaf for leaf, chosen in pairs if chosen]


def merge(leaves: Vector, params: Vector, only: Any) -> Vector:
    """Return params with the marked leaves replaced: what ``select`` took out goes back in."""
    if only is None:
        return leaves
    new = iter(leaves)
    pairs = zip(tf.nest.flatten(params), tf.nest.flatten(only), strict=True)
    return tf.nest.pack_sequence_as(params, [next(new) if chosen else leaf for leaf, chosen in pairs])


def _zero_if_none(tape: tf.GradientTape, target: Vector, sources: Vector, along: Vector | None = None) -> Vector:
    return vectors.dense(tape.gradient(target, sources, along, unconnected_gradients=tf.UnconnectedGradients.ZERO))
