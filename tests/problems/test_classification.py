"""Classification: losses against Keras and TensorFlow, gradients against loops, counts against NumPy."""

import doctest

import keras
import numpy as np
import pytest

from descent.games import Game
from descent.problems import classification
from descent.problems.classification import Classification, cross_entropy, logistic_regression
from descent.problems.convolution import Convolutional
from descent.problems.images import load
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules import gradient_descent
from descent.simulate import Simulator

KEY = tf.constant([3, 4])
DIGITS = load("digits")


@pytest.fixture(scope="module", params=["dense", "convolutional"])
def problem(request):
    network = mlp([64, 5, 10], "sigmoid") if request.param == "dense" else Convolutional(DIGITS.shape, (2, 3))
    return Classification(DIGITS, network)


@pytest.fixture(scope="module")
def small():
    return Classification(DIGITS.first(40), mlp([64, 5, 10], "tanh"), dtype=tf.float64)


def test_cross_entropy_and_its_gradient_are_tensorflows():
    logits = tf.random.stateless_normal([9, 10], KEY) * 30
    labels = tf.range(9)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        found = cross_entropy(logits, labels)
        expected = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    gradients = tape.gradient(found, logits), tape.gradient(expected, logits)
    np.testing.assert_allclose(*gradients, atol=1e-6)


def test_the_games_loss_is_keras(problem):
    params, (x, y) = problem.start(1), problem.data
    expected = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, problem.network(params[0], x))
    np.testing.assert_allclose(problem.game.at((x, y)).losses(params)[0], expected, rtol=1e-5)
    assert problem.losses(params, (x, y)).shape == [len(DIGITS)]


def test_gradients_image_by_image_are_a_loops_and_average_to_the_games(small):
    params, batch = small.start(2), tf.nest.map_structure(lambda leaf: leaf[:6], small.data)
    found = small.example_gradients(params, batch)
    tf.nest.assert_same_structure(found, params)
    for k in range(6):
        alone = small.game.at((batch[0][k : k + 1], batch[1][k : k + 1])).gradient(params)
        for mine, one in zip(tf.nest.flatten(found), tf.nest.flatten(alone), strict=True):
            np.testing.assert_allclose(mine[k], one, atol=1e-14)
    whole = small.game.at(batch).gradient(params)
    for mine, mean in zip(tf.nest.flatten(found), tf.nest.flatten(whole), strict=True):
        np.testing.assert_allclose(tf.reduce_mean(mine, 0), mean, atol=1e-14)


def test_gradients_image_by_image_map_without_a_loop(problem):
    batch = tf.nest.map_structure(lambda leaf: leaf[:5], problem.data)
    graph = problem._example_gradients.get_concrete_function(problem.start(0), batch).graph
    assert not [op.name for op in graph.get_operations() if "While" in op.type]


def test_evaluation_counts_class_by_class_and_in_parts(problem):
    params = problem.start(3)
    chosen = problem.network(params[0], DIGITS.x).numpy().argmax(1)
    right = chosen == DIGITS.y
    found = problem.evaluate(params, at_once=500)
    assert found.accuracy == pytest.approx(right.mean(), rel=1e-12)
    np.testing.assert_allclose(found.by_class, [right[DIGITS.y == c].mean() for c in range(10)])
    np.testing.assert_allclose(found.loss, problem.game.at(problem.data).losses(params)[0], rtol=1e-5)
    np.testing.assert_allclose(problem.accuracy(params, problem.data), found.accuracy, rtol=1e-6)
    only_zeros = DIGITS.first(1)
    assert np.isnan(problem.evaluate(params, only_zeros).by_class).sum() == 9


def test_evaluating_again_traces_nothing():
    problem = Classification(DIGITS, mlp([64, 3, 10]))
    for seed in (0, 1):
        problem.evaluate(problem.start(seed), at_once=len(DIGITS))
    assert problem._each.experimental_get_tracing_count() == 1


def test_minibatches_hold_images_with_their_labels():
    problem = Classification(load("digits", "test"), mlp([64, 10]))
    batch = problem.minibatches(64)
    x, y = batch(KEY, tf.constant(0, tf.int64))
    assert x.shape == [64, 64]
    images = problem.images
    for image, label in zip(x.numpy(), y.numpy(), strict=True):
        assert label in images.y[(images.x == image).all(axis=1)]
    assert np.any(batch(KEY + 1, tf.constant(1, tf.int64))[1] != y)
    lanes = problem.lane_minibatches(7)(KEY, 3)
    assert lanes[0].shape == [3, 7, 64] and lanes[1].shape == [3, 7]


def test_minibatches_are_drawn_evenly_with_replacement_and_by_seed_alone():
    batch = Classification(load("digits", "test"), mlp([64, 10])).minibatches(64)
    seeds = tf.stack([tf.range(200), tf.zeros([200], tf.int32)], 1)
    first, again = batch(seeds[0], tf.constant(0)), batch(seeds[0], tf.constant(9))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[0].shape == (64, 64) and first[1].shape == (64,)
    labels = np.concatenate([batch(seed, tf.constant(0))[1] for seed in seeds])
    wanted = np.bincount(load("digits", "test").y) / 355 * labels.size
    # Pearson's statistic on 9 degrees of freedom passes 30 once in 2,300 seeds.
    assert ((np.bincount(labels) - wanted) ** 2 / wanted).sum() < 30


def test_a_simulator_trains_it_in_double_precision(small):
    simulator = Simulator(small.game, gradient_descent(0.5), small.minibatches(20))
    trained = simulator.run(small.start(0), 200).params
    assert trained[0][0][0].dtype == tf.float64
    assert small.evaluate(trained).accuracy > 0.9
    assert small.evaluate(trained).loss < small.evaluate(small.start(0)).loss


def test_random_labels_leave_images_and_the_other_labels_alone():
    half = DIGITS.random_labels(5, 0.5)
    np.testing.assert_array_equal(half.x, DIGITS.x)
    # About nine tenths of the half differ; the standard deviation is .0067, so this is a false alarm once in 1e6 seeds.
    assert np.mean(half.y != DIGITS.y) == pytest.approx(0.45, abs=0.035)
    np.testing.assert_array_equal(DIGITS.random_labels(5, 0.0).y, DIGITS.y)
    np.testing.assert_array_equal(DIGITS.random_labels(5).y, DIGITS.random_labels(5).y)
    assert half.name == "digits/train, 0.5 random labels (5)" and half.y.dtype == np.int32


def test_too_many_images_are_refused():
    with pytest.raises(ValueError, match="digits/train has 1442 images"):
        DIGITS.first(2000)


def test_logistic_regressions_gradient_is_scikit_learns_optimum():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    a = rng.normal(size=(60, 3))
    y = np.where(a @ [1.0, -2.0, 0.5] + rng.normal(size=60) > 0, 1, -1)
    fitted = LogisticRegression(C=1 / (60 * 0.1), fit_intercept=False, tol=1e-12, max_iter=1000).fit(a, y)
    game: Game = logistic_regression(a, y, penalty=0.1)
    np.testing.assert_allclose(game.gradient((tf.constant(fitted.coef_[0]),))[0], 0, atol=1e-7)


def test_the_example_runs():
    assert doctest.testmod(classification).failed == 0
