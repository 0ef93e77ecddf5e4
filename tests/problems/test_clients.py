"""Deals are partitions; stacked losses and gradients are those of each client alone, by formula."""

from itertools import pairwise

import numpy as np
import pytest

from descent.problems.clients import (
    by_label,
    central_loss,
    client_losses,
    client_minibatches,
    clients_game,
    dirichlet,
    iid,
    sizes_like,
    stacked,
)
from descent.quiet import tf

RNG = np.random.default_rng(3)
X, LABELS, W = RNG.normal(size=(50, 4)), RNG.integers(0, 10, 50), RNG.normal(size=(3, 4))
Y = np.where(LABELS % 2, 1.0, -1.0)
SIZES = sizes_like([1, 2, 4], 50)


@pytest.mark.parametrize("seed", range(3))
def test_every_example_goes_to_exactly_one_client(seed):
    for parts in (iid(50, SIZES, seed), by_label(LABELS, SIZES, seed), dirichlet(LABELS, 6, 0.05, seed)):
        assert sorted(np.concatenate(parts)) == list(range(50)) and min(map(len, parts)) >= 1
    assert [len(part) for part in iid(50, SIZES, seed)] == list(SIZES)
    ends = [LABELS[part] for part in by_label(LABELS, SIZES, seed)]
    assert all(a.max() <= b.min() for a, b in pairwise(ends))


def test_sizes_and_weights():
    assert SIZES.sum() == 50 and (np.diff(SIZES) > 0).all()
    assert list(sizes_like([1] * 50, 50)) == [1] * 50
    np.testing.assert_allclose(stacked(X, Y, iid(50, SIZES, 0)).weights, SIZES / 50)
    with pytest.raises(ValueError, match="positive share"):
        sizes_like([1] * 51, 50)


SLOPES = {
    "linear": lambda x, y, w: x.T @ (x @ w - y),
    "logistic": lambda x, y, w: -x.T @ (y / (1 + np.exp(y * (x @ w)))),
    "svm": lambda x, y, w: -x.T @ (y * np.maximum(1 - y * (x @ w), 0)),
}
LOSSES = {
    "linear": lambda x, y, w: 0.5 * (x @ w - y) ** 2,
    "logistic": lambda x, y, w: np.log1p(np.exp(-y * (x @ w))),
    "svm": lambda x, y, w: 0.5 * np.maximum(1 - y * (x @ w), 0) ** 2,
}


@pytest.mark.parametrize("loss", SLOPES)
def test_losses_and_gradients_are_each_clients_own(loss):
    parts = dirichlet(LABELS, 3, 0.5, 0)
    held = stacked(X, Y, parts)
    w = tf.constant(W)
    losses = [LOSSES[loss](X[p], Y[p], v).mean() + 0.05 * v @ v for p, v in zip(parts, W, strict=True)]
    slopes = [SLOPES[loss](X[p], Y[p], v) / len(p) + 0.1 * v for p, v in zip(parts, W, strict=True)]
    np.testing.assert_allclose(client_losses(w, held, loss, 0.1), losses, rtol=1e-12)
    np.testing.assert_allclose(clients_game(held, loss, 0.1).gradient((w,))[0], slopes, atol=1e-13)


def test_the_common_loss_is_that_of_all_examples():
    held = stacked(X, Y, dirichlet(LABELS, 3, 0.5, 0))
    expected = np.log1p(np.exp(-Y * (X @ W[0]))).mean() + 0.05 * W[0] @ W[0]
    np.testing.assert_allclose(central_loss(tf.constant(W[0]), held, "logistic", 0.1), expected, rtol=1e-12)


def test_minibatches_are_of_ones_own_examples_and_unbiased():
    held = stacked(X, Y, dirichlet(LABELS, 3, 0.5, 0))
    batch = client_minibatches(held, 20_000)(tf.constant([1, 2]), tf.constant(0))
    for i in range(3):
        own = {tuple(row) for row in held.x[i, : held.sizes[i]]}
        assert {tuple(row) for row in batch.x[i].numpy()} <= own  # zeros of the padding are nobody's
    seen, all_of_it = (client_losses(tf.constant(W), b, "linear", 0.0).numpy() for b in (batch, held))
    np.testing.assert_allclose(seen, all_of_it, rtol=0.06)  # four standard errors and more
