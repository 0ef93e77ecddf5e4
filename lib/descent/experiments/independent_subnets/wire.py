"""What travels and what is computed, in closed form: floats on the wire, multiply-adds of a worker, seconds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

BYTES = 4
# A worker and its network, as assumed: float32 multiply-adds a second, and bytes a second to and from the server.
SPEED, BANDWIDTH = 2e11, 1.25e9


def weights(sizes: Sequence[int]) -> int:
    """Return how many weights a network of these widths has, without biases."""
    return sum(a * b for a, b in pairwise(sizes))


def piece(sizes: Sequence[int], n: int) -> int:
    """Return how many weights one of n workers holds: hidden widths are divided by n, inputs and outputs are whole."""
    return weights([sizes[0], *(units // n for units in sizes[1:-1]), sizes[-1]])


def floats_of_round(method: str, sizes: Sequence[int], n: int) -> int:
    """Return the floats that a round sends, to n workers and back.

    Args:
        method: "ist", "local" or "data" (one step a round, whole gradients).
        sizes: widths from input to output.
        n: workers.
    """
    return 2 * n * (piece(sizes, n) if method == "ist" else weights(sizes))


def multiply_adds(method: str, sizes: Sequence[int], n: int, examples: int) -> int:
    """Return the multiply-adds of one worker's step: forward, and twice that backward, but for the inputs' gradient.

    Args:
        method: "ist", "local", "data", or "dropout" (whose dropped units are counted as left out).
        sizes: widths.
        n: workers, or 1 / keep for dropout.
        examples: that the worker sees.
    """
    widths = [sizes[0], *(units // n for units in sizes[1:-1]), sizes[-1]] if method in ("ist", "dropout") else sizes
    return examples * (3 * weights(widths) - widths[0] * widths[1])


def seconds(method: str, sizes: Sequence[int], n: int, examples: int, steps: int, every: int) -> float:
    """Return the simulated time of some steps with one worker's share of examples, at ``SPEED`` and ``BANDWIDTH``.

    Args:
        method: as above; "data" sends every step.
        sizes: widths.
        n: workers.
        examples: of one worker's step.
        steps: how many.
        every: steps a round, J.
    """
    sent = 0 if method == "dropout" else steps / (1 if method == "data" else every) * floats_of_round(method, sizes, n)
    return steps * multiply_adds(method, sizes, n, examples) / SPEED + sent / n * BYTES / BANDWIDTH
