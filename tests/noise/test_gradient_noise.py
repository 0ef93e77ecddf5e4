"""Minibatch gradients against a closed form, against plain tapes, and against what sampling theory says of them."""

import numpy as np
import pytest
from scipy import stats

from descent import vectors
from descent.games import Game
from descent.noise.gradient_noise import MinibatchGradients, in_order, moments
from descent.problems.networks import mlp
from descent.quiet import tf

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = RNG.normal(size=(120, 2))
W = RNG.normal(size=(4, 2))
LEAST_SQUARES = Game(
    lambda params, batch: (tf.reduce_mean(tf.reduce_sum((batch[0] @ params[0] - batch[1]) ** 2, -1)) / 2,)
)
PER_EXAMPLE = np.einsum("ni,nj->nij", X, X @ W - Y).reshape(120, 8)


@pytest.fixture(scope="module")
def linear():
    return MinibatchGradients(LEAST_SQUARES, (X, Y), batch_size=10, chunk=8)


def test_one_pass_is_the_closed_form_and_its_mean_the_full_gradient(linear):
    gradients = linear.one_pass(W)
    np.testing.assert_allclose(gradients, PER_EXAMPLE.reshape(12, 10, 8).mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(gradients.mean(axis=0), linear.full(W), rtol=1e-12)


def test_draws_have_the_moments_of_sampling_with_replacement(linear):
    # Over n = 4,000 minibatches: means within 5 standard errors, variances within 5 of theirs (kurtosis below 1).
    count = 4_000
    found = moments(linear.stream(W, count, seed=3))
    variance = PER_EXAMPLE.var(axis=0) / 10
    assert found.count == count
    assert np.abs((found.mean - linear.full(W)) / np.sqrt(variance / count)).max() < 5
    assert np.abs(found.variance / variance - 1).max() < 5 * np.sqrt(3 / count)
    # The mean of b draws has 1/b of one draw's excess kurtosis.
    assert np.abs(found.kurtosis - stats.kurtosis(PER_EXAMPLE) / 10).max() < 5 * np.sqrt(24 / count) * 1.5


def test_streaming_is_bounded_and_repeatable_and_compiles_once(linear):
    chunks = list(linear.stream(W, 20, seed=1))
    assert [len(chunk) for chunk in chunks] == [8, 8, 4]
    again = linear.sample(W + 0.0, 20, seed=1)
    np.testing.assert_array_equal(again, np.concatenate(chunks))
    assert linear.traces == 1
    assert not np.any(again == linear.sample(W, 20, seed=2))
    assert len(np.unique(again[:, 0])) == 20
    np.testing.assert_array_equal(linear.noise(W, 20, seed=1), again - linear.full(W))


def test_another_batch_size_is_another_sampler_without_its_compilation(linear):
    other = MinibatchGradients(LEAST_SQUARES, (X, Y), batch_size=30, chunk=8)
    linear.sample(W, 10)
    np.testing.assert_allclose(linear.sample(W, 10, 5, batch_size=30), other.sample(W, 10, 5), rtol=1e-12)
    np.testing.assert_allclose(linear.one_pass(W, batch_size=30), other.one_pass(W), rtol=1e-12)
    assert linear.traces == 1 == other.traces
    with pytest.raises(ValueError, match="batch_size is 121"):
        linear.sample(W, 10, batch_size=121)


def test_a_network_against_one_tape_per_minibatch():
    net = mlp([4, 6, 3], tf.nn.sigmoid, bias=False)
    params = net.init(2)
    x, y = X.astype(np.float32), RNG.integers(0, 3, 120)
    game = Game(
        lambda params, batch: (
            tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], net(params[0], batch[0]))),
        )
    )
    found = MinibatchGradients(game, (x, y), 30, select=lambda layers: layers[-1]).one_pass(params)
    for row, order in zip(found, in_order(120, 30), strict=True):
        with tf.GradientTape() as tape:
            tape.watch(params)
            logits = net(params, x[order])
            loss = tf.reduce_mean(tf.keras.losses.sparse_categorical_crossentropy(y[order], logits, from_logits=True))
        np.testing.assert_allclose(row, vectors.flatten(tape.gradient(loss, params)[-1]).numpy(), atol=1e-6)


def test_moments_against_scipy():
    x = 100 + stats.expon.rvs(size=(1000, 3), random_state=1) * [1, 10, 0]
    found = moments(np.array_split(x, 7))
    np.testing.assert_allclose(found.mean, x.mean(axis=0))
    np.testing.assert_allclose(found.variance, x.var(axis=0, ddof=1), atol=1e-12)
    np.testing.assert_allclose(found.kurtosis[:2], stats.kurtosis(x[:, :2]), rtol=1e-8)
    assert np.isnan(found.kurtosis[2])


@pytest.mark.parametrize("batch_size", [0, 121])
def test_a_batch_size_that_cannot_be_is_an_error(batch_size):
    with pytest.raises(ValueError, match="there are 120 examples"):
        MinibatchGradients(LEAST_SQUARES, (X, Y), batch_size)


def test_moments_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least 2"):
        moments([])
