import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

from descent import vectors
from descent.games import Game
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules.proximal_point import proximal_point
from descent.simulate import Simulator


def step_of(rule, game, params):
    step, state = rule.update(game.gradient(params), rule.init(params), params, game)
    return vectors.flatten(step).numpy(), state


@pytest.mark.parametrize("eta", [0.01, 1.0, 10.0, 100.0, 1e6])
def test_it_solves_the_backward_euler_equation_where_linearising_bounces(eta):
    game = Game(lambda params, batch: (tf.sqrt(1 + params[0] ** 2),))
    step, state = step_of(proximal_point(eta, tolerance=1e-12), game, (tf.constant(3.0, tf.float64),))
    want = brentq(lambda v: v - 3 + eta * v / np.sqrt(1 + v**2), 0, 3, xtol=1e-15)
    assert 3 + step.item() == pytest.approx(want, rel=1e-8, abs=1e-10)
    assert state.residual <= 1e-12


def test_least_squares_on_one_row_has_the_closed_form_of_implicit_sgd():
    # Toulis and Airoldi 2017: w - eta / (1 + eta |x|^2) (x^T w - y) x
    rng = np.random.default_rng(0)
    x, w, y, eta = rng.normal(size=4) * 30, rng.normal(size=4), 1.7, 10.0
    game = Game(lambda params, batch: ((tf.tensordot(params[0], tf.constant(x), 1) - y) ** 2 / 2,))
    step, _ = step_of(proximal_point(eta, tolerance=1e-12), game, (tf.constant(w),))
    np.testing.assert_allclose(step, -eta / (1 + eta * x @ x) * (x @ w - y) * x, rtol=1e-9)


@settings(deadline=None, max_examples=15)
@given(st.floats(-2, 4), st.integers(0, 10**6))
def test_strongly_convex_distances_shrink_as_promised(log_eta, seed):
    # f = log cosh 5x + mu x^2 / 2 is mu-strongly convex with minimum 0, and far from quadratic.
    mu, eta = 0.2, 10.0**log_eta
    game = Game(lambda params, batch: (tf.reduce_sum(log_cosh(5 * params[0]) + mu * params[0] ** 2 / 2),))
    w = np.random.default_rng(seed).normal(size=3) * 10
    step, _ = step_of(proximal_point(eta, tolerance=1e-10), game, (tf.constant(w),))
    assert np.linalg.norm(w + step) <= np.linalg.norm(w) / (1 + eta * mu) * (1 + 1e-8)


def log_cosh(x):
    return tf.abs(x) + tf.math.log1p(tf.exp(-2 * tf.abs(x))) - tf.math.log(tf.constant(2.0, x.dtype))


def test_network_step_equals_scipys_minimum_of_the_same_objective():
    net = mlp([3, 4, 2], tf.nn.tanh)
    rng = np.random.default_rng(1)
    params = (tf.nest.map_structure(lambda leaf: tf.constant(rng.normal(size=leaf.shape)), net.init(0)),)
    x, y = tf.constant(rng.normal(size=(6, 3))), tf.constant([0, 1, 1, 0, 1, 0])
    game = Game(lambda p, _: (tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, net(p[0], x))),))
    eta, flat = 2.0, vectors.flatten(params).numpy()

    def objective(v):
        p = vectors.like(tf.constant(v), params)
        gradient = vectors.flatten(game.gradient(p)).numpy()
        return float(game.losses(p)[0]) + np.sum((v - flat) ** 2) / (2 * eta), gradient + (v - flat) / eta

    want = minimize(objective, flat, jac=True, method="BFGS", options={"gtol": 1e-10}).x
    step, state = step_of(proximal_point(eta, tolerance=1e-10), game, params)
    np.testing.assert_allclose(flat + step, want, atol=1e-7)
    assert state.iterations < 15


def test_the_loss_never_rises_even_at_a_saddle_and_with_huge_steps():
    # f = x^2 y^2 - y^2 / 2 + y^4 / 20 has a saddle at 0 and negative curvature around it.
    game = Game(lambda p, _: (p[0][0] ** 2 * p[0][1] ** 2 - p[0][1] ** 2 / 2 + p[0][1] ** 4 / 20,))
    start = (tf.constant([0.5, 0.3], tf.float64),)
    for eta in (1.0, 1e3):
        simulator = Simulator(game, proximal_point(eta), record=lambda p, s, g: g.losses(p)[0])
        losses = simulator.run(start, 20).records
        assert (np.diff(losses) <= 1e-12).all()
        assert losses[-1] < -1.2  # the minima, (0, +-sqrt 5), have -1.25


def test_games_of_more_players_are_refused():
    with pytest.raises(ValueError, match="one player"):
        proximal_point(0.1).init((tf.constant(1.0), tf.constant(2.0)))


def test_nothing_is_counted_before_the_first_step():
    state = proximal_point(1.0).init((tf.zeros([2]),))
    assert [int(x) for x in state] == [0, 0, 0, 0]
