"""The paper profile's additions: held to NumPy loops and to expectations on quadratics."""

import numpy as np

from descent.experiments.es_maml import variants
from descent.experiments.es_maml.adaptation import hill_climbing
from descent.experiments.es_maml.comparison import Scale
from descent.experiments.es_maml.meta_training import Lane
from descent.problems.navigation import WRONG_GOALS, rollout
from descent.quiet import tf


def curved(x):
    return x[..., 0] - 2 * x[..., 1] - x[..., 0] ** 2 + x[..., 0] * x[..., 1]


HESSIAN = np.array([[-2.0, 1.0], [1.0, 0.0]])


def test_slope_and_bend_are_the_released_sums():
    rng = np.random.default_rng(0)
    point, noise, v = rng.normal(size=2), rng.normal(size=(5, 2)), rng.normal(size=2)
    g, bend = variants.slope_and_bend(lambda x, query: curved(x), tf.constant(point), tf.constant(noise))
    f = [curved(point + sign * 0.1 * noise) for sign in (1, -1)]
    scale = np.concatenate(f).std()
    slope = sum((a - b) / 0.2 * e for a, b, e in zip(*f, noise, strict=True)) / 5 / scale
    both = (f[0] + f[1]) / 2
    hessian = sum((m - both.mean()) * np.outer(e, e) for m, e in zip(both, noise, strict=True)) / 5 / 0.01 / scale
    np.testing.assert_allclose(g, slope, rtol=1e-10)
    np.testing.assert_allclose(bend(tf.constant(v)), hessian @ v, rtol=1e-9)


def test_with_many_pairs_they_are_the_derivatives():
    """16,384 pairs; errors of some hundredths, held to a tenth: a wrong factor would be one or more."""
    point = np.array([0.3, -0.2])
    noise = np.random.default_rng(1).normal(size=(2**14, 2))
    value = lambda x, query: curved(x)  # noqa: E731
    g, bend = variants.slope_and_bend(value, tf.constant(point), tf.constant(noise))
    scale = np.std(curved(np.concatenate([point + 0.1 * noise, point - 0.1 * noise])))
    exact = np.array([1 - 2 * point[0] + point[1], -2 + point[0]])
    np.testing.assert_allclose(scale * g, exact, atol=0.1)
    for k in range(2):
        np.testing.assert_allclose(scale * bend(tf.one_hot(k, 2, dtype=tf.float64)), HESSIAN[k], atol=0.15)


def test_equal_returns_leave_a_policy_where_it_is():
    flat = lambda points, query: tf.zeros(points.shape[:-1], points.dtype)  # noqa: E731
    found, asked = variants.paired_step(flat, tf.ones([2, 3]), tf.ones([20, 2, 3]), 0.1)
    np.testing.assert_array_equal(found, np.ones([2, 3]))
    assert asked == 20


def test_a_step_of_the_first_order_variant_is_the_loop_over_tasks():
    training = variants.FirstOrder(1, 3, 2, 2, compiled=False)
    alpha, second = [0.05, 0.1], [0.0, 1.0]
    lanes = Lane(*(np.broadcast_to(x, 2) for x in Lane(np.array([0, 1]), np.array(alpha), second=np.array(second))))
    start = training.start(np.array([0, 1])).numpy()
    training._set(lanes)
    oracle, theta = training.oracle, (tf.constant(start),)
    sample = oracle.sample(theta, tf.constant([5, 6]))
    (xi, _, _), after = oracle.estimate(theta, oracle.init(theta, tf.constant([0, 0])), sample)
    assert after.rollouts.numpy().tolist() == [41, 41]  # one task; ES-MAML's step would ask for 66
    for k in range(2):
        task = training.tasks.numpy()[int(sample[0][k, 0] * 50)]
        here, there = (noise[:, k, 0].numpy() for noise in sample[1:])
        adapted, bend = _step(start[k], here, task, alpha[k])
        g = _slope(adapted, there, task)
        np.testing.assert_allclose(-xi[0][k], g + second[k] * alpha[k] * bend @ g, rtol=2e-2, atol=2e-2)


def _returns(points, task):
    return rollout(variants.NAVIGATION, tf.constant(points, tf.float32), tf.constant(task)).returns.numpy()


def _pairs(point, noise, task):
    f = [_returns(point + sign * 0.1 * noise, task) for sign in (1, -1)]
    scale = np.concatenate(f).std()
    return f[0] / scale, f[1] / scale


def _slope(point, noise, task):
    plus, minus = _pairs(point, noise, task)
    return ((plus - minus) / 0.2) @ noise / len(noise)


def _step(point, noise, task, alpha):
    plus, minus = _pairs(point, noise, task)
    even = (plus + minus) / 2
    hessian = np.einsum("i,ij,ik->jk", even - even.mean(), noise, noise) / len(noise) / 0.01
    return point + alpha * _slope(point, noise, task), hessian


def test_whoever_stays_sees_neither_goal():
    returns = rollout(WRONG_GOALS, tf.zeros([6]), tf.constant(WRONG_GOALS.tasks([0, 1, 7]), tf.float32)).returns
    np.testing.assert_allclose(returns, variants.STAYING)


def test_wrong_goals_are_trained_on_their_own_tasks():
    training = variants.WrongGoals(WRONG_GOALS, hill_climbing, 1, 0, 2, 2, compiled=False)
    np.testing.assert_array_equal(training.tasks, WRONG_GOALS.tasks(range(50)))
    assert (training.tasks.numpy().sum(1) == 2).all()


def test_all_arms_give_what_claims_name(monkeypatch):
    monkeypatch.setattr(variants, "cached", lambda name, depends, compute: compute())
    scale = Scale(pairs=1, steps=2, seeds=2, tuning_seeds=1, lanes=8, seed=0, records=1)
    found = variants.arms(scale)
    assert found.keys() == variants.LABELS.keys()
    values = variants.measurements(found, found["wrong.mc"])
    assert {"wrong.hc_minus_mc", "first.es_minus_first", "first.curved_minus_flat"} <= values.keys()
    assert all(np.isfinite(value).all() for value in values.values())
    assert (found["wrong.hc"].after >= found["wrong.hc"].before).all()
    assert len(variants.shown(found).rows) == 4
