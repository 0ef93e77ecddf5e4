"""What a learned optimiser is: a family of rules, indexed by weights that can be trained.

The convention is that of ``learned_optimization``: ``init(key) -> weights``, ``rule(weights) -> Rule``. A learned rule
is a rule, so whatever takes a hand-written one takes it; and as the weights are tensors, whatever differentiates or
maps a rule differentiates or maps over them.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, TypeAlias

from descent import vectors
from descent.games import Game
from descent.quiet import silent_stderr, tf
from descent.randomness import as_seed
from descent.rules.base import Rule
from descent.vectors import Vector

Weights: TypeAlias = Any
Key: TypeAlias = int | tf.Tensor


class LearnedOptimizer(NamedTuple):
    """A family of update rules.

    Args:
        name: of the function that made it; with ``settings`` it says which weights fit.
        settings: that function's arguments, as plain data.
        init: ``(key, dtype=tf.float32) -> weights``; key is an integer or a stateless seed (int32 tensor of shape [2]).
        rule: ``weights -> Rule``.
    """

    name: str
    settings: Mapping[str, Any]
    init: Callable[..., Weights]
    rule: Callable[[Weights], Rule]


def coordinatewise(
    init: Callable[[tf.Tensor], Any],
    update: Callable[[tf.Tensor, Any, tf.Tensor], tuple[tf.Tensor, Any]],
    dtype: tf.DType,
) -> Rule:
    """Make a rule of functions of the flat parameters x, shape [n], which treat every coordinate alike.

    Args:
        init: ``x -> state``.
        update: ``(xi, state, x) -> (step, state)``, all of one type.
        dtype: that type, the weights'; parameters of another are cast, and the step is cast back.
    """

    def flat(x: Vector) -> tf.Tensor:
        return tf.cast(vectors.flatten(x), dtype)

    def rule_update(xi: Vector, state: Any, params: Vector, game: Game) -> tuple[Vector, Any]:
        step, state = update(flat(xi), state, flat(params))
        step = vectors.like(step, params)
        return tf.nest.map_structure(lambda s, w: tf.cast(s, w.dtype), step, params), state

    return Rule(lambda params: init(flat(params)), rule_update)


def stateless_key(key: Key, stream: int) -> tf.Tensor:
    """Return the stateless seed of one of several draws that a key gives."""
    return tf.random.experimental.stateless_fold_in(as_seed(key), stream)


def compiling_quietly(program: Any) -> AbstractContextManager[None]:
    """Return a context in which a program that has yet to be compiled writes nothing to file descriptor 2.

    TensorFlow's graph optimiser asks whether oneDNN could fuse the integer arithmetic of shapes in mapped loops, and
    logs an error for each no. What is really wrong is raised as an exception all the same.

    Args:
        program: a ``Simulator`` or ``Sweep``: its ``traces`` say whether it was compiled.
    """
    return nullcontext() if program.traces else silent_stderr()


def dtype_of(weights: Weights) -> tf.DType:
    """Return the type of the weights' tensors."""
    return tf.nest.flatten(weights)[0].dtype
