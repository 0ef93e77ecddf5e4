"""Data on many clients: who holds which examples, and the sum of the clients' losses as one game.

Clients may hold different numbers of examples. They are stacked with rows of zeros, whose share in the loss is zero.
Several deals of the data, from several seeds, can be side by side on a second axis: they share nothing but the program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from descent.games import Game
from descent.quiet import tf
from descent.randomness import draw_seed

Loss = Literal["linear", "logistic", "svm"]


class Clients(NamedTuple):
    """What the clients hold, padded to the largest of them.

    Args:
        x: examples, float64 of shape [clients, most, d], or [clients, deals, most, d].
        y: labels -1 or 1, shape [clients, most], or [clients, deals, most].
        share: 1 / |D_i| where client i has an example, 0 where it is padded, shaped like y.
    """

    x: np.ndarray
    y: np.ndarray
    share: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """Return |D_i|, shape [clients], or [clients, deals]."""
        return (np.asarray(self.share) > 0).sum(-1)

    @property
    def weights(self) -> tuple[float, ...]:
        """Return p_i = |D_i| / sum_j |D_j|; of several deals, a tuple of one such number for each deal."""
        shares = self.sizes / self.sizes.sum(0)
        return tuple(float(p) if p.ndim == 0 else tuple(map(float, p)) for p in shares)  # type: ignore[misc]

    def start(self) -> tuple[tf.Tensor]:
        """Return weights of zero for each client, shape [clients, d], or [clients, deals, d]."""
        return (tf.zeros([*self.y.shape[:-1], self.x.shape[-1]], tf.as_dtype(self.x.dtype)),)


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


def _generator(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([int(x) for x in draw_seed(seed, name).numpy()])


def iid(examples: int, sizes: Sequence[int], seed: int) -> list[np.ndarray]:
    """Deal examples out at random; return each client's indices."""
    order = _generator(seed, "deal at random").permutation(examples)
    return np.split(order, np.cumsum(sizes)[:-1])


def by_label(labels: np.ndarray, sizes: Sequence[int], seed: int) -> list[np.ndarray]:
    """Deal examples out sorted by label, at random within a label; return each client's indices."""
    order = _generator(seed, "deal by label").permutation(len(labels))
    return np.split(order[np.argsort(labels[order], kind="stable")], np.cumsum(sizes)[:-1])


def dirichlet(labels: np.ndarray, clients: int, concentration: float, seed: int) -> list[np.ndarray]:
    """Deal each label out by shares drawn from a Dirichlet law; small concentrations make clients unlike each other.

    Every client gets at least one example: an empty one takes it from the largest. Sizes are whatever comes of it.

    Source: Hsu, Qi and Brown 2019, label by label as in later work.
    """
    generator = _generator(seed, "deal by a Dirichlet law")
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


def together(deals: Sequence[Clients]) -> Clients:
    """Return several deals side by side, as arrays of shape [clients, deals, ...].

    Args:
        deals: of as many clients each; the largest client of all decides how far all are padded.
    """
    most = max(deal.y.shape[1] for deal in deals)

    def padded(leaf: np.ndarray) -> np.ndarray:
        return np.pad(leaf, [(0, 0), (0, most - leaf.shape[1]), *[(0, 0)] * (leaf.ndim - 2)])

    return Clients(*(np.stack([padded(leaf) for leaf in leaves], 1) for leaves in zip(*deals, strict=True)))


def client_losses(w: tf.Tensor, clients: Clients, loss: Loss, decay: float) -> tf.Tensor:
    """Return F_i(w_i), each client's mean loss and decay |w_i|^2 / 2, shape [clients], or [clients, deals].

    Args:
        w: each client's weights, shape [clients, d], or [clients, deals, d].
        clients: their data.
        loss, decay: as in ``clients_game``.
    """
    x, y, share = (tf.cast(part, w.dtype) for part in clients)
    axes = "ijk"[: w.shape.rank - 1]  # as a sum over names, lanes of a sweep become columns of one matrix product
    margin = y * tf.einsum(f"{axes}md,{axes}d->{axes}m", x, w)
    each = {
        "linear": 0.5 * (1 - margin) ** 2,  # (y - x.w)^2 / 2, for y is 1 or -1
        "logistic": tf.nn.softplus(-margin),
        "svm": 0.5 * tf.nn.relu(1 - margin) ** 2,
    }[loss]
    return tf.reduce_sum(share * each, -1) + 0.5 * decay * tf.reduce_sum(w**2, -1)


def clients_game(clients: Clients, loss: Loss = "logistic", decay: float = 0.0) -> Game:
    """Return the game of one player, weights of shape [clients, d], whose loss is the clients' sum.

    Its gradient is each client's own, row by row, which is what ``rules.federated`` steps along. One client that holds
    all examples is central training. Of several deals the weights are [clients, deals, d].

    Args:
        clients: the batch of the game.
        loss: "linear" (least squares), "logistic", or "svm" (squared hinge).
        decay: of the penalty decay |w|^2 / 2.
    """
    return Game(lambda params, held: (tf.reduce_sum(client_losses(params[0], held, loss, decay)),), clients)


def central_loss(w: tf.Tensor, clients: Clients, loss: Loss, decay: float) -> tf.Tensor:
    """Return F(w) = sum_i p_i F_i(w) of one vector of weights, the same for all clients.

    Args:
        w: shape [d], or [deals, d].
        clients, loss, decay: as in ``client_losses``.

    Returns:
        A scalar, or shape [deals].
    """
    p = tf.constant(clients.weights, w.dtype)
    everywhere = tf.repeat(w[None], len(clients.y), 0)
    return tf.reduce_sum(p * client_losses(everywhere, clients, loss, decay), 0)


def client_minibatches(clients: Clients, batch: int) -> Callable[[tf.Tensor, tf.Tensor], Clients]:
    """Return ``(key, step) -> batch``: so many of each client's own examples, drawn with replacement at every step.

    Args:
        clients: all that they hold, of one deal.
        batch: examples a step and client.
    """
    x, y, sizes = tf.constant(clients.x), tf.constant(clients.y), tf.constant(clients.sizes[:, None], tf.float64)
    share = tf.fill([len(clients.y), batch], tf.constant(1 / batch, x.dtype))

    def draw(key: tf.Tensor, step: tf.Tensor) -> Clients:
        uniform = tf.random.stateless_uniform([len(clients.y), batch], key, dtype=tf.float64)
        rows = tf.cast(uniform * sizes, tf.int32)
        return Clients(tf.gather(x, rows, batch_dims=1), tf.gather(y, rows, batch_dims=1), share)

    return draw


def sampled_clients(rounds: int, clients: int, taking_part: int, seed: int) -> np.ndarray:
    """Return who takes part: each round so many clients, drawn without replacement; [rounds, clients] of 0 and 1."""
    order = _generator(seed, "clients taking part").random((rounds, clients)).argsort(1)
    return (order < taking_part).astype(float)


def clients_in_turn(clients: int, taking_part: int) -> np.ndarray:
    """Return who takes part if groups of clients take turns, one cycle: [clients / taking_part, clients] of 0, 1."""
    groups = np.arange(clients) // taking_part
    return (groups == np.arange(groups.max() + 1)[:, None]).astype(float)
