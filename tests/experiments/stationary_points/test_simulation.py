"""The adversary as game and oracle: its gradients, its noise, and energies against the recursion."""

import numpy as np
import pytest
from scipy.stats import kstest

from descent.experiments.stationary_points.adversary import adversary, quadratic, start, turned_axes
from descent.experiments.stationary_points.energies import Recursion
from descent.experiments.stationary_points.simulation import expected_energies, scores, simulate, tuned_curves
from descent.experiments.stationary_points.storm import storm_energies
from descent.quiet import tf
from descent.rules import gradient_descent


def test_turned_game_is_the_same_game_in_other_coordinates():
    axes = turned_axes(8)
    np.testing.assert_allclose(axes @ axes.T, np.eye(8), atol=1e-15)
    x = np.random.default_rng(0).normal(size=8)
    slow = tf.constant(0.2, tf.float64)
    plain, turned = quadratic(8).at(slow), quadratic(8, axes).at(slow)
    (g,) = plain.gradient((tf.constant(axes @ x),))
    (h,) = turned.gradient((tf.constant(x),))
    np.testing.assert_allclose(g, np.r_[0.2, np.ones(7)] * (axes @ x), atol=1e-14)
    np.testing.assert_allclose(h, axes.T @ g.numpy(), atol=1e-14)
    assert float(turned.losses((tf.constant(start(0.2, 8, axes)),))[0]) == pytest.approx(1)  # the gap


@pytest.mark.parametrize("turned", (False, True))
def test_noise_has_variance_one_and_none_on_the_slow_axis(turned):
    axes = turned_axes(16) if turned else None
    oracle = adversary(quadratic(16, axes).at(tf.constant(0.1, tf.float64)), 16, axes, copies=(4000,))
    x = (tf.zeros([4000, 16], tf.float64),)
    sample = oracle.sample(x, tf.constant([3, 4]))
    noise = oracle.estimate(x, oracle.init(x, tf.constant([0, 0])), sample)[0].xi[0].numpy()
    own = noise if axes is None else noise @ axes.T
    assert abs(own[:, 0]).max() < 1e-12
    assert kstest(own[:, 1:].ravel() * np.sqrt(15), "norm").pvalue > 1e-4  # false alarms: one in ten thousand seeds


def test_simulation_agrees_with_the_recursion():
    """Three scores of 48 runs; all within 4 standard errors but for one in 1,500 seeds (t, 47 degrees of freedom)."""
    horizon, eta, slow = 100, 0.2, 0.05
    values = simulate(gradient_descent(eta), slow, horizon, dimensions=16, seeds=48, seed=1)
    expected = expected_energies(Recursion(points=2), "constant", eta, slow, horizon)
    assert max(map(abs, scores(values, expected).values())) < 4
    assert min(map(abs, scores(values, {name: 1.2 * value for name, value in expected.items()}).values())) > 4


def test_gradient_descent_cannot_tell_turned_axes():
    one, other = (
        tuned_curves(gradient_descent, np.geomspace(0.05, 1, 4), [16, 64], 16, 2, turned, eigenvalues=4)
        for turned in (False, True)
    )
    np.testing.assert_allclose(one["average_squares"], other["average_squares"], rtol=1e-9)


def test_storm_recursion_is_what_a_loop_with_random_waves_does():
    """The mean over 40 runs in 401 dimensions is within 5% (spread of a run is about 8%, so 4 standard errors)."""
    d, runs, steps, eta, a, slow, ell = 400, 40, 60, 0.2, 0.1, 0.15, 1.0
    rng = np.random.default_rng(0)
    u, y = np.full(runs, np.sqrt(2 / slow)), np.zeros((runs, d))
    before = None
    for _ in range(steps):
        phase = rng.uniform(0, 2 * np.pi, (runs, d))

        def told(u, y, phase=phase):
            return y + np.sqrt(2 / d) * np.cos(ell * u[:, None] + np.sqrt(d) * ell * y + phase)

        estimate = told(u, y) if before is None else told(u, y) + (1 - a) * (estimate - told(*before))  # noqa: F821
        before = u, y
        u, y = u - eta * slow * u, y - eta * estimate
    found = (slow**2 * u**2 + (y**2).sum(1)).mean()
    assert found == pytest.approx(storm_energies(eta, a, slow, [steps], ell)[0], rel=0.05)
