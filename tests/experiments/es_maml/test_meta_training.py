"""Adaptation and meta-training, held to NumPy loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.experiments.es_maml import adaptation, comparison
from descent.experiments.es_maml.adaptation import hill_climbing, monte_carlo, stay
from descent.experiments.es_maml.exact_maml import ExactMAML
from descent.experiments.es_maml.meta_training import Lane, Training, antithetic_gradient, released_noise
from descent.problems.navigation import FOUR_CORNERS, NAVIGATION, SMOOTH_NAVIGATION, rollout
from descent.quiet import tf


def bumpy(point):
    return np.sin(3 * point).sum(-1) - 0.1 * (point**2).sum(-1)


def bumpy_value(points, query):
    return tf.reduce_sum(tf.sin(3 * points), -1) - 0.1 * tf.reduce_sum(points**2, -1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.floats(0.01, 1.0))
def test_hill_climbing_is_the_loop_and_never_lowers_the_value(seed, queries, size):
    rng = np.random.default_rng(seed)
    start, noise = rng.normal(size=(3, 2)), rng.normal(size=(queries, 3, 2))
    found, asked = hill_climbing(bumpy_value, tf.constant(start), tf.constant(noise), size)
    for k in range(3):
        best, pivot = start[k], bumpy(start[k])
        for e in noise[:, k]:
            if bumpy(best + size * e) > pivot:
                best = best + size * e
                pivot = bumpy(best)
        np.testing.assert_allclose(found[k], best, rtol=1e-12)
    assert (bumpy(found.numpy()) >= bumpy(start)).all()
    assert asked == queries + 1


def test_monte_carlo_is_the_released_step():
    rng = np.random.default_rng(0)
    start, noise = rng.normal(size=(3, 2)), rng.normal(size=(20, 3, 2))
    found, asked = monte_carlo(bumpy_value, tf.constant(start), tf.constant(noise), 0.05)
    for k in range(3):
        e = 0.1 * noise[:, k]
        f = bumpy(start[k] + e)
        values = np.append(f, bumpy(start[k]))
        z = (f - values.mean()) / values.std()
        np.testing.assert_allclose(found[k], start[k] + 0.05 * (z @ e) / 20 / 0.1**2, rtol=1e-10)
    assert asked == 21


def test_equal_returns_leave_a_policy_where_it_is():
    flat = lambda points, query: tf.zeros(points.shape[:-1], points.dtype)  # noqa: E731
    start, noise = tf.ones([2, 3]), tf.ones([4, 2, 3])
    for adapt in (monte_carlo, hill_climbing, stay):
        np.testing.assert_array_equal(adapt(flat, start, noise, 0.1)[0], start)


def test_outer_estimate_is_the_released_one():
    rng = np.random.default_rng(0)
    plus, minus, pivot, eps = (rng.normal(size=shape) for shape in ((2, 5), (2, 5), (2, 1), (2, 5, 6)))
    found = antithetic_gradient(*map(tf.constant, (plus, minus, pivot, eps)))
    for k in range(2):
        values = np.concatenate([plus[k], minus[k], pivot[k]])
        z = (values - values.mean()) / values.std()
        e = 0.1 * np.concatenate([eps[k], -eps[k]])
        np.testing.assert_allclose(found[k], (z[:10] @ e) / 10 / 0.1**2, rtol=1e-10)


def test_frozen_noise_is_what_numpy_draws_after_the_goal():
    np.random.seed(3)  # noqa: NPY002
    np.random.uniform(-1.0, 1.0, 2)  # noqa: NPY002
    np.testing.assert_array_equal(released_noise(NAVIGATION, [2, 3], 4)[:, 1], np.random.normal(size=(4, 6)))  # noqa: NPY002


def test_one_step_of_meta_training_is_the_loop_over_requests():
    training = Training(NAVIGATION, hill_climbing, 3, 0, 2, 2, queries=4)
    lanes = Lane(np.array([0, 1]), 0.1, paired=np.array([1.0, 0.0]))
    training._set(lanes._replace(**{f: np.broadcast_to(v, 2) for f, v in lanes._asdict().items()}))
    oracle, theta = training.oracle, training.start(tf.constant([0, 1]))
    state = oracle.init((theta,), tf.constant([0, 0]))
    sample = oracle.sample((theta,), tf.constant([5, 6]))
    (xi, _, _), after = oracle.estimate((theta,), state, sample)
    eps, which, noise, _ = (part.numpy() for part in sample)
    for lane, paired in ((0, True), (1, False)):
        values = []
        for k in range(7):
            sign, number = (1, k) if k < 3 else (-1, k - 3) if k < 6 else (0, 0)
            point = theta[lane].numpy() + 0.1 * sign * eps[lane, number]
            task = int(which[lane, number if paired and sign < 0 else k] * 50)
            goal = training.tasks[task]
            best, pivot = point, float(rollout(NAVIGATION, tf.constant(point), goal).returns)
            for e in noise[:, lane, k]:
                tried = best + np.float32(0.1) * e
                f = float(rollout(NAVIGATION, tf.constant(tried), goal).returns)
                if f > pivot:
                    best, pivot = tried, f
            values.append(pivot)
        slope = (np.array(values[:3]) - np.array(values[3:6])) / (2 * 0.1 * np.std(values))
        np.testing.assert_allclose(-xi[0][lane], (slope[:, None] * eps[lane]).mean(0), rtol=2e-3, atol=1e-4)
    np.testing.assert_array_equal(after.rollouts, 7 * 6)


@pytest.fixture(scope="module")
def training():
    return Training(FOUR_CORNERS, monte_carlo, 3, 0, 3, 4, queries=3)


def test_lanes_differ_by_what_they_are_told_and_by_nothing_else(training):
    lanes = Lane(
        np.array([0, 0, 0, 1, 2, 0]),
        np.array([0.05, 0.05, 0.05, 0.05, 0.05, 0.2]),
        rate=np.array([0.03, 0.03, 0.3, 0.03, 0.03, 0.03]),
    )
    found = training.run(lanes, 4, 2)
    start = training.start(tf.constant(lanes.run))
    moved = np.linalg.norm(found.theta - start.numpy(), axis=1)
    np.testing.assert_array_equal(found.theta[0], found.theta[1])  # in one block
    assert moved[2] > 5 * moved[0]  # the rate counts
    assert not np.array_equal(found.theta[0], found.theta[3])
    assert not np.array_equal(found.theta[0], found.theta[5])  # the size too, in the second block
    again = training.run(Lane(np.array([2, 0]), 0.05, rate=0.03), 4, 2)
    np.testing.assert_allclose(again.theta, found.theta[[4, 0]], rtol=1e-5)
    assert training._simulators[2].traces == 1
    assert found.rollouts[-1].tolist() == [4 * 7 * 5] * 6


def test_a_policy_is_judged_on_tasks_that_training_never_saw(training):
    lanes = Lane(np.array([0, 1]), 0.05)
    trained = training.run(lanes, 2, 2)
    before, after = training.judge_unseen(trained, lanes, 2)
    assert before.shape == after.shape == (2, 100)
    unseen = Training(NAVIGATION, stay, 1, 0, 1, 1).unseen()
    np.testing.assert_allclose(unseen, NAVIGATION.tasks(range(50, 100)), rtol=1e-6)


def test_exact_maml_is_the_derivative_through_the_step():
    training = ExactMAML(SMOOTH_NAVIGATION, 1, 0, 1, 1)
    lanes = Lane(np.array([0]), np.array([0.3]))
    training._set(Lane(*(np.broadcast_to(entry, 1) for entry in lanes)))
    oracle = training.oracle
    theta = tf.constant([[-2.5, 0.1, 0.0, -2.5, 0.3, -0.2]])
    state, sample = oracle.init((theta,), tf.constant([0, 0])), oracle.sample((theta,), tf.constant([1, 2]))
    (xi, _, _), _ = oracle.estimate((theta,), state, sample)
    tasks = tf.gather(training.tasks, tf.cast(sample[0] * 50, tf.int32))
    meta = []
    for goal in tf.unstack(tasks):
        with tf.GradientTape() as outer:
            outer.watch(theta)
            with tf.GradientTape() as inner:
                inner.watch(theta)
                value = rollout(SMOOTH_NAVIGATION, theta[0], goal).returns / 100
            g = inner.gradient(value, theta)
            shorten = tf.minimum(1.0, 1 / tf.norm(tf.stop_gradient(g)))
            result = rollout(SMOOTH_NAVIGATION, theta[0] + 0.3 * g[0], goal).returns / 100
        m = outer.gradient(result, theta)[0]
        assert shorten == 1  # so that nothing is left out
        meta.append(m * tf.minimum(1.0, 1 / tf.norm(m)))
    np.testing.assert_allclose(-xi[0][0], tf.reduce_mean(meta, 0), rtol=2e-3, atol=1e-4)


def test_grids_are_of_one_size_and_lanes_of_one_length():
    sizes = {len(comparison.grid(name)) for name in ("mc", "hc", "none", "maml", "fomaml")}
    assert sizes == {len(comparison.GRID)}
    with pytest.raises(ValueError, match="lanes are numbers or sequences"):
        Training(NAVIGATION, adaptation.stay, 1, 0, 1, 1).run(Lane(0, 0.1), 1, 1)
