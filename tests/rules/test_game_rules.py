"""One step of each game-aware rule against dense linear algebra, on random quadratic general-sum games."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent import rules, vectors
from descent.games import Game
from descent.quiet import tf

seeds = st.integers(0, 2**31 - 1)
few = settings(deadline=None, max_examples=6)


def losses(params, batch):
    """l_i = w^T H_i w / 2 + c_i^T w, w all coordinates in the order of ``vectors.flatten``."""
    w = vectors.flatten(params)
    hessians, linear = batch
    return tuple(
        tf.tensordot(w, tf.linalg.matvec(hessians[i], w), 1) / 2 + tf.tensordot(linear[i], w, 1)
        for i in range(len(params))
    )


class Quadratic:
    """A random game of players of the given sizes: the game and parameters, with J, xi and w in NumPy."""

    def __init__(self, seed, sizes, zero_sum=False):
        rng = np.random.default_rng(seed)
        d, n = sum(sizes), len(sizes)
        hessians, linear = rng.normal(size=(n, d, d)), rng.normal(size=(n, d))
        hessians += hessians.transpose(0, 2, 1)
        if zero_sum:
            hessians[1], linear[1] = -hessians[0], -linear[0]
        edges = np.cumsum([0, *sizes])
        self.blocks = [slice(a, b) for a, b in itertools.pairwise(edges)]
        self.game = Game(losses, (tf.constant(hessians), tf.constant(linear)), zero_sum)
        self.jacobian = np.concatenate([hessians[i][b] for i, b in enumerate(self.blocks)])
        self.offset = np.concatenate([linear[i][b] for i, b in enumerate(self.blocks)])
        self.w = rng.normal(size=d)
        self.params = self.split(self.w)
        self.mixed = self.jacobian.copy()
        for b in self.blocks:
            self.mixed[b, b] = 0

    def split(self, w):
        # each player nested: all but its last coordinate, and its last
        return tuple({"first": tf.constant(w[b][:-1]), "last": tf.constant(w[b][-1])} for b in self.blocks)

    def xi(self, w):
        return self.jacobian @ w + self.offset

    def step(self, rule):
        change, state = rule.update(self.game.gradient(self.params), rule.init(self.params), self.params, self.game)
        tf.nest.assert_same_structure(change, self.params)
        return vectors.flatten(change).numpy(), state


CLOSE = {"rtol": 1e-10, "atol": 1e-11}


@given(seeds, st.floats(0.01, 1))
@few
def test_extragradient(seed, eta):
    q = Quadratic(seed, (2, 3, 1))
    xi = q.xi(q.w)
    np.testing.assert_allclose(q.step(rules.extragradient(eta))[0], -eta * q.xi(q.w - eta * xi), **CLOSE)
    np.testing.assert_allclose(q.step(rules.extragradient(eta, 0.3))[0], -eta * q.xi(q.w - 0.3 * xi), **CLOSE)


@given(seeds, st.floats(0.01, 1))
@few
def test_lookahead(seed, eta):
    q = Quadratic(seed, (2, 3, 1))
    xi = q.xi(q.w)
    for gamma, arguments in [(eta, (eta,)), (0.3, (eta, 0.3))]:
        expected = -eta * (xi - gamma * q.mixed @ xi)
        np.testing.assert_allclose(q.step(rules.lookahead(*arguments))[0], expected, **CLOSE)
        np.testing.assert_allclose(q.step(rules.lookahead(*arguments, linear=True))[0], expected, **CLOSE)


def test_lookahead_and_its_linear_form_differ_on_other_games():
    game = Game(lambda p, b: (tf.sin(p[0] * p[1]), tf.cos(p[0] + p[1] ** 2)))
    params = (tf.constant(0.4, tf.float64), tf.constant(1.1, tf.float64))
    xi = game.gradient(params)
    for gamma, order in [(0.01, 1e-3), (0.001, 1e-5)]:
        exact, linear = (
            vectors.flatten(rules.lookahead(1.0, gamma, form).update(xi, (), params, game)[0]) for form in (False, True)
        )
        assert 0 < np.abs(exact - linear).max() < order  # the difference is of second order in gamma


@given(seeds, st.floats(-2, 2))
@few
def test_consensus(seed, gamma):
    q = Quadratic(seed, (2, 3, 1))
    xi = q.xi(q.w)
    grad_h = q.jacobian.T @ xi
    np.testing.assert_allclose(q.step(rules.consensus(gamma))[0], xi + gamma * grad_h, rtol=1e-9, atol=1e-9)
    expected = xi + abs(gamma) * np.sign(xi @ grad_h) * grad_h
    np.testing.assert_allclose(q.step(rules.consensus(gamma, "sign"))[0], expected, rtol=1e-9, atol=1e-9)


def test_aligned_consensus_leaves_the_maximum_that_plain_consensus_goes_to():
    # Letcher et al. 2019, example 8: -kappa |w|^2 / 2 with weight above 1/kappa
    game = Game(lambda p, b: (-tf.reduce_sum(p[0] ** 2),))
    params = (tf.constant([0.3, -0.1], tf.float64),)
    xi = game.gradient(params)
    plain, _ = rules.consensus(1.0).update(xi, (), params, game)
    aligned, _ = rules.consensus(1.0, "sign").update(xi, (), params, game)
    assert vectors.dot(plain, params) > 0  # minus this points to zero
    assert vectors.dot(aligned, params) < 0


def nash_of_bilinear_game(q, eta):
    """The step (dx, dy) at which neither player gains: xi + D delta + delta / eta = 0, D the mixed blocks."""
    return -eta * np.linalg.solve(np.eye(len(q.w)) + eta * q.mixed, q.xi(q.w))


@pytest.mark.parametrize("sizes", [(1, 1), (1, 4), (4, 1), (3, 5)])
@pytest.mark.parametrize("zero_sum", [True, False])
@pytest.mark.parametrize("warm_start", [True, False])
def test_cgd_is_the_nash_point_of_the_regularised_bilinear_game(sizes, zero_sum, warm_start):
    for seed in range(3):
        q = Quadratic(seed, sizes, zero_sum)
        for eta in (0.05, 0.5, 2.0):
            step, state = q.step(rules.cgd(eta, tolerance=1e-13, warm_start=warm_start))
            np.testing.assert_allclose(step, nash_of_bilinear_game(q, eta), rtol=1e-7, atol=1e-9)
            assert state.iterations <= 2 * sizes[0] + 2


def test_cgd_of_the_same_game_with_and_without_the_promise():
    promised, plain = Quadratic(3, (3, 4), True), Quadratic(3, (3, 4), True)
    plain.game = Game(losses, plain.game.batch)
    rule = rules.cgd(0.4, tolerance=1e-13)
    np.testing.assert_allclose(promised.step(rule)[0], plain.step(rule)[0], rtol=1e-9)


def test_cgd_in_a_zero_sum_game_is_the_papers_formula():
    q = Quadratic(5, (3, 4), True)
    eta, (x, y) = 0.3, q.blocks
    d_xy, xi = q.jacobian[x, y], q.xi(q.w)
    # grad_y f = -xi_y, since y minimises -f
    dx = -eta * np.linalg.solve(np.eye(3) + eta**2 * d_xy @ d_xy.T, xi[x] + eta * d_xy @ -xi[y])
    np.testing.assert_allclose(q.step(rules.cgd(eta, tolerance=1e-13))[0][x], dx, rtol=1e-9)


def test_cgd_stops_when_told():
    q = Quadratic(1, (6, 6), True)
    counts = [int(q.step(rules.cgd(2.0, tolerance=t))[1].iterations) for t in (1e-1, 1e-3, 1e-12)]
    assert counts[0] < counts[1] < counts[2]
    assert q.step(rules.cgd(2.0, tolerance=1e-12, iterations=2))[1].iterations == 2
    # no mixed derivatives: gradient descent, in the one iteration that the identity takes
    flat = Quadratic(1, (6, 6), True)
    flat.game = Game(lambda p, b: (vectors.dot(p[0], p[0]), vectors.dot(p[1], p[1])))
    step, state = flat.step(rules.cgd(0.1))
    np.testing.assert_allclose(step, -0.2 * flat.w, rtol=1e-12)
    assert state.iterations == 1


def test_cgd_warm_start_begins_from_the_last_solution():
    q = Quadratic(2, (6, 7), True)
    rule = rules.cgd(1.0, tolerance=1e-10, warm_start=True)
    xi = q.game.gradient(q.params)
    first, state = rule.update(xi, rule.init(q.params), q.params, q.game)
    again, state_again = rule.update(xi, state, q.params, q.game)
    assert state.iterations > 3
    assert state_again.iterations == 0
    np.testing.assert_allclose(vectors.flatten(again), vectors.flatten(first), rtol=1e-8)
    elsewhere = q.split(q.w + 0.01)
    step, warm = rule.update(q.game.gradient(elsewhere), state, elsewhere, q.game)
    cold_step, cold = rule.update(q.game.gradient(elsewhere), rule.init(elsewhere), elsewhere, q.game)
    assert warm.iterations <= cold.iterations
    np.testing.assert_allclose(vectors.flatten(step), vectors.flatten(cold_step), rtol=1e-7)


def test_cgd_needs_two_players():
    q = Quadratic(0, (1, 1, 1))
    with pytest.raises(ValueError, match="two players"):
        q.step(rules.cgd(0.1))


@pytest.mark.parametrize("zero_sum", [True, False])
def test_cgd_can_be_differentiated_at_a_fixed_point(zero_sum):
    # where the right-hand side is zero and conjugate gradients make no iteration at all
    q = Quadratic(4, (2, 3), zero_sum)
    eta = 0.3
    fixed = np.linalg.solve(q.jacobian, -q.offset)
    rule = rules.cgd(eta, tolerance=1e-13)

    @tf.function(autograph=False)
    def derivative(w):
        with tf.GradientTape() as tape:
            tape.watch(w)
            params = vectors.like(w, q.params)
            step, _ = rule.update(q.game.gradient(params), rule.init(params), params, q.game)
            step = vectors.flatten(step)
        return tape.jacobian(step, w)

    expected = -eta * np.linalg.solve(np.eye(5) + eta * q.mixed, q.jacobian)
    np.testing.assert_allclose(derivative(tf.constant(fixed)), expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(derivative(tf.constant(q.w)), expected, rtol=1e-7, atol=1e-9)


def test_competitive_descent_starts_each_solve_from_zero_unless_told_otherwise():
    params = (tf.constant([1.0]), tf.constant([2.0]))
    assert isinstance(rules.cgd(0.1).init(params).last, tuple)  # empty
    assert tf.is_tensor(rules.cgd(0.1, warm_start=True).init(params).last)


def test_a_lane_stops_whole_whatever_the_rank_of_its_parameters():
    """One number of the second lane is lost: that lane stands still, in all its leaves, and the others go on."""
    rule = rules.stopping(rules.gradient_descent(1.0))
    params = ({"w": tf.ones([3, 2, 2]), "b": tf.ones([3])},)
    broken = np.ones((3, 2, 2), np.float32)
    broken[1, 1, 0] = np.inf
    xi = ({"w": tf.constant(broken), "b": tf.ones([3])},)
    step, state = rule.update(xi, rule.init(params), params, None)
    np.testing.assert_array_equal(state.stopped, [False, True, False])
    np.testing.assert_array_equal(step[0]["w"][:, 0, 0], [-1, 0, -1])
    np.testing.assert_array_equal(step[0]["b"], [-1, 0, -1])
