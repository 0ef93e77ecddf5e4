"""Data on many clients: who holds which examples, and the sum of the clients' losses as one game.

Clients may hold different numbers of examples. They are stacked with rows of zeros, whose share in the loss is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from descent.games import Game
from descent.quiet import tf

Loss = Literal["linear", "logistic", "svm"]


class Clients(NamedTuple):
    """What the clients hold, padded to the largest of them.

    Args:
        x: examples, float64 of shape [clients, most, d].
        y: labels -1 or 1, shape [clients, most].
        share: 1 / |D_i| where client i has an example, 0 where it is padded, shape [clients, most].
    """

    x: np.ndarray
    y: np.ndarray
    share: np.ndarray

    @property
    def weights(self) -> tuple[float, ...]:
        """Return p_i = |D_i| / sum_j |D_j|."""
        sizes = (self.share > 0).sum(1)
        return tuple(map(float, sizes / sizes.sum()))


def sizes_like(shares: Sequence[float], examples: int) -> np.ndarray:
    """Return whole sizes in these proportions, each at least 1, whose sum is ``examples``.

    Raises:
        ValueError: there are more clients than examples, or a share is not positive.
    """
    p = np.asarray(shares, float)
    if len(p) > examples or (p <= 0).any():
        raise ValueError(f"{examples} examples for {len(p)} clients: give each a positive share, and one example")
    ends = np.rint(np.cumsum(p / p.sum()) * (examples - len(p))).astype(int)
    return np.diff(ends, prepend=0) + 1


def iid(examples: int, sizes: Sequence[int], seed: int) -> list[np.ndarray]:
    """Deal examples out at random; return each client's indices."""
    order = np.random.default_rng(seed).permutation(examples)
    return np.split(order, np.cumsum(sizes)[:-1])


def by_label(labels: np.ndarray, sizes: Sequence[int], seed: int) -> list[np.ndarray]:
    """Deal examples out sorted by label, at random within a label; return each client's indices."""
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.split(order[np.argsort(labels[order], kind="stable")], np.cumsum(sizes)[:-1])


def dirichlet(labels: np.ndarray, clients: int, concentration: float, seed: int) -> list[np.ndarray]:
    """Deal each label out by shares drawn from a Dirichlet law; small concentrations make clients unlike each other.

    Every client gets at least one example: an empty one takes it from the largest. Sizes are whatever comes of it.

    Source: Hsu, Qi and Brown 2019, label by label as in later work.
    """
    generator = np.random.default_rng(seed)
    parts: list[list[int]] = [[] for _ in range(clients)]
    for label in np.unique(labels):
        own = generator.permutation(np.flatnonzero(labels == label))
        shares = generator.dirichlet(np.full(clients, concentration))
        for part, some in zip(
            parts, np.split(own, np.rint(np.cumsum(shares)[:-1] * len(own)).astype(int)), strict=True
        ):
            part.extend(some)
    for part in parts:
        if not part:
            part.append(max(parts, key=len).pop())
    return [np.array(part) for part in parts]


def stacked(x: np.ndarray, y: np.ndarray, parts: Sequence[np.ndarray]) -> Clients:
    """Return the clients that hold these examples.

    Args:
        x: all examples, shape [n, d].
        y: their labels, -1 or 1, shape [n].
        parts: each client's indices.
    """
    shape = len(parts), max(map(len, parts))
    found = Clients(np.zeros((*shape, x.shape[1])), np.zeros(shape), np.zeros(shape))
    for i, part in enumerate(parts):
        found.x[i, : len(part)], found.y[i, : len(part)] = x[part], y[part]
        found.share[i, : len(part)] = 1 / len(part)
    return found


def client_losses(w: tf.Tensor, clients: Clients, loss: Loss, decay: float) -> tf.Tensor:
    """Return F_i(w_i), each client's mean loss and decay |w_i|^2 / 2, shape [clients]; w is [clients, d]."""
    x, y, share = (tf.cast(part, w.dtype) for part in clients)
    margin = y * tf.einsum("imd,id->im", x, w)
    each = {
        "linear": 0.5 * (1 - margin) ** 2,  # (y - x.w)^2 / 2, for y is 1 or -1
        "logistic": tf.nn.softplus(-margin),
        "svm": 0.5 * tf.nn.relu(1 - margin) ** 2,
    }[loss]
    return tf.reduce_sum(share * each, 1) + 0.5 * decay * tf.reduce_sum(w**2, 1)


def clients_game(clients: Clients, loss: Loss = "logistic", decay: float = 0.0) -> Game:
    """Return the game of one player, weights of shape [clients, d], whose loss is the clients' sum.

    Its gradient is each client's own, row by row, which is what ``rules.federated`` steps along. One client that holds
    all examples is central training.

    Args:
        clients: the batch of the game.
        loss: "linear" (least squares), "logistic", or "svm" (squared hinge).
        decay: of the penalty decay |w|^2 / 2.
    """
    return Game(lambda params, held: (tf.reduce_sum(client_losses(params[0], held, loss, decay)),), clients)
