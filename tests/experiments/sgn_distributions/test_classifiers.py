"""The losses have the output error that the project's code writes; the layout is a game's."""

import numpy as np
import pytest

from descent.experiments.sgn_distributions.classifiers import project_network, relu_network
from descent.quiet import tf

RNG = np.random.default_rng(0)
X, LABELS = RNG.uniform(size=(12, 6)).astype(np.float32), RNG.integers(0, 10, 12)


def project_gradients(weights, activation):
    """The project's own backward pass, in NumPy."""
    hidden, outputs = weights
    act = {"relu": lambda z: np.maximum(z, 0), "sigmoid": lambda z: 1 / (1 + np.exp(-z))}[activation]
    slope = {"relu": lambda a: (a > 0).astype(float), "sigmoid": lambda a: a * (1 - a)}[activation]
    a1 = act(X @ hidden)
    delta = act(a1 @ outputs) - np.eye(10)[LABELS]
    return X.T @ (delta @ outputs.T * slope(a1)) / len(X), a1.T @ delta / len(X)


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_gradients_are_the_projects(activation):
    net, game = project_network([6, 8, 10], activation)
    params = net.init(1)
    gradient = game.at((X, LABELS)).gradient((params,))[0]
    expected = project_gradients([w.numpy().astype(float) for (w,) in params], activation)
    for (found,), wanted in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_weights_are_drawn_as_the_project_draws_them():
    (w,), _ = project_network([100, 200, 10], "relu")[0].init(3)
    assert w.numpy().std() == pytest.approx(0.1, rel=5 / np.sqrt(2 * 20_000))


def test_the_relu_networks_loss_is_keras():
    net, game = relu_network(6, 7, 3)
    params = net.init(2)
    assert [w.shape.as_list() for (w,) in params] == [[6, 7], [7, 7], [7, 10]]
    expected = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, net(params, X))
    np.testing.assert_allclose(game.at((X, LABELS)).losses((params,))[0], expected, rtol=1e-6)


def test_another_activation_is_an_error():
    with pytest.raises(ValueError, match="'tanh'"):
        project_network([6, 8, 10], "tanh")
