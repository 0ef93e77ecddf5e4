"""The policy of the live figure, and one program for three environments."""

import numpy as np
import pytest

from descent.experiments.es_maml import policy
from descent.experiments.es_maml.adaptation import hill_climbing
from descent.experiments.es_maml.gradients import derivatives
from descent.experiments.es_maml.meta_training import Lane, Training, switched
from descent.experiments.es_maml.policy import SHIPPED
from descent.problems.navigation import FOUR_CORNERS, NAVIGATION, SMOOTH_NAVIGATION, WRONG_GOALS, rollout
from descent.quiet import tf

GOALS = NAVIGATION.tasks(range(300, 310))


def test_the_shipped_policy_adapts():
    """Staying at the origin has a return of about -65; goals within reach of a straight way have -10 or so."""
    adapted = policy.adapted(SHIPPED, GOALS)
    before, after = (
        rollout(NAVIGATION, tf.constant(w), tf.constant(GOALS), SHIPPED.mean, SHIPPED.std).returns.numpy()
        for w in (np.tile(SHIPPED.weights, (len(GOALS), 1)), adapted)
    )
    assert (after >= before).all() and after.mean() > before.mean() + 30


def test_a_path_is_the_rollout_s():
    """Of policies that are drawn to a point: those that circle amplify rounding."""
    shifts = np.random.default_rng(0).uniform(-0.2, 0.2, size=(len(GOALS), 2))
    for goal, shift in zip(GOALS, shifts, strict=True):
        weights = np.array([-0.3, 0.1, -0.1, -0.2, *shift])
        seen = rollout(NAVIGATION, tf.constant(weights), tf.constant(goal), SHIPPED.mean, SHIPPED.std)
        points = policy.path(weights, goal, SHIPPED)
        assert len(points) - 1 == seen.steps
        assert -((points[1:] - goal) ** 2).sum() == pytest.approx(float(seen.returns))


@pytest.mark.parametrize("environment", [NAVIGATION, SMOOTH_NAVIGATION, FOUR_CORNERS])
def test_switches_are_the_environment(environment):
    weights = tf.constant(np.random.default_rng(0).normal(size=(8, 6)))
    tasks = tf.constant(environment.tasks(range(8)))
    own = switched(tf.constant(environment is FOUR_CORNERS), tf.constant(environment.scaled))
    for found, expected in zip(
        tf.nest.flatten(rollout(own, weights, tasks)),
        tf.nest.flatten(rollout(environment, weights, tasks)),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    if environment is not FOUR_CORNERS:
        still = (0.0, 0.0), (1.0, 1.0)
        for found, expected in zip(
            derivatives(weights, tasks, still, tf.constant(environment.scaled)),
            derivatives(weights, tasks, still, environment.scaled),
            strict=True,
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_one_program_turns_from_one_environment_to_another():
    shared = Training(NAVIGATION, hill_climbing, 2, 0, 1, 1, queries=3, compiled=False)
    lanes = Lane([0], 0.1)
    first = shared.run(lanes, 2, 1)
    there = shared.at(FOUR_CORNERS).run(lanes, 2, 1)
    own = Training(FOUR_CORNERS, hill_climbing, 2, 0, 1, 1, queries=3, compiled=False).run(lanes, 2, 1)
    np.testing.assert_allclose(there.theta, own.theta, rtol=1e-5)
    np.testing.assert_allclose(shared.at(NAVIGATION).run(lanes, 2, 1).theta, first.theta)
    assert shared._simulators[1].traces == 1 and np.abs(there.theta - first.theta).max() > 0
    with pytest.raises(ValueError, match="share a program"):
        shared.at(WRONG_GOALS)
