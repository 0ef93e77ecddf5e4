"""What a step costs, counted: multiplications and additions in matrix products of the traced graph.

Seconds depend on the machine and on who else uses it. The count does not, and for the networks of this book nearly all
of a step's work is in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, step
from descent.vectors import Vector

TRANSPARENT = ("Identity", "StopGradient")  # operations that hand on the one value they get


def gradients_per_step(rule: Rule, game: Game, params: Vector) -> float:
    """Return the cost of one step of a rule in units of one simultaneous gradient.

    Args:
        rule: the rule.
        game: with its batch.
        params: of known shapes; the values don't matter.

    Returns:
        A ratio of matrix-product operations, 1.0 for gradient descent. Products that occur twice with the same
        operands count once, as TensorFlow's graph optimiser computes them once.
    """
    state = rule.init(params)
    whole = matmul_operations(lambda p, s: step(rule, game, p, s), params, state)
    return whole / matmul_operations(game.gradient, params)


def matmul_operations(function: Callable[..., Any], *args: Any) -> int:
    """Return the number of scalar operations, 2 m n k a product, in the matrix products that a function's value needs.

    Args:
        function: of nested tensors, without loops; shapes of two-dimensional products must be known.
        args: its arguments.
    """
    graph = tf.function(function, autograph=False).get_concrete_function(*args).graph
    numbers: dict[Any, int] = {}  # what an operation computes -> its number: equal computations share one
    value: dict[str, tuple[int, int]] = {}  # a tensor's name -> the operation that computes it, which of its outputs
    operations: dict[int, int] = {}
    inputs: dict[int, set[int]] = {}
    for op in graph.get_operations():  # in topological order
        sources = tuple(value[x.name] for x in op.inputs)
        if op.type in TRANSPARENT:
            value[op.outputs[0].name] = sources[0]
            continue
        unique = op.name if op.type == "Placeholder" else _attributes(op)
        number = numbers.setdefault((op.type, sources, unique), len(numbers))
        value.update({x.name: (number, k) for k, x in enumerate(op.outputs)})
        inputs[number] = {source for source, _ in sources}
        operations[number] = _operations(op)
    needed: set[int] = set()
    waiting = {value[x.name][0] for x in graph.outputs}
    while waiting:
        number = waiting.pop()
        needed.add(number)
        waiting |= inputs[number] - needed
    return sum(operations[number] for number in needed)


def _operations(op: tf.Operation) -> int:
    if op.type != "MatMul":
        return 0
    return 2 * op.inputs[0].shape.num_elements() * op.outputs[0].shape[1]  # transposed or not


def _attributes(op: tf.Operation) -> str:
    return str(sorted((name, str(op.get_attr(name))) for name in op.node_def.attr if not name.startswith("_")))
