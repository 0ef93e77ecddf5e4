"""The released scripts' arithmetic, replayed: which steps they lose, and which rows they send.

Source: Repository BinhangYuan/IST_Release, commit 2f24b9b.
"""

from __future__ import annotations

import numpy as np


def kept_steps(epoch: int, every: int) -> dict[str, int]:
    """Return how many of an epoch's local steps reach the server.

    Args:
        epoch: batches in it.
        every: J.

    Returns:
        "correct": all of them, the rest of the last round pushed at the end; "centralised": a counter that goes up
        twice in a round pushes after J - 1 of J steps, and the J-th is overwritten; "partitioned": a condition that
        can never hold is to push the rest.
    """
    whole = epoch // every
    return {"correct": epoch, "centralised": whole * (every - 1), "partitioned": whole * every}


def rows_sent(units: int, n: int, seed: int, faulty: bool) -> np.ndarray:
    """Return which rows of the second hidden layer the partitioned three-layer script sends, shape [n, units / n].

    Each of n servers holds units / n rows, and permutes and cuts its own into n chunks; worker i is to get chunk i of
    every server.

    Args:
        units: rows in all, divisible by n^2.
        n: servers and workers.
        seed: of the permutations.
        faulty: as released: the chunks of server i's own permutation, all of them, without the server's offset.
    """
    own = units // n
    draw = np.random.default_rng(seed)
    chunks = [draw.permutation(own).reshape(n, own // n) for _ in range(n)]
    if faulty:
        return np.stack([np.concatenate(chunks[i]) for i in range(n)])
    return np.stack([np.concatenate([chunks[j][i] + j * own for j in range(n)]) for i in range(n)])
