"""Arms do what they say, sums are sums, and a run reports what happened."""

import numpy as np
import pytest

from descent import vectors
from descent.experiments.competitive_descent import covariance, gans, measured, toy
from descent.experiments.competitive_descent.overtraining import ARMS, FLAGS, Task, arm
from descent.games import Game
from descent.problems.mixtures import ring
from descent.quiet import tf
from descent.rules import cgd, gradient_descent, step


@pytest.fixture(scope="module")
def task():
    return Task("digits", hidden=6, latent=3, batch=8)


@pytest.fixture(scope="module")
def here(task):
    params = tf.nest.map_structure(lambda x: x[0], task.starts([3]))
    return params, task.draw(tf.constant([5, 6]), tf.constant(0, tf.int64))


def moved(task, here, name):
    params, batch = here
    rule, game = arm(task, tf.constant(FLAGS[name])), task.game("zero-sum").at(batch)
    after, state = step(rule, game, params, rule.init(params))
    return vectors.subtract(after, params), state


@pytest.mark.parametrize("name", ARMS)
def test_each_arm_makes_its_step(task, here, name):
    params, batch = here
    zero, other = task.game("zero-sum").at(batch), task.game("non-saturating").at(batch)
    competitive = cgd(task.rate, tolerance=1e-6)
    plain = vectors.scale(-task.rate, other.gradient(params))
    if name == "both, CGD":
        wanted = vectors.subtract(step(competitive, zero, params, competitive.init(params))[0], params)
    elif name == "D alone, CGD":
        wanted = vectors.subtract(step(competitive, zero, params, competitive.init(params))[0], params)
        wanted = (vectors.zeros_like(params[0]), wanted[1])
    elif name == "D alone, GD":
        wanted = (vectors.zeros_like(params[0]), plain[1])
    else:
        wanted = plain
    found, _ = moved(task, here, name)
    np.testing.assert_allclose(vectors.flatten(found), vectors.flatten(wanted), rtol=2e-3, atol=2e-6)


def test_the_generator_strikes_alone(task, here):
    found, state = moved(task, here, "G alone")
    assert float(vectors.norm(found[1])) == 0 < float(vectors.norm(found[0]))
    zero = task.game("zero-sum").at(here[1]).gradient(here[0])[0]
    np.testing.assert_allclose(vectors.flatten(state.summed["zero-sum"]), vectors.flatten(zero), rtol=1e-5)


def test_gradients_are_summed_over_steps_in_both_losses(task, here):
    params, batch = here
    rule, zero, other = arm(task, tf.constant(FLAGS["D alone, GD"])), task.game("zero-sum"), task.game("non-saturating")
    state, sums = rule.init(params), {"zero-sum": 0.0, "non-saturating": 0.0}
    for k in range(3):
        batch = task.draw(tf.constant([5, k]), tf.constant(k, tf.int64))
        for name, game in (("zero-sum", zero), ("non-saturating", other)):
            sums[name] += vectors.flatten(game.at(batch).gradient(params)[0]).numpy()
        params, state = step(rule, zero.at(batch), params, state)
    for name, wanted in sums.items():
        np.testing.assert_allclose(vectors.flatten(state.summed[name]), wanted, rtol=1e-4, atol=1e-6)


def test_a_run_reports_what_happened(task):
    run = measured.Overtrained(task, 20, 20, 20, 10, [0, 1])
    found = run.measurements("x")
    assert set(run.strikes) == {"checkpoint", *ARMS, "D alone, stopped"}
    alone = run.records["D alone, GD"]
    np.testing.assert_array_equal(alone["loss"][0], run.records["both, CGD"]["loss"][0])  # one checkpoint
    np.testing.assert_allclose(run.strikes["checkpoint"][0], alone["loss"][0], rtol=1e-6)
    assert found["x.alone.loss_kept"].shape == (2,)
    assert alone["loss"][-1].mean() < alone["loss"][0].mean()  # it trains
    assert (alone["change"][0] == 0).all() and (alone["change"][-1] > 0).all()
    # a sum of gradients is at most as long as their number times the longest
    assert (alone["zero-sum, summed"][-1] <= 20 * 2 * alone["zero-sum"].max()).all()


def test_covariance_game_and_its_residual():
    draw = np.random.default_rng(0)
    v, w, sigma = (tf.constant(draw.normal(size=(3, 3))) for _ in range(3))
    game = covariance.covariance_game().at(sigma)
    first, second = (g.numpy() for g in game.gradient((v, w)))
    np.testing.assert_allclose(first, -(w + tf.transpose(w)).numpy() @ v.numpy(), rtol=1e-12)
    np.testing.assert_allclose(second, v.numpy() @ v.numpy().T - sigma.numpy(), rtol=1e-12)
    u = draw.normal(size=(3, 3))
    skew = u - u.T
    assert float(covariance.residual((tf.constant(u), tf.constant(skew)), tf.constant(u @ u.T))) < 1e-12


def test_runs_are_read_within_their_budget():
    run = {
        "units": np.array([0.0, 50, 100, 150]).reshape(4, 1, 1),
        "residual": np.array([2.0, 1, 0.5, 0.1]).reshape(4, 1, 1),
    }
    assert covariance.at_budget(run, 100)[0, 0] == 0.25


def test_the_generator_of_the_toy_stays_in_its_set():
    for u, w in np.random.default_rng(0).normal(size=(50, 2)) * 3:
        product = float(tf.reduce_prod(toy.point(tf.constant([u, w]))))
        assert np.exp(-1) * 0.999 <= product <= np.e * 1.001


def test_longest_stretches():
    theta = np.array([1.0, 2.0, 2.05, 3.0, 1.95, 2.0, 2.0])[:, None, None]
    assert toy.held(theta, 10) == [30]


def test_adaptive_awareness_without_awareness_is_descent_with_acgds_rates():
    game = Game(lambda p, b: (p[0] * p[1] + p[0] ** 2, -p[0] * p[1]), zero_sum=False)
    params = (tf.constant(1.0), tf.constant(-2.0))
    rule = gans.adaptive_awareness(0.1, 0.0)
    after, _ = step(rule, game, params, rule.init(params))
    g = np.array(game.gradient(params))
    wanted = np.array(params) - 0.1 * 0.1 * g / (0.1 * abs(g) + 1e-5)
    np.testing.assert_allclose(np.array(after), wanted, rtol=1e-4)


def test_quality_of_an_exact_sample():
    mixture = ring(8, 1.0, 0.05)
    exact = np.asarray(mixture.sample(4, 1024))
    found = gans.quality(np.stack([exact, 0 * exact]), mixture)
    assert found["modes"][0] == 8 and found["modes"][1] == 0
    assert found["sharp"][0] > 0.99 and found["w1"][0] < 0.05 < found["w1"][1]


def test_competition_reads_each_method_at_the_budget():
    setting = gans.Setting(ring(4, 1.0, 0.1), (8,), 2, 8, 64)
    found = measured.tuned_alike(setting, "ACGD", (0.001, 0.01), 160, [1, 2])
    assert found["w1"].shape == (2, 2) and np.isfinite(found["w1"]).all()


def test_dense_steps_find_a_planted_defect():
    assert max(measured.steps_of_acgd(2).values()) < 1e-5
    plain = gradient_descent(0.05)  # not the published step
    game = Game(lambda p, b: (p[0][0][0] * p[1][0][0], -p[0][0][0] * p[1][0][0]), zero_sum=True)
    start = tuple([(tf.constant([1.0], tf.float64),)] for _ in range(2))
    game = Game(
        lambda p, b: (tf.reduce_sum(p[0][0][0] * p[1][0][0]), -tf.reduce_sum(p[0][0][0] * p[1][0][0])), zero_sum=True
    )
    dense = measured.dense_acgd(game, start, 0.05, 1)[0]
    wrong = vectors.flatten(step(plain, game, start, ())[0])
    assert np.abs(dense - wrong).max() > 1e-3
