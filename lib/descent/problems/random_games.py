"""Random quadratic games with a prescribed kind of potential part S and Hamiltonian part A."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Potential = Literal["any", "none", "positive", "negative"]


def random_jacobians(
    seed: int, n: int, sizes: Sequence[int], potential: Potential = "any", rotation: float = 1.0
) -> np.ndarray:
    """Draw Jacobians J = S + A of quadratic games.

    Args:
        seed: of the draws.
        n: how many.
        sizes: the number of coordinates of each player.
        potential: what S is. "any": independent normal entries, symmetrised; "none": zero, so the game is Hamiltonian;
            "positive": positive definite, eigenvalues uniform in (0, 1), eigenvectors uniformly distributed;
            "negative": minus such a one.
        rotation: standard deviation of the entries of A; 0 makes potential games.

    Returns:
        Shape [n, d, d] with d = sum(sizes). A is zero inside players' own blocks, since those of J are Hessians.
    """
    rng = np.random.default_rng(seed)
    d = sum(sizes)
    entries = rng.normal(size=(n, d, d))
    if potential == "any":
        s = (entries + entries.transpose(0, 2, 1)) / 2
    elif potential == "none":
        s = np.zeros((n, d, d))
    else:
        q = np.linalg.qr(entries)[0]
        values = 1 - rng.random((n, 1, d))
        s = (q * values) @ q.transpose(0, 2, 1) * (1 if potential == "positive" else -1)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    upper = np.triu(rng.normal(scale=rotation, size=(n, d, d)), 1) * (owner[:, None] != owner)
    return s + upper - upper.transpose(0, 2, 1)
