"""Rounds of federated learning, as rules: clients step by themselves, and every so often they are averaged."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, get_args

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Adjustment, Rule, State, that_steps
from descent.rules.makers import maker
from descent.vectors import Scalar, Vector

Slots = Literal["averaged", "reset", "local"]


class Rounds(NamedTuple):
    """Steps made, int32; what the clients' rule remembers; where the round began, and what the server remembers."""

    made: tf.Tensor
    clients: State
    began: Vector
    server: State


@maker
def federated(
    rule: Rule,
    every: Scalar = 4,
    slots: Slots = "averaged",
    weights: tuple[Any, ...] | None = None,
    server: Rule | None = None,
    present: Any = None,
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
        weights: p_i, one for each client, of sum 1; 1 / clients unless given. A tuple for a client is one weight for
            each entry of the tensors' second axis.
        server: steps along (the round's start - average) as its gradient: ``momentum(1.0, 0.9)`` is FedAvgM. Without
            one the average stands.
        present: who takes part, [rounds, clients] of 0 and 1, taken in turn and again from the first. Who is absent
            does nothing in the round, has no part in the average, and is sent it all the same.

    Returns:
        A rule; its state is ``Rounds``.

    Raises:
        ValueError: slots is none of the three words, or the rule is an adjustment.

    Source: McMahan et al. 2017 (FedAvg); Liu et al. 2020 (MFL), Algorithm 1 as reconstructed; Hsu et al. 2019
    (FedAvgM); Reddi et al. 2021 (servers with rules). What is averaged is what stands after the round's last step.

    Example:
        >>> distance(federated(momentum(0.15, beta=0.5), every=1, slots="local"), bowl)
        0.001
    """
    if slots not in get_args(Slots):
        raise ValueError(f"slots is one of {', '.join(get_args(Slots))}; got {slots!r}")
    rule, server = that_steps(rule), None if server is None else that_steps(server)

    def init(params: Vector) -> Rounds:
        zero = tf.constant(0)
        return Rounds(zero, rule.init(params), params if server else (), server.init(params) if server else ())

    def update(xi: Vector, state: Rounds, params: Vector, game: Game) -> tuple[Vector, Rounds]:
        here, tau = who_takes_part(present, state.made, every), tf.cast(every, tf.int32)
        change, own = rule.update(xi, state.clients, params, game)
        if here is not None:
            change = tf.nest.map_structure(lambda d: by_client(here, d) * d, change)
            own = tf.nest.map_structure(lambda new, old: only(here, new, old), own, state.clients)
        made = state.made + 1
        ends, after = made % tau == 0, vectors.add(params, change)
        mean = tf.nest.map_structure(lambda leaf: mean_of_clients(leaf, weights, here), after)
        remembered, began = state.server, state.began
        if server:
            pseudo = tf.nest.map_structure(tf.subtract, began, mean)
            move, new = server.update(pseudo, remembered, began, game)
            mean = vectors.add(began, move)
            remembered = tf.nest.map_structure(lambda n, o: tf.where(ends, n, o), new, remembered)
            began = tf.nest.map_structure(lambda m, w: tf.where(ends, m, w), mean, began)
        change = tf.nest.map_structure(lambda w, m, d: tf.where(ends, m - w, d), params, mean, change)
        if slots == "averaged":
            own = tf.nest.map_structure(lambda leaf: tf.where(ends, mean_of_clients(leaf, weights, here), leaf), own)
        elif slots == "reset":
            own = tf.nest.map_structure(lambda leaf, new: tf.where(ends, new, leaf), own, rule.init(params))
        return change, Rounds(made, own, began, remembered)

    return Rule(init, update)


class Variates(NamedTuple):
    """Steps made; the sum of each client's gradients in this round; their mean in its last one, c_i."""

    made: tf.Tensor
    sums: Vector
    means: Vector


@maker
def scaffold(every: Scalar = 4, weights: tuple[Any, ...] | None = None, present: Any = None) -> Adjustment:
    """Take each client's own direction out of its gradient: xi_i - c_i + sum_j p_j c_j, with c_i of the last round.

    c_i is the mean of the client's gradients in the last round in which it took part, and zero before. Put it before
    the rounds: ``chain(scaffold(4), federated(gradient_descent(0.1), 4))`` is SCAFFOLD.

    Args:
        every, weights, present: as in ``federated``.

    Returns:
        An adjustment; its state is ``Variates``.

    Source: Karimireddy et al. 2020, Algorithm 1 with option II, where (x - y_i) / (K eta) + c_i - c is that mean.
    Departure: weights p_i, and a rule of one's own behind it.

    Example:
        >>> distance(chain(scaffold(2), federated(gradient_descent(0.15), 2)), bowl)
        0.002
    """

    def init(params: Vector) -> Variates:
        return Variates(tf.constant(0), vectors.zeros_like(params), vectors.zeros_like(params))

    def update(xi: Vector, state: Variates, params: Vector, game: Game) -> tuple[Vector, Variates]:
        here, tau = who_takes_part(present, state.made, every), tf.cast(every, tf.int32)
        made = state.made + 1
        ends, sums = made % tau == 0, vectors.add(state.sums, xi)
        adjusted = tf.nest.map_structure(
            lambda g, c: g - c + (mean_of_clients(c, weights) if c.shape.rank else c), xi, state.means
        )

        def renewed(total: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
            return tf.where(ends, only(here, total / tf.cast(tau, total.dtype), old), old)

        means = tf.nest.map_structure(renewed, sums, state.means)
        sums = tf.nest.map_structure(lambda total: tf.where(ends, tf.zeros_like(total), total), sums)
        return adjusted, Variates(made, sums, means)

    return Adjustment(init, update)


def mean_of_clients(leaf: tf.Tensor, weights: Sequence[Any] | None, here: tf.Tensor | None = None) -> tf.Tensor:
    """Return sum_i p_i w_i in each client's place, shaped like ``leaf``; what has no axis of clients is returned.

    Args:
        leaf: clients on the first axis.
        weights: p_i; None: all alike.
        here: 1 for each client that takes part and 0 for others, whose p_i is taken to be 0; None: all do.
    """
    if leaf.shape.rank == 0 or not leaf.dtype.is_floating:
        return leaf
    p = tf.fill(tf.shape(leaf)[:1], tf.ones([], leaf.dtype)) if weights is None else tf.constant(weights, leaf.dtype)
    p = p if here is None else by_client(here, p) * p
    p = by_client(p / tf.reduce_sum(p, 0), leaf)
    return tf.broadcast_to(tf.reduce_sum(p * leaf, 0), tf.shape(leaf))


def who_takes_part(present: Any, made: tf.Tensor, every: Scalar) -> tf.Tensor | None:
    """Return this round's row of ``present``, or None if all always take part."""
    if present is None:
        return None
    rows = tf.convert_to_tensor(present)
    return tf.gather(rows, made // tf.cast(every, made.dtype) % tf.shape(rows)[0])


def by_client(numbers: tf.Tensor, leaf: tf.Tensor) -> tf.Tensor:
    """Return numbers for the leading axes of ``leaf``, in its type, with axes of one behind."""
    missing = leaf.shape.rank - numbers.shape.rank
    return tf.cast(tf.reshape(numbers, [*numbers.shape, *[1] * missing]), leaf.dtype)


def only(here: tf.Tensor | None, new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
    """Return what is new of those who take part, and old of the others; what has no axis of clients is new."""
    return new if here is None or new.shape.rank == 0 else tf.where(by_client(here, new) > 0, new, old)
