"""Rules that remember what they have cost, in gradients of one player or mixed products: the unit of the CGD paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from descent.games import Game
from descent.quiet import tf
from descent.rules import Rule
from descent.vectors import Vector


class Counted(NamedTuple):
    """The rule's own state, and units so far (float32 scalar)."""

    inner: Any
    units: tf.Tensor


def counted(rule: Rule, units: Callable[[Any], Any]) -> Rule:
    """Add up the units of the steps of a rule; ``units`` of a step is a function of the state after it."""

    def init(params: Vector) -> Counted:
        return Counted(rule.init(params), tf.constant(0.0))

    def update(xi: Vector, state: Counted, params: Vector, game: Game) -> tuple[Vector, Counted]:
        step, inner = rule.update(xi, state.inner, params, game)
        return step, Counted(inner, state.units + tf.cast(units(inner), tf.float32))

    return Rule(init, update, f"counted({rule})")


def one_sided(state: Any) -> tf.Tensor:
    """Return the units of CGD or ACGD: two gradients, a product for each player, and two for each iteration."""
    return 4 + 2 * state.iterations
