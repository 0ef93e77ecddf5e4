r"""Differentiable games: losses, their simultaneous gradient xi, and products with its Jacobian J.

Player i owns w_i and moves it down its own loss l_i(w_1, ..., w_n). The *simultaneous gradient* is

    xi(w) = (d l_1/d w_1, ..., d l_n/d w_n),        J_ij = d^2 l_i / (d w_i d w_j).

J = S + A has a symmetric part S (the game's potential part) and an antisymmetric part A (its Hamiltonian part). A loss
is a game with one player: then J is its Hessian and A = 0.

Every product below is one reverse sweep over one gradient computation; no matrix is formed. Two identities of mixed
derivatives keep the sweeps few. With v = (v_1, ..., v_n) constant under d/dw_i,

    (J   v)_i = d/dw_i  sum_j <d l_i/d w_j, v_j>             (row i of J is the gradient of a directional derivative)
    (J^T v)_i = d/dw_i  sum_j <d l_j/d w_j, v_j>
    (A^T v)_i = 1/2 d/dw_i  sum_{j != i} <d (l_j - l_i)/d w_j, v_j>

and the last needs only opponents' derivatives: the diagonal blocks of J are symmetric, so they cancel in A. (v is made
before the tape that takes d/dw_i starts recording, so it is constant there and yet differentiable from outside.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from descent import vectors
from descent.quiet import tf
from descent.vectors import Vector

Losses = Callable[[tuple[Vector, ...], Any], tuple[tf.Tensor, ...]]


@dataclass(frozen=True)
class Game:
    """A differentiable game of n players.

    Args:
        loss_functions: ``(params, batch) -> (l_1, ..., l_n)``, scalars; ``params`` is a tuple of n vectors.
        batch: the data (or the game's own coefficients) that the losses see; ``at`` sets it.
        zero_sum: promise that two players' losses add up to a constant: one loss then serves for both gradients and for
            ``rotation``, and a rule may count on the symmetry (CGD does).

    Source: Balduzzi et al. 2018, Definitions 1 to 3; Letcher et al. 2019, section 2.
    """

    loss_functions: Losses
    batch: Any = None
    zero_sum: bool = False

    def at(self, batch: Any) -> Game:
        """Return the same game seen through a batch (a nested structure of tensors)."""
        return replace(self, batch=batch)

    def losses(self, params: tuple[Vector, ...]) -> tuple[tf.Tensor, ...]:
        """Return (l_1, ..., l_n) at params.

        Raises:
            ValueError: if the number of losses is not the number of players, or one of them is no scalar: its
                derivative would be that of the sum in some rules and n times as large in others.
        """
        losses = self.loss_functions(params, self.batch)
        if not isinstance(params, tuple) or not isinstance(losses, tuple) or len(losses) != len(params):
            raise ValueError(
                "a game's params and losses are tuples with one entry per player; got "
                f"{_entries(params)} parameters and {_entries(losses)} losses (one player: `(w,)` and `(loss,)`)"
            )
        for player, loss in enumerate(losses):
            shape = tf.TensorShape(getattr(loss, "shape", ()))
            if shape.rank:
                raise ValueError(f"losses are scalars, that of player {player} has shape {shape}: take tf.reduce_mean")
        if self.zero_sum and len(params) != 2:
            raise ValueError(f"zero_sum=True is for two players, this game has {len(params)}: leave it out")
        return losses

    def alone(self, params: tuple[Vector, ...], player: int) -> Game:
        """Return the one-player game in which this player moves and the others stand still at params."""

        def losses(own: tuple[Vector, ...], batch: Any) -> tuple[tf.Tensor, ...]:
            return (self.at(batch).losses((*params[:player], own[0], *params[player + 1 :]))[player],)

        return Game(losses, self.batch)

    def gradient(self, params: tuple[Vector, ...]) -> tuple[Vector, ...]:
        """Return the simultaneous gradient xi = (d l_i / d w_i)_i, structured like params."""
        return self.losses_and_gradient(params)[1]

    def losses_and_gradient(self, params: tuple[Vector, ...]) -> tuple[tuple[tf.Tensor, ...], tuple[Vector, ...]]:
        """Return the losses and xi from one forward pass."""
        with _tape(params, persistent=len(params) > 1) as tape:
            losses = self.losses(params)
        if self.zero_sum:
            first, second = _gradient(tape, losses[1], params)
            return losses, (vectors.scale(-1.0, first), second)
        return losses, tuple(_gradient(tape, loss, w) for loss, w in zip(losses, params, strict=True))

    def player_gradient(self, params: tuple[Vector, ...], player: int) -> Vector:
        """Return d l_i / d w_i for one player i, structured like ``params[player]``."""
        with _tape(params[player]) as tape:
            loss = self.losses(params)[player]
        return _gradient(tape, loss, params[player])

    def jvp(self, params: tuple[Vector, ...], v: tuple[Vector, ...]) -> tuple[Vector, ...]:
        """Return J v: how xi changes along v. Both arguments and the result are structured like params."""
        params = _apart(params)
        with _tape(params, persistent=True) as outer:
            with _tape(params, persistent=True) as inner:
                losses = self.losses(params)
            slopes = [vectors.dot(_gradient(inner, loss, params), v) for loss in losses]
        return tuple(_gradient(outer, slope, w) for slope, w in zip(slopes, params, strict=True))

    def vjp(self, params: tuple[Vector, ...], v: tuple[Vector, ...]) -> tuple[Vector, ...]:
        """Return J^T v; with v = xi it is the gradient of the Hamiltonian H = |xi|^2 / 2."""
        params = _apart(params)
        with _tape(params) as outer:
            slope = vectors.dot(self.gradient(params), v)
        return _gradient(outer, slope, params)

    def products(self, params: tuple[Vector, ...], v: tuple[Vector, ...]) -> tuple[Vector, Vector]:
        """Return (J v, J^T v) from one set of first derivatives, for less than ``jvp`` and ``vjp`` apart.

        Both are structured like params. Half their difference is A^T v, half their sum S v.
        """
        params = _apart(params)
        players = range(len(params))
        with _tape(params, persistent=True) as outer:
            with _tape(params, persistent=True) as inner:
                losses = self.losses(params)
            # slopes[i][j]: how l_i changes as player j moves along v_j
            slopes = [[vectors.dot(_gradient(inner, loss, params[j]), v[j]) for j in players] for loss in losses]
            rows = [tf.add_n(slopes[i]) for i in players]
            trace = tf.add_n([slopes[i][i] for i in players])
        jv = tuple(_gradient(outer, row, w) for row, w in zip(rows, params, strict=True))
        return jv, _gradient(outer, trace, params)

    def mixed(self, params: tuple[Vector, ...], loss: int, i: int, j: int) -> Callable[[Vector], Vector]:
        """Return the linear map v -> (d^2 l / d w_i d w_j) v for one loss l and players i != j.

        Its transpose is the map with i and j exchanged. The first derivatives are computed once, here; each call of the
        map is one reverse sweep through them, also from inside a ``tf.while_loop``.
        """
        with _tape(params[i], persistent=True) as outer:
            with _tape(params[j]) as inner:
                value = self.losses(params)[loss]
            slope = _gradient(inner, value, params[j])
        return lambda v: _gradient(outer, slope, params[i], v)

    def rotation(self, params: tuple[Vector, ...], v: tuple[Vector, ...]) -> tuple[Vector, ...]:
        """Return A^T v = (J^T v - J v) / 2, from mixed derivatives alone.

        Args:
            params: tuple of n vectors.
            v: structured like params.

        Returns:
            Structured like params. With ``zero_sum`` (l_1 = const - l_2) the formula of this file's head needs the
            first derivatives of one loss only:

                (A^T v)_1 = d/dw_1 <d l_2/d w_2, v_2>,     (A^T v)_2 = -d/dw_2 <d l_2/d w_1, v_1>.

        Source: Letcher et al. 2019, section 3.2 (A^T xi); the reduction to mixed blocks is ours.
        """
        params = _apart(params)
        players = range(len(params))
        pairs = [(i, j) for i in players for j in players if i != j]
        with _tape(params, persistent=True) as outer:
            with _tape(params, persistent=True) as inner:
                losses = self.losses(params)
                # what w_j would change in l_j beyond what it changes in l_i
                surplus = {(i, j): 0.5 * (losses[j] - losses[i]) for i, j in pairs}
            if self.zero_sum:
                along = [vectors.dot(_gradient(inner, losses[1], w), u) for w, u in zip(params, v, strict=True)]
                slopes = [along[1], -along[0]]
            else:
                slopes = [tf.zeros_like(loss) for loss in losses]
                for i, j in pairs:
                    slopes[i] += vectors.dot(_gradient(inner, surplus[i, j], params[j]), v[j])
        return tuple(_gradient(outer, slope, w) for slope, w in zip(slopes, params, strict=True))

    def jacobian(self, params: tuple[Vector, ...]) -> tf.Tensor:
        """Return the dense J, shape [d, d] with d the number of coordinates: for small games.

        Rows and columns are in the order of ``vectors.flatten(params)``.
        """
        flat = vectors.flatten(params)
        basis = tf.eye(vectors.size(params), dtype=flat.dtype)
        columns = tf.vectorized_map(lambda e: vectors.flatten(self.jvp(params, vectors.like(e, params))), basis)
        return tf.transpose(columns)


def split(jacobian: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return (S, A): the symmetric and the antisymmetric part of a dense J, so that J = S + A."""
    transpose = tf.linalg.matrix_transpose(jacobian)
    return (jacobian + transpose) / 2, (jacobian - transpose) / 2


@contextmanager
def _tape(watched: Vector, persistent: bool = False) -> Iterator[tf.GradientTape]:
    with tf.GradientTape(persistent=persistent, watch_accessed_variables=False) as tape:
        tape.watch(watched)
        yield tape


def _gradient(tape: tf.GradientTape, target: Vector, sources: Vector, along: Vector | None = None) -> Vector:
    # A loss that does not depend on some parameter has derivative zero there, not None.
    return vectors.dense(tape.gradient(target, sources, along, unconnected_gradients=tf.UnconnectedGradients.ZERO))


def _apart(params: Vector) -> Vector:
    # Other tensors of the same values: v may be params itself, and would otherwise be differentiated with it.
    return tf.nest.map_structure(tf.identity, params)


def _entries(x: Any) -> str:
    return str(len(x)) if isinstance(x, tuple) else f"a {type(x).__name__}"
