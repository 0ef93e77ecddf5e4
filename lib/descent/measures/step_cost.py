"""What a step takes: seconds measured, memory counted; and memory foretold, so that too much is refused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from descent.games import Game
from descent.quiet import tf
from descent.rules.base import Rule, step
from descent.vectors import Vector

# What a step holds at most, in parameter vectors: the parameters, what they become, the rule's state and what it
# becomes, xi, two products with J, their sum. Activations are kept for the first and for the second derivatives.
PARAMETER_COPIES, ACTIVATION_COPIES, SAMPLE_COPIES = 8, 12, 3

# Operations whose output is their input's memory under another name.
ALIASES = ("Identity", "Reshape", "StopGradient", "Squeeze", "ExpandDims")


class StepCost(NamedTuple):
    """Seconds of one step, and bytes of the tensors that it makes and holds at once."""

    seconds: float
    peak: int


def step_costs(cases: Sequence[tuple[Rule, Game, Vector]], rounds: int = 15, repeats: int = 3) -> list[StepCost]:
    """Measure one compiled step of each of some rules on some games.

    Args:
        cases: (rule, game with its batch, params to step from).
        rounds: passes over all cases: turn by turn, so that a busy spell of the machine hits all of them alike.
        repeats: steps timed per case and round.

    Returns:
        Per case, seconds: the least of all its steps, as other programs on the machine only ever add. Bytes: as
        ``peak_bytes`` counts.
    """
    steps, least = [], [float("inf")] * len(cases)
    for rule, game, params in cases:
        one = tf.function(partial(step, rule, game), autograph=False).get_concrete_function(params, rule.init(params))
        one(params, rule.init(params))
        steps.append(one)
    for _ in range(rounds):
        for k, (one, (rule, _, params)) in enumerate(zip(steps, cases, strict=True)):
            state = rule.init(params)
            for _ in range(repeats):
                began = time.perf_counter()
                tf.nest.flatten(one(params, state))[0].numpy()
                least[k] = min(least[k], time.perf_counter() - began)
    return [StepCost(seconds, peak_bytes(one.graph)) for seconds, one in zip(least, steps, strict=True)]


def peak_bytes(graph: tf.Graph) -> int:
    """Return the most bytes that the tensors of a graph hold at once, its inputs and constants left out.

    Operations run in the graph's order; a tensor is freed after the last operation that reads it, outputs never.

    Args:
        graph: of a concrete function, without loops; all shapes must be known.

    Departures: TensorFlow may run operations in another order, and write some results over their inputs; the count is
    the graph's, not the allocator's, and the same on every machine.
    """
    operations = graph.get_operations()
    root: dict[str, str] = {}  # a tensor's name -> that of the tensor whose memory it is
    for op in operations:
        for out in op.outputs:
            root[out.name] = root[op.inputs[0].name] if op.type in ALIASES else out.name
    held = {root[out.name] for out in graph.outputs}
    needed = _needed(graph)
    last = {root[x.name]: op for op in operations if op in needed for x in op.inputs}
    size, live, peak = {}, 0, 0
    for op in operations:
        if op not in needed or op.type in ("Placeholder", "Const"):
            continue
        for out in op.outputs:
            if root[out.name] == out.name:
                size[out.name] = int(np.prod(out.shape.as_list(), dtype=np.int64)) * out.dtype.size
                live += size[out.name]
        peak = max(peak, live)
        for name in {root[x.name] for x in (*op.inputs, *op.outputs)}:
            if last.get(name, op) is op and name not in held:
                live -= size.pop(name, 0)
    return peak


def _needed(graph: tf.Graph) -> set[tf.Operation]:
    waiting, needed = [x.op for x in graph.outputs], set()
    while waiting:
        op = waiting.pop()
        if op not in needed:
            needed.add(op)
            waiting += [x.op for x in op.inputs]
    return needed


class Memory(NamedTuple):
    """Bytes that a run needs, by what they hold."""

    parameters: int
    activations: int
    samples: int


def memory_needed(
    dimension: int,
    width: int,
    depth: int = 2,
    latent: int = 200,
    batch: int = 64,
    samples: int = 0,
    records: int = 1,
    lanes: int = 1,
) -> Memory:
    """Foretell the memory of training a generator and a discriminator, rather too much than too little.

    Args:
        dimension: d of the samples.
        width: units of each hidden layer.
        depth: hidden layers of each network.
        latent: coordinates of z.
        batch: real samples and z's per step.
        samples: generated samples per record.
        records: how many are held.
        lanes: networks of this size trained side by side.
    """
    inner = (depth - 1) * (width + 1) * width
    parameters = (latent + 1) * width + inner + (width + 1) * dimension  # generator
    parameters += (dimension + 1) * width + inner + width + 1  # discriminator
    activations = latent + 3 * dimension + 3 * depth * width + 2  # generator once; discriminator on real and generated
    evaluated = samples * (latent + depth * width + dimension * records * SAMPLE_COPIES)
    size = 4 * lanes
    return Memory(
        size * PARAMETER_COPIES * parameters, size * ACTIVATION_COPIES * batch * activations, size * evaluated
    )


def refuse_beyond(limit: float, needed: Memory, what: str) -> None:
    """Raise unless a run fits.

    Args:
        limit: bytes.
        needed: bytes, from ``memory_needed``.
        what: the sizes, as the user knows them.

    Raises:
        MemoryError: it does not fit; the message names the size and the limit.
    """
    total = sum(needed)
    if total > limit:
        parts = ", ".join(f"{name} {value / 1e6:,.0f}" for name, value in needed._asdict().items())
        raise MemoryError(
            f"{what}: needs about {total / 1e6:,.0f} MB ({parts}), more than the limit of {limit / 1e6:,.0f} MB: "
            "choose smaller sizes or raise memory_mb"
        )
