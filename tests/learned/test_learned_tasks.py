"""Inner problems: losses against TensorFlow's, lanes of their own, rescaling that changes only the units."""

import numpy as np
import pytest

from descent.learned.tasks import classification, quadratic, rescaled
from descent.problems.classification import Classification
from descent.problems.convolution import Convolutional, patches
from descent.problems.images import load
from descent.problems.networks import mlp
from descent.quiet import tf

KEY = tf.constant([3, 4])


@pytest.fixture(scope="module")
def task():
    return classification(Classification(load("digits"), mlp([64, 5, 10], "sigmoid")), batch_size=6)


def lane(x, k):
    return tf.nest.map_structure(lambda leaf: leaf[k], x)


def test_lanes_have_starts_and_minibatches_of_their_own_and_keys_repeat_them(task):
    params, _ = task.start(KEY, 3)
    x, y = task.batch(KEY, 3)
    assert x.shape == (3, 6, 64) and y.shape == (3, 6)
    assert (params[0][0][0] != params[0][0][1]).numpy().any() and (x[0] != x[1]).numpy().any()
    for a, b in zip(tf.nest.flatten((params, x)), tf.nest.flatten((task.start(KEY, 3)[0], task.batch(KEY, 3)[0]))):
        np.testing.assert_array_equal(a, b)


def test_every_image_is_drawn_with_its_label(task):
    images = load("digits")
    x, y = task.batch(KEY, 40)
    label = {image.tobytes(): int(digit) for image, digit in zip(images.x, images.y, strict=True)}
    for image, digit in zip(x.numpy().reshape(-1, 64), y.numpy().ravel(), strict=True):
        assert label[image.tobytes()] == digit
    assert len(set(y.numpy().ravel())) == 10


def test_rescaling_changes_units_and_nothing_else(task):
    scaled = rescaled(task, 3.0)
    plain, _ = task.start(KEY, 2)
    params, context = scaled.start(KEY, 2)
    batch = task.batch(KEY, 2)
    units = tf.nest.flatten(context[0])
    logs = np.log(np.concatenate([u.numpy().ravel() for u in units]))
    assert abs(logs).max() <= 3 and np.std(logs) == pytest.approx(3 / np.sqrt(3), rel=0.1)
    for k in range(2):
        scaled_game = scaled.game.at((lane(context, k), lane(batch, k)))
        game = task.game.at(((), lane(batch, k)))
        z, w = lane(params, k), lane(plain, k)
        np.testing.assert_allclose(scaled_game.losses((z,))[0], game.losses((w,))[0], rtol=1e-5)
        chain_rule = tf.nest.map_structure(tf.multiply, game.gradient((w,))[0], lane(context[0], k))
        for a, b in zip(tf.nest.flatten(scaled_game.gradient((z,))[0]), tf.nest.flatten(chain_rule), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_quadratic_gradient_and_noise():
    h = tf.constant([1.0, 4.0], tf.float64)
    task = quadratic(h, noise=0.5, start=2.0)
    shifts = task.batch(KEY, 4000)
    assert np.std(shifts) == pytest.approx(0.5, rel=0.03)
    (gradient,) = task.game.at(((), shifts[0])).gradient((task.start(KEY, 1)[0][0],))
    np.testing.assert_allclose(gradient, np.array([2, 8]) + shifts[0])


@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 10, 3)])
def test_convolution_is_tensorflows(shape):
    network = Convolutional(shape, (4, 5))
    params = network.init(KEY)
    x = tf.random.stateless_normal([3, *shape], KEY)
    w, b = params[0]
    mine = tf.matmul(patches(x), w) + b
    kernel = tf.reshape(w, [3, 3, shape[2], 4])
    np.testing.assert_allclose(mine, tf.nn.conv2d(x, kernel, 2, "SAME") + b, rtol=1e-4, atol=1e-5)
    hidden = tf.nn.relu(mine)
    hidden = tf.nn.relu(tf.nn.conv2d(hidden, tf.reshape(params[1][0], [3, 3, 4, 5]), 2, "SAME") + params[1][1])
    logits = tf.matmul(tf.reshape(hidden, [3, -1]), params[2][0]) + params[2][1]
    np.testing.assert_allclose(network(params, tf.reshape(x, [3, -1])), logits, rtol=1e-4, atol=1e-5)
