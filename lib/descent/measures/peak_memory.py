"""What a step holds, counted: the most bytes that the tensors of a compiled graph take at once."""

from __future__ import annotations

import numpy as np

from descent.quiet import tf

# Operations whose output is their input's memory under another name.
ALIASES = ("Identity", "Reshape", "StopGradient", "Squeeze", "ExpandDims")


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
