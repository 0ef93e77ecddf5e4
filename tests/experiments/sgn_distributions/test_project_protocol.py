"""The moving-path protocol against a loop in NumPy, and what it confuses with noise."""

import numpy as np
import pytest

from descent.experiments.sgn_distributions.project_protocol import MovingPath, network, stack
from descent.games import Game
from descent.noise.gradient_noise import MinibatchGradients, in_order
from descent.quiet import tf

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(60, 4)), RNG.normal(size=(60, 2)), RNG.normal(size=(3, 4, 2))
GAME = Game(lambda params, batch: (tf.reduce_mean(tf.reduce_sum((batch[0] @ params[0][0] - batch[1]) ** 2, -1)) / 2,))
RATES = np.array([0.0, 0.1, 0.3])
ORDER = in_order(60, 12)


@pytest.fixture(scope="module")
def path():
    return MovingPath(GAME, (X, Y), select=lambda layers: layers[0][:, :1])


def test_an_epoch_is_the_loop(path):
    (after,), noise = path.epoch((W,), RATES, ORDER)
    assert noise.shape == (3, 5, 4)
    for lane in range(3):
        w = W[lane].copy()
        start = X.T @ (X @ w - Y) / 60
        for k, chosen in enumerate(ORDER):
            gradient = X[chosen].T @ (X[chosen] @ w - Y[chosen]) / 12
            np.testing.assert_allclose(noise[lane, k], (start - gradient)[:, 0], atol=1e-12)
            w -= RATES[lane] * gradient
        np.testing.assert_allclose(after[lane], w, atol=1e-12)
    path.epoch((W[:2] + 1.0,), [0.1, 0.2], ORDER[:, :10])
    assert path.traces == 1


def test_at_rate_zero_it_is_the_noise_and_else_it_has_a_mean(path):
    _, noise = path.epoch((W,), RATES, ORDER)
    fixed = MinibatchGradients(GAME, (X, Y), 12, select=lambda layers: layers[0][:, :1])
    gradients = fixed.one_pass((tf.constant(W[0]),))
    np.testing.assert_allclose(noise[0], fixed.full((tf.constant(W[0]),)) - gradients, atol=1e-12)
    # Equal minibatches cover the data, so noise sums to 0 exactly; drift does not.
    assert np.abs(noise[0].mean(axis=0)).max() < 1e-12
    assert np.abs(noise[2].mean(axis=0)).max() > 0.1


def test_checkpoints_are_the_epochs_one_after_another(path):
    params, expected = (W,), []
    for _ in range(4):
        after, noise = path.epoch(params, RATES, ORDER)
        expected.append((params, noise))
        params = after
    found = list(path.checkpoints((W,), RATES, ORDER, [0, 1, 3]))
    assert [epoch for epoch, _, _ in found] == [0, 1, 3]
    for epoch, before, noise in found:
        np.testing.assert_array_equal(np.asarray(before[0]), np.asarray(expected[epoch][0][0]))
        np.testing.assert_array_equal(noise, expected[epoch][1])


def test_networks_stack_and_come_apart():
    stacked = stack([[(w,)] for w in W])
    assert stacked[0][0].shape == (3, 4, 2)
    np.testing.assert_array_equal(network(stacked, 2)[0][0].numpy(), W[2])
