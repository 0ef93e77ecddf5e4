"""Derivatives carried along, held to automatic differentiation of the rollout and to differences."""

import numpy as np
import pytest

from descent.experiments.es_maml.gradients import bounded, derivatives
from descent.problems.navigation import NAVIGATION, SMOOTH_NAVIGATION, rollout
from descent.quiet import tf


@pytest.mark.parametrize("environment", [NAVIGATION, SMOOTH_NAVIGATION])
def test_gradient_is_that_of_a_tape_and_hessian_that_of_differences(environment):
    rng = np.random.default_rng(0)
    weights = tf.constant(0.4 * rng.normal(size=(6, 6)))
    tasks = tf.constant(rng.uniform(-1, 1, (6, 2)))
    as_pair = lambda x: tuple(tf.constant(v, tf.float64) for v in x)  # noqa: E731
    normalisation = as_pair([0.05, -0.02]), as_pair([0.5, 0.7])
    with tf.GradientTape() as tape:
        tape.watch(weights)
        returns = rollout(environment, weights, tasks, *normalisation).returns
    found = derivatives(weights, tasks, normalisation, environment.scaled)
    np.testing.assert_allclose(found[0], returns, rtol=1e-12)
    np.testing.assert_allclose(found[1], tape.gradient(returns, weights), rtol=1e-8, atol=1e-8)
    slope_at = tf.function(lambda w: derivatives(w, tasks, normalisation, environment.scaled)[1], autograph=False)
    columns = [(slope_at(weights + h) - slope_at(weights - h)) / 2e-7 for h in 1e-7 * np.eye(6)]
    scale = abs(found[2]).numpy().max((1, 2), keepdims=True)
    np.testing.assert_allclose(found[2] / scale, tf.stack(columns, -1) / scale, atol=1e-5)
    assert abs(found[2]).numpy().max() > 1


def test_gradient_is_that_of_differences_where_actions_are_smooth():
    weights, task = np.array([-0.5, 0.1, 0.2, -0.4, 0.6, -0.3]), tf.constant([0.9, -0.8], tf.float64)
    still = ((tf.zeros([], tf.float64),) * 2, (tf.ones([], tf.float64),) * 2)
    value = lambda w: rollout(SMOOTH_NAVIGATION, tf.constant(w), task).returns.numpy()  # noqa: E731
    _, slope, _ = derivatives(tf.constant(weights), task, still, True)
    differences = [(value(weights + h) - value(weights - h)) / 2e-6 for h in 1e-6 * np.eye(6)]
    np.testing.assert_allclose(slope, differences, rtol=1e-6)


def test_bounded_gradients_keep_their_direction_and_infinite_ones_vanish():
    found = bounded(tf.constant([[3.0, 4.0], [0.3, 0.4], [np.inf, 1.0], [np.nan, 0.0], [0.0, 0.0]])).numpy()
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.3, 0.4], [0, 0], [0, 0], [0, 0]], rtol=1e-6)
