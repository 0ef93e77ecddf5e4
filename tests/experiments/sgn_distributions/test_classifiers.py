"""The losses have the output error that the project's code writes; the layout is a game's."""

import numpy as np
import pytest

from descent.experiments.sgn_distributions.classifiers import project_classifier, relu_classifier
from descent.problems.images import Images
from descent.quiet import tf

RNG = np.random.default_rng(0)
X, LABELS = RNG.uniform(size=(12, 6)).astype(np.float32), RNG.integers(0, 10, 12)
IMAGES = Images(X, LABELS.astype(np.int32), "made up", "here", (2, 3, 1))


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
    problem = project_classifier(IMAGES, [8], activation)
    params = problem.start(1)
    gradient = problem.game.at((X, LABELS)).gradient(params)[0]
    expected = project_gradients([w.numpy().astype(float) for (w,) in params[0]], activation)
    for (found,), wanted in zip(gradient, expected, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_weights_are_drawn_as_the_project_draws_them():
    wide = Images(np.zeros((1, 100), np.float32), np.zeros(1, np.int32), "made up", "here", (10, 10, 1))
    (w,), _ = project_classifier(wide, [200], "relu").start(3)[0]
    assert w.numpy().std() == pytest.approx(0.1, rel=5 / np.sqrt(2 * 20_000))


def test_the_relu_networks_loss_is_keras():
    problem = relu_classifier(IMAGES, 7, 3)
    params = problem.start(2)
    assert [w.shape.as_list() for (w,) in params[0]] == [[6, 7], [7, 7], [7, 10]]
    expected = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)(LABELS, problem.network(params[0], X))
    np.testing.assert_allclose(problem.game.at((X, LABELS)).losses(params)[0], expected, rtol=1e-6)


def test_another_activation_is_an_error():
    with pytest.raises(ValueError, match="'tanh'"):
        project_classifier(IMAGES, [8], "tanh")
