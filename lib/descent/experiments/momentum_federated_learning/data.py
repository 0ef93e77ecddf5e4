"""Images on clients: odd against even, dealt out evenly or by label, from many seeds side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from descent.problems.clients import Clients, by_label, dirichlet, iid, sizes_like, stacked, together
from descent.problems.images import load
from descent.randomness import draw_seed

Skew = Literal["iid", "dirichlet", "label"]
SHARES = (1, 2, 3, 4)  # of the examples, for four clients


def examples(dataset: str, images: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw images without replacement from the training images.

    Returns:
        Pixels scaled to length 1, so that no client's loss is smoother or rougher than another's by its brightness,
        float64 [n, d]; 1 for odd labels and -1 for even ones, [n]; labels, [n].
    """
    found = load(dataset)
    generator = np.random.default_rng([int(x) for x in draw_seed(seed, "images of the clients").numpy()])
    rows = generator.permutation(len(found))[:images]
    x = found.x[rows].astype(float)
    return x / np.linalg.norm(x, axis=1, keepdims=True), np.where(found.y[rows] % 2, 1.0, -1.0), found.y[rows]


def deal(
    dataset: str, images: int, skew: Skew, seed: int, shares: Sequence[float] = SHARES, concentration: float = 0.3
) -> Clients:
    """Deal images out to clients.

    Args:
        dataset: of ``problems.images``.
        images: how many, for all clients.
        skew: "iid", "label" (sorted by digit), or "dirichlet", whose sizes are what comes of the draw.
        seed: gives the images and who holds which.
        shares: the clients' sizes, in proportion.
        concentration: of the Dirichlet law.
    """
    x, y, labels = examples(dataset, images, seed)
    sizes = sizes_like(shares, len(x)).tolist()
    if skew == "dirichlet":
        parts = dirichlet(labels, len(shares), concentration, seed)
    else:
        parts = iid(len(x), sizes, seed) if skew == "iid" else by_label(labels, sizes, seed)
    return stacked(x, y, parts)


def deals(
    dataset: str, images: int, skews: Sequence[Skew], seeds: Sequence[int], shares: Sequence[float] = SHARES
) -> Clients:
    """Return skews x seeds side by side, the seeds of the first skew first: arrays of [clients, deals, ...]."""
    return together([deal(dataset, images, skew, seed, shares) for skew in skews for seed in seeds])


def quadratics(held: Clients, decay: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return H_i, b_i and p_i of least squares: F_i(w) = w' H_i w / 2 - b_i' w + constant.

    Args:
        held: one deal.
        decay: of the penalty decay |w|^2 / 2.

    Returns:
        Shapes [clients, d, d], [clients, d] and [clients].
    """
    weighted = held.x * held.share[..., None]
    hessians = np.einsum("imd,ime->ide", weighted, held.x) + decay * np.eye(held.x.shape[-1])
    return hessians, np.einsum("imd,im->id", weighted, held.y), np.array(held.weights)


def smoothness(held: Clients, loss: str, decay: float) -> np.ndarray:
    """Return beta, the largest eigenvalue that a client's Hessian can have; a scalar, or [deals]."""
    grams = np.einsum("...md,...me->...de", held.x * held.share[..., None], held.x)
    return np.linalg.eigvalsh(grams)[..., -1].max(0) * (0.25 if loss == "logistic" else 1.0) + decay


def one_of(held: Clients, k: int) -> Clients:
    """Return the k-th of several deals."""
    return Clients(*(leaf[:, k] for leaf in held))


def as_one_client(held: Clients) -> Clients:
    """Return one client with everybody's examples, each in its share of the whole; [1, deals, all, ...]."""
    x, y = (np.moveaxis(leaf, 0, 1).reshape(1, leaf.shape[1], -1, *leaf.shape[3:]) for leaf in held[:2])
    share = np.moveaxis(held.share * np.array(held.weights)[..., None], 0, 1).reshape(1, held.y.shape[1], -1)
    return Clients(x, y, share)
