"""A point in the plane that has to find a goal it can't see: three environments for policies that adapt.

The policy has six numbers, a = tanh(W s + b), and is told where the point is, never where the goal is: what it knows of
its task it has to learn from returns. A task is a vector of numbers, so a batch of tasks is a tensor, and a rollout of
many policies on many tasks is one loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from descent.quiet import tf

PARAMETERS = 6  # W by rows, then b
HORIZON = 100
REACH = 0.1  # how far a point goes in one step, in each coordinate


class Environment(NamedTuple):
    """What a point may do and what it gets for it.

    Args:
        name: for the record.
        bound: coordinates are clipped to [-bound, bound].
        tasks: ``task ids -> tasks``, NumPy, shape [len(ids), numbers of a task].
        memory: how many flags an episode carries along.
        reward: ``(x, y, task, flags) -> (reward, done, flags)``; x and y have the shape of the batch, the task and the
            flags are tuples of tensors that broadcast with it; done is boolean.
        scaled: whether the action is .1 tanh, which has a gradient everywhere; otherwise tanh is clipped to +-.1. This
            and the bound may be scalar tensors, so that one program serves several environments.
    """

    name: str
    bound: Any
    tasks: Callable[[Sequence[int]], np.ndarray]
    memory: int
    reward: Callable[..., Any]
    scaled: Any = False


class Episodes(NamedTuple):
    """What rollouts leave behind, each entry of the shape of the batch.

    Args:
        returns: sums of rewards.
        steps: how many steps were made before the end.
        sums: of x and of y over the positions after each step, a pair.
        squares: of their squares, a pair.
    """

    returns: tf.Tensor
    steps: tf.Tensor
    sums: tuple[tf.Tensor, tf.Tensor]
    squares: tuple[tf.Tensor, tf.Tensor]


def _uniform_goals(ids: Sequence[int]) -> np.ndarray:
    return np.array([np.random.RandomState(i).uniform(-1.0, 1.0, 2) for i in ids])


def _corners(ids: Sequence[int]) -> np.ndarray:
    return np.array([[2.0, 2.0], [-2.0, 2.0], [-2.0, -2.0], [2.0, -2.0]])[np.asarray(ids) % 4]


def _two_of_six(ids: Sequence[int]) -> np.ndarray:
    right = np.zeros((len(ids), 6))
    for row, i in zip(right, ids, strict=True):
        row[np.random.RandomState(i).choice(6, 2, replace=False)] = 1.0
    return right


def _distance(x: tf.Tensor, y: tf.Tensor, task: Any) -> tf.Tensor:
    return (x - task[0]) ** 2 + (y - task[1]) ** 2


def _towards(x: tf.Tensor, y: tf.Tensor, task: Any, flags: Any) -> Any:
    reward = -_distance(x, y, task)
    return reward, reward >= -0.01, flags


def _near_a_corner(x: tf.Tensor, y: tf.Tensor, task: Any, flags: Any) -> Any:
    reward = -4 + tf.maximum(4 - _distance(x, y, task), 0)
    return reward, tf.zeros_like(reward, tf.bool), flags


ANGLES = 2 * np.pi * np.arange(6) / 6
CIRCLE = np.sqrt(8) * np.stack([np.cos(ANGLES), np.sin(ANGLES)], 1)


def _right_goals(x: tf.Tensor, y: tf.Tensor, task: Any, flags: Any) -> Any:
    total, after = tf.zeros_like(x), []
    for goal, right, visited in zip(CIRCLE, task, flags, strict=True):
        square = _distance(x, y, goal)
        wanted = (1 - visited) * (-4 + tf.maximum(4 - square, 0))
        total += right * wanted + (1 - right) * 1e4 * tf.minimum(square - 4, 0)
        after.append(tf.where(square < 0.01, tf.ones_like(x), visited))
    return total, tf.zeros_like(total, tf.bool), tuple(after)


NAVIGATION = Environment("navigation", 1.0, _uniform_goals, 0, _towards)
FOUR_CORNERS = Environment("four corners", 5.0, _corners, 0, _near_a_corner)
SMOOTH_NAVIGATION = NAVIGATION._replace(name="smooth navigation", scaled=True)
WRONG_GOALS = Environment("wrong goals", 5.0, _two_of_six, 6, _right_goals)


def limited(action: tf.Tensor, scaled: Any) -> tf.Tensor:
    """Return actions in [-1, 1] within reach: times .1 where ``scaled`` (a bool, or a boolean tensor), else clipped."""
    if isinstance(scaled, bool):
        return REACH * action if scaled else tf.clip_by_value(action, -REACH, REACH)
    return tf.where(scaled, REACH * action, tf.clip_by_value(action, -REACH, REACH))


def rollout(
    environment: Environment, weights: tf.Tensor, tasks: tf.Tensor, mean: Any = (0.0, 0.0), std: Any = (1.0, 1.0)
) -> Episodes:
    """Let policies act for 100 steps from the origin.

    Args:
        environment: ``NAVIGATION`` (goal in a square, minus squared distance, ends within .1 of the goal),
            ``FOUR_CORNERS`` (one of four corners; no sign of it from further than 2 away, no end) or ``WRONG_GOALS``
            (two of six goals on a circle; near a wrong one, 1e4 times the depth within 2 of it is lost).
        weights: W by rows, then b, shape [..., 6].
        tasks: as of ``environment.tasks``, shape [..., numbers of a task]; batches broadcast.
        mean: subtracted from the position before the policy sees it, a pair of tensors that broadcast.
        std: what it is divided by, likewise.

    Returns:
        What the episodes were, entries of the broadcast shape of the batches.

    Source: the environments of ``es_maml/task.py`` and the policy of ``es_maml/policies.py`` in
    google-research/google-research.
    """
    w = tf.unstack(weights, axis=-1)
    task = tuple(tf.unstack(tasks, axis=-1))
    # the policy of the normalised position is one of the position: W/std, and b - W mean/std
    slopes = (w[0] / std[0], w[1] / std[1]), (w[2] / std[0], w[3] / std[1])
    shifts = tuple(b - row[0] * mean[0] - row[1] * mean[1] for b, row in zip(w[4:], slopes, strict=True))
    zero = tf.zeros_like(shifts[0] + task[0])
    bound = tf.cast(environment.bound, zero.dtype)

    def move(at: tf.Tensor, row: Any, shift: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        action = tf.tanh(row[0] * x + row[1] * y + shift)
        action = limited(action, environment.scaled)
        return tf.clip_by_value(at + action, -bound, bound)

    def one(t: tf.Tensor, x: tf.Tensor, y: tf.Tensor, alive: tf.Tensor, flags: Any, seen: Episodes) -> Any:
        x, y = move(x, slopes[0], shifts[0], x, y), move(y, slopes[1], shifts[1], x, y)
        reward, done, flags = environment.reward(x, y, task, flags)
        seen = Episodes(
            seen.returns + alive * reward,
            seen.steps + alive,
            (seen.sums[0] + alive * x, seen.sums[1] + alive * y),
            (seen.squares[0] + alive * x * x, seen.squares[1] + alive * y * y),
        )
        return t + 1, x, y, tf.where(done, tf.zeros_like(alive), alive), flags, seen

    start = (tf.constant(0), zero, zero, zero + 1, (zero,) * environment.memory)
    nothing = Episodes(zero, zero, (zero, zero), (zero, zero))
    return tf.while_loop(lambda t, *_: t < HORIZON, one, (*start, nothing), maximum_iterations=HORIZON)[-1]


def best_return(environment: Environment, goal: np.ndarray) -> float:
    """Return what the straight way to a known goal earns, each coordinate at full speed until it is there.

    Args:
        environment: ``NAVIGATION`` or ``FOUR_CORNERS``.
        goal: shape [2].
    """
    position, total = np.zeros(2), 0.0
    for _ in range(HORIZON):
        position = position + np.clip(goal - position, -REACH, REACH)
        reward, done, _ = environment.reward(*position, goal, ())
        total += float(reward)
        if done:
            break
    return total
