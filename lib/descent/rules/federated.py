"""Rounds of federated learning, as a rule: clients step by themselves, and every so often they are averaged."""

from collections.abc import Sequence
from typing import Literal, get_args

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, State, that_steps
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector

Slots = Literal["averaged", "reset", "local"]


@maker
def federated(
    rule: Rule, every: Scalar = 4, slots: Slots = "averaged", weights: tuple[float, ...] | None = None
) -> Rule:
    """Average clients after every ``every`` of their own steps: w_i <- sum_j p_j w_j, and so the rule's slots.

    Clients are the leading axis of each tensor of the parameters, and the game's loss is the *sum* of theirs, so that
    xi holds each client's own gradient. With ``gradient_descent`` this is FedAvg, with ``momentum`` and averaged slots
    it is momentum federated learning (MFL). Tensors without an axis belong to no client and are never averaged.

    Args:
        rule: each client's rule; it must act on each number by itself (momentum, Adam), or clients would meet in it.
        every: tau, steps in a round, at least 1.
        slots: what becomes of what the rule remembers: "averaged" like the parameters, "reset" to its start, or
            "local", left with each client. A count of steps has no axis, and is left alone unless it is reset.
        weights: p_i, one for each client, of sum 1; 1 / clients unless given.

    Returns:
        A rule; its state is the number of steps made in this round, int32, and the rule's own state.

    Raises:
        ValueError: slots is none of the three words, or the rule is an adjustment.

    Source: McMahan et al. 2017 (FedAvg); Liu et al. 2020 (MFL), Algorithm 1 as reconstructed. What is averaged is what
    stands after the round's last step.

    Example:
        >>> distance(federated(momentum(0.15, beta=0.5), every=1, slots="local"), bowl)
        0.001
    """
    if slots not in get_args(Slots):
        raise ValueError(f"slots is one of {', '.join(get_args(Slots))}; got {slots!r}")
    rule = that_steps(rule)

    def init(params: Vector) -> State:
        return tf.constant(0), rule.init(params)

    def update(xi: Vector, state: State, params: Vector, game: Game) -> tuple[Vector, State]:
        made, own = state
        change, own = rule.update(xi, own, params, game)
        after = vectors.add(params, change)
        ends = made + 1 >= tf.cast(every, made.dtype)
        mean = tf.nest.map_structure(lambda leaf: mean_of_clients(leaf, weights), after)
        change = tf.nest.map_structure(lambda w, m, d: tf.where(ends, m - w, d), params, mean, change)
        if slots == "averaged":
            own = tf.nest.map_structure(lambda leaf: tf.where(ends, mean_of_clients(leaf, weights), leaf), own)
        elif slots == "reset":
            own = tf.nest.map_structure(lambda leaf, new: tf.where(ends, new, leaf), own, rule.init(params))
        return change, (tf.where(ends, 0, made + 1), own)

    return Rule(init, update)


def mean_of_clients(leaf: tf.Tensor, weights: Sequence[float] | None) -> tf.Tensor:
    """Return sum_i p_i w_i in each client's place, shaped like ``leaf``; what has no axis of clients is returned."""
    if leaf.shape.rank == 0 or not leaf.dtype.is_floating:
        return leaf
    mean = tf.reduce_mean(leaf, 0) if weights is None else tf.tensordot(tf.constant(weights, leaf.dtype), leaf, 1)
    return tf.broadcast_to(mean, tf.shape(leaf))
