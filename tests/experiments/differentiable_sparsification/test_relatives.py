"""Sparsemax against a quadratic program, soft thresholds against a grid, gates against their law."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from descent.experiments.differentiable_sparsification import relatives
from descent.games import Game
from descent.quiet import tf
from descent.rules import step

points = st.lists(st.floats(-3, 3), min_size=1, max_size=7).map(np.array)


@settings(deadline=None, max_examples=25)
@given(points)
def test_sparsemax_is_the_nearest_point_of_the_simplex(z):
    n = len(z)
    program = optimize.minimize(
        lambda a: ((a - z) ** 2).sum() / 2,
        np.full(n, 1 / n),
        jac=lambda a: a - z,
        bounds=[(0, None)] * n,
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1, "jac": lambda a: np.ones(n)},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 300},
    )
    np.testing.assert_allclose(relatives.sparsemax(tf.constant(z)), program.x, atol=1e-6)


def test_sparsemax_has_the_published_jacobian():
    z = tf.constant([1.0, 0.7, -2.0, 0.9], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        a = relatives.sparsemax(z)
    s = (a.numpy() > 0).astype(float)
    np.testing.assert_allclose(tape.jacobian(a, z), np.diag(s) - np.outer(s, s) / s.sum(), atol=1e-14)
    assert s.tolist() == [1, 1, 0, 1]


def test_soft_thresholds_minimise_what_they_should():
    grid = np.linspace(-3, 3, 60_001)
    for x in (-2.0, -0.3, 0.5, 1.7):
        best = grid[np.argmin((grid - x) ** 2 / 2 + 0.5 * np.abs(grid))]
        assert relatives.soft_threshold(tf.constant(x), 0.5).numpy() == pytest.approx(best, abs=1e-4)
    rows = np.array([[3.0, 4.0], [0.1, 0.2], [0.0, 0.0]])
    found = relatives.block_soft_threshold(tf.constant(rows), 0.5, 1).numpy()
    np.testing.assert_allclose(found, [[2.7, 3.6], [0, 0], [0, 0]])  # 1 - .5/5
    np.testing.assert_allclose(relatives.block_soft_threshold(tf.constant(rows.T), 0.5, 0), found.T)


def test_gates_are_zero_and_open_as_often_as_their_law_says():
    """Over 40,000 draws a right share misses by 4 standard errors in 6 of 100,000 seeds."""
    n, log_alpha = 40_000, 0.4
    u = tf.random.stateless_uniform([n], [3, 1], 1e-6, 1 - 1e-6, tf.float64)
    z = relatives.hard_concrete(tf.fill([n], tf.constant(log_alpha, tf.float64)), u).numpy()
    open_share = float(relatives.expected_gates(tf.constant([log_alpha], tf.float64)))
    assert abs((z != 0).mean() - open_share) < 4 * math.sqrt(open_share * (1 - open_share) / n)
    assert (z == 1).any() and z.min() == 0.0
    at_test = relatives.hard_concrete(tf.constant([-6.0, 0.0, 6.0], tf.float64)).numpy()
    np.testing.assert_allclose(at_test, [0, 0.5, 1])


def test_proximal_descent_ends_where_the_lasso_is_least():
    """Against scikit-learn's coordinate descent; zeros are exact."""
    from sklearn.linear_model import Lasso

    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(60, 8)), draw.normal(size=60)
    lam = 0.1
    game = Game(lambda params, batch: (tf.reduce_mean((tf.linalg.matvec(x, params[0]) - y) ** 2) / 2,))
    rule = relatives.proximal_descent(0.3, lambda params, eta: (relatives.soft_threshold(params[0], lam * eta),))
    w = (tf.zeros([8], tf.float64),)
    for _ in range(200):
        w, _ = step(rule, game, w, ())
    expected = Lasso(alpha=lam, fit_intercept=False, tol=1e-12).fit(x, y).coef_
    np.testing.assert_allclose(w[0], expected, atol=1e-8)
    assert np.array_equal(w[0].numpy() == 0.0, expected == 0.0) and 0 < (expected == 0).sum() < 8


def test_a_threshold_of_its_own():
    w = relatives.threshold_reparametrised(tf.constant([1.0, -0.2, -0.9]), tf.constant(0.0))
    np.testing.assert_allclose(w, [0.5, 0, -0.4], atol=1e-7)
