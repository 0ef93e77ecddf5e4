"""ACGD and partial awareness: against dense solves, against the published package's own numbers, and at the limits."""

import json
from pathlib import Path

import numpy as np
import pytest

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules import acgd, aware, cgd, gradient_descent, step
from descent.simulate import Simulator
from descent.sweep import Sweep

PUBLISHED = json.loads((Path(__file__).parent / "acgd_published.json").read_text())


def published_game(dtype, zero_sum):
    """The game of the file, in which the package's max player is player 0."""
    data = tf.constant(PUBLISHED["data"], dtype)

    def losses(params, batch):
        (w, a), (v, b) = params
        h = tf.tanh(data @ w + a)
        o = h @ v + b
        value = tf.reduce_mean(tf.tanh(o) * o) - 0.3 * tf.reduce_mean(h * h)
        return -value, value

    start = tuple([tf.constant(PUBLISHED[key], dtype) for key in keys] for keys in ("Wa", "Vb"))
    return Game(losses, zero_sum=zero_sum), start


@pytest.mark.parametrize(("dtype", "tolerance"), [(tf.float64, 1e-10), (tf.float32, 1e-5)])
def test_acgd_makes_the_published_packages_steps(dtype, tolerance):
    game, params = published_game(dtype, zero_sum=True)
    rule = acgd(0.05)
    state = rule.init(params)
    for wanted in PUBLISHED["after_each_step"]:
        params, state = step(rule, game, params, state)
        np.testing.assert_allclose(vectors.flatten(params), wanted, rtol=0, atol=tolerance)
    assert int(state.t) == 5 and int(state.capped) == 0


def random_game(seed, zero_sum=False, sizes=(3, 4)):
    """Bilinear losses x^T A y + p^T x and y^T B x + q^T y, with B = -A^T where it is a zero-sum game."""
    draw = np.random.default_rng(seed)
    a, p, q = draw.normal(size=sizes), draw.normal(size=sizes[0]), draw.normal(size=sizes[1])
    b = -a.T if zero_sum else draw.normal(size=sizes[::-1])

    def losses(params, batch):
        x, y = params
        one = tf.reduce_sum(x * tf.linalg.matvec(a, y)) + tf.reduce_sum(p * x) - zero_sum * tf.reduce_sum(q * y)
        two = tf.reduce_sum(y * tf.linalg.matvec(b, x)) + tf.reduce_sum(q * y) - zero_sum * tf.reduce_sum(p * x)
        return one, two

    params = tuple(tf.constant(draw.normal(size=size)) for size in sizes)
    return Game(losses, zero_sum=zero_sum), params, a, b


@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("zero_sum", [True, False])
@pytest.mark.parametrize("sizes", [(3, 4), (1, 1), (1, 5)])
def test_aware_steps_are_those_of_a_dense_solve(alpha, zero_sum, sizes):
    game, params, a, b = random_game(3, zero_sum, sizes)
    eta, (g, h) = 0.3, (x.numpy() for x in game.gradient(params))
    dx = np.linalg.solve(np.eye(sizes[0]) - alpha * eta**2 * a @ b, -eta * (g - alpha * eta * a @ h))
    dy = np.linalg.solve(np.eye(sizes[1]) - alpha * eta**2 * b @ a, -eta * (h - alpha * eta * b @ g))
    rule = aware(eta, alpha, tolerance=1e-13)
    moved, _ = rule.update((g, h), rule.init(params), params, game)
    np.testing.assert_allclose(moved[0], dx, rtol=1e-9)
    np.testing.assert_allclose(moved[1], dy, rtol=1e-9)


def test_awareness_runs_from_descent_to_competition():
    game, params, _, _ = random_game(5)
    for alpha, other in ((0.0, gradient_descent(0.2)), (1.0, cgd(0.2, tolerance=1e-13))):
        here, there = (step(rule, game, params, rule.init(params))[0] for rule in (aware(0.2, alpha, 1e-13), other))
        np.testing.assert_allclose(vectors.flatten(here), vectors.flatten(there), rtol=1e-9)


def test_general_sum_solves_agree_with_the_zero_sum_ones():
    (game, params, _, _), (general, _, _, _) = random_game(7, zero_sum=True), random_game(7, zero_sum=True)
    general = Game(general.loss_functions)
    ends = []
    for one in (game, general):
        rule, here = acgd(0.2, tolerance=1e-13, absolute=0.0), params
        state = rule.init(here)
        for _ in range(4):
            here, state = step(rule, one, here, state)
        ends.append(vectors.flatten(here))
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-8)


def test_a_met_cap_is_counted():
    game, params, _, _ = random_game(9)
    for rule, wanted in ((acgd(0.5, iterations=1, tolerance=1e-12), 3), (aware(0.5, iterations=1, tolerance=1e-12), 6)):
        state, here = rule.init(params), params
        for _ in range(3):
            here, state = step(rule, game, here, state)
        assert int(state.capped) == wanted


def test_a_warm_start_saves_iterations():
    """With the same matrix and nearly the same right-hand side the last solution is a good first guess."""
    game, params, _, _ = random_game(11, zero_sum=True, sizes=(12, 12))
    rule = acgd(1e-3, tolerance=1e-3)
    run = Simulator(game, rule, record=lambda params, state, game: state.iterations).run(params, 60)
    assert run.records[-10:].mean() <= run.records[1:5].mean()


def test_lanes_of_acgd_are_single_runs():
    game, params, _, _ = random_game(13, zero_sum=True)
    etas = [0.05, 0.2]
    lanes = tf.nest.map_structure(lambda x: tf.stack([x, x]), params)
    sweep = Sweep(game, {"acgd": acgd}, lambda params, state, game: vectors.flatten(params))
    found = sweep.run(tf.constant(etas, tf.float64), lanes, 5)["acgd"]
    sweep.run(tf.constant(etas, tf.float64), lanes, 5)
    assert sweep.traces == 1
    for k, eta in enumerate(etas):
        single = Simulator(game, acgd(eta), record=lambda params, state, game: vectors.flatten(params)).run(params, 4)
        np.testing.assert_allclose(found[:, k], single.records, rtol=1e-9)


@pytest.mark.parametrize("rule", [acgd(0.1), aware(0.1)])
def test_they_are_for_two_players(rule):
    with pytest.raises(ValueError, match="games of two players, this one has 1"):
        rule.init((tf.ones([2]),))
