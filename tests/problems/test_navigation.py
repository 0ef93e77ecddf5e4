"""Environments, held to episodes that NumPy plays step by step."""

import numpy as np
import pytest

from descent.problems.navigation import (
    CIRCLE,
    FOUR_CORNERS,
    NAVIGATION,
    SMOOTH_NAVIGATION,
    WRONG_GOALS,
    best_return,
    rollout,
)
from descent.quiet import tf


def reward_in(name, position, task, visited):
    """The released rewards, written out for one point; visited is a set that this adds to."""
    if name.endswith("navigation"):
        reward = -np.square(np.linalg.norm(position - task))
        return reward, reward >= -0.01
    if name == "four corners":
        return -4 + max(0, 4 - np.square(np.linalg.norm(position - task))), False
    total = 0.0
    for g in range(6):
        square = np.square(np.linalg.norm(position - CIRCLE[g]))
        if not task[g]:
            total += 10_000 * min(0.0, square - 4)
        elif g not in visited:
            total += -4 + max(0.0, 4 - square)
            if square < 0.01:
                visited.add(g)
    return total, False


def episode(environment, weights, task, mean, std):
    position, total, seen, visited = np.zeros(2), 0.0, [], set()
    for _ in range(100):
        action = np.tanh(weights[:4].reshape(2, 2) @ ((position - mean) / std) + weights[4:])
        action = 0.1 * action if environment.scaled else np.clip(action, -0.1, 0.1)
        position = np.clip(position + action, -environment.bound, environment.bound)
        reward, done = reward_in(environment.name, position, task, visited)
        total += reward
        seen.append(position)
        if done:
            break
    return total, np.array(seen)


@pytest.mark.parametrize("environment", [NAVIGATION, SMOOTH_NAVIGATION, FOUR_CORNERS, WRONG_GOALS])
def test_rollouts_are_the_episodes_played_step_by_step(environment):
    rng = np.random.default_rng(0)
    # calmer than the start of training, whose paths are chaotic and make rounding grow
    weights, tasks = 0.4 * rng.normal(size=(12, 6)), environment.tasks(range(12))
    mean, std = np.array([0.1, -0.2]), np.array([0.5, 0.8])
    found = rollout(environment, tf.constant(weights), tf.constant(tasks), tuple(mean), tuple(std))
    for k in range(12):
        total, seen = episode(environment, weights[k], tasks[k], mean, std)
        assert found.returns[k].numpy() == pytest.approx(total, rel=1e-7)
        assert found.steps[k].numpy() == len(seen)
        for j in range(2):
            assert found.sums[j][k].numpy() == pytest.approx(seen[:, j].sum(), abs=1e-6)  # rounding grows along a path
            assert found.squares[j][k].numpy() == pytest.approx((seen[:, j] ** 2).sum(), abs=1e-6)


def test_a_visited_goal_is_turned_off():
    # straight along the x axis to goal 0, which lies at sqrt(8), and into the wall: after that goal 3 alone costs
    task = np.array([1.0, 0, 0, 1, 0, 0])
    weights = np.array([0, 0, 0, 0, 10.0, 0])
    total, _ = episode(WRONG_GOALS, weights, task, np.zeros(2), np.ones(2))
    found = rollout(WRONG_GOALS, tf.constant(weights), tf.constant(task))
    assert found.returns.numpy() == pytest.approx(total, rel=1e-7)


def test_goals_are_those_of_the_released_seeds():
    for i in (0, 7, 49):
        np.random.seed(i)  # noqa: NPY002
        np.testing.assert_array_equal(NAVIGATION.tasks([i])[0], np.random.uniform(-1.0, 1.0, 2))  # noqa: NPY002
        np.random.seed(i)  # noqa: NPY002
        right = np.random.choice(6, 2, replace=False)  # noqa: NPY002
        np.testing.assert_array_equal(np.flatnonzero(WRONG_GOALS.tasks([i])[0]), np.sort(right))
    corners = FOUR_CORNERS.tasks(range(100))
    assert len(np.unique(corners, axis=0)) == 4
    np.testing.assert_array_equal(corners[:50][:48], corners[52:][:48])  # train and test hold the same four


def test_known_corner_and_staying_at_the_origin():
    # by hand: 20 diagonal steps; the corner is felt once 2 (2 - .1 k)^2 < 4, and then at 0 for the other 80
    squares = 2 * (2 - 0.1 * np.arange(1, 21)) ** 2
    by_hand = (-4 + np.maximum(4 - squares, 0)).sum()
    assert best_return(FOUR_CORNERS, np.array([2.0, 2.0])) == pytest.approx(by_hand)
    assert by_hand == pytest.approx(-40.3, abs=0.05)
    still = rollout(FOUR_CORNERS, tf.zeros([4, 6]), tf.constant(FOUR_CORNERS.tasks(range(4)), tf.float32))
    np.testing.assert_array_equal(still.returns, -400)


def test_no_policy_beats_the_straight_way():
    rng = np.random.default_rng(1)
    tasks = NAVIGATION.tasks(range(5))
    best = np.array([best_return(NAVIGATION, task) for task in tasks])
    weights = rng.normal(size=(4000, 1, 6)) * [2, 2, 2, 2, 1, 1]
    found = rollout(NAVIGATION, tf.constant(weights), tf.constant(tasks[None])).returns.numpy()
    assert (found.max(0) <= best + 1e-9).all()
    assert (found.max(0) > 1.5 * best).all()  # and some come near it
