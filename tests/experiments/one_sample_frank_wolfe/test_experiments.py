"""What the chapter measures: slopes, ratios, gaps, a certified minimum, gradients, the walk and its identity."""

import numpy as np
import pytest

from descent.experiments.one_sample_frank_wolfe import images, least_squares, sigmoid
from descent.experiments.one_sample_frank_wolfe.moving_samples import jackknife
from descent.experiments.one_sample_frank_wolfe.pull_request import stored_gradient_average
from descent.experiments.one_sample_frank_wolfe.race import REGION, walk
from descent.problems.constraints import l1_ball, nuclear_ball
from descent.problems.images import Images
from descent.quiet import tf
from descent.rules import chain
from descent.rules.frank_wolfe import decay, frank_wolfe, recursive_average, running_average
from descent.rules.schedules import constant


def test_slopes_of_powers_are_their_exponents_and_jackknife_of_a_linear_statistic_is_itself():
    steps = np.arange(100, 20_001, 100)
    values = np.stack([3 * steps**-1.0, 0.2 * steps**-0.5], axis=1)
    np.testing.assert_allclose(least_squares.slope(steps, values, 200), [-1, -0.5])
    a = np.array([1.0, 2, 6, 3])
    np.testing.assert_allclose(jackknife(a, np.full(4, 2.0)), a / 2)
    b = np.array([2.0, 3, 4, 1])
    assert jackknife(a, b).mean() == pytest.approx(a.sum() / b.sum(), rel=0.2)


def test_suboptimality_is_the_difference_of_losses():
    targets = least_squares.targets(3, seed=1)
    for place, size in (("inside", 0.5), ("face", 1.0), ("outside", 2.0)):
        w = targets[place]
        np.testing.assert_allclose(abs(w).sum(1), size)
        assert ((w != 0).sum(1) == 10).all()
        best = l1_ball(1.0).project(tf.constant(w)).numpy()
        x = np.random.default_rng(0).normal(size=(4, *w.shape))
        direct = 0.5 * ((x - w) ** 2).sum(-1) - 0.5 * ((best - w) ** 2).sum(-1)
        np.testing.assert_allclose(least_squares.suboptimality(x, w, best), direct, atol=1e-12)


def test_the_walk_obeys_the_identity_and_the_stored_gradient_is_raw():
    estimates = {
        "one_sample": recursive_average(decay()),
        "raw": running_average(constant(1.0)),
        "named": stored_gradient_average(decay()),
    }
    family = {name: lambda h, e=e: chain(e, frank_wolfe(REGION, decay())) for name, e in estimates.items()}
    seen = walk(family, np.array([0.25, 0.3]), 200, 7)
    assert seen.residual < 1e-11
    assert (seen.paths["named"] == seen.paths["raw"]).all()
    wrong = walk(family | {"one_sample": family["raw"]}, np.array([0.25, 0.3]), 200, 7)
    assert wrong.residual > 1  # the identity tells a wrong estimate apart


def test_the_sigmoid_gap_is_that_of_the_mean_of_the_sampled_gradients():
    game, region = sigmoid.game(), l1_ball(5.0)
    x = region.project(tf.constant(np.random.default_rng(2).normal(size=30)))
    gradients = tf.vectorized_map(lambda k: game.at(k).gradient((x,))[0], tf.range(569))
    mean = tf.reduce_mean(gradients, 0)
    want = tf.reduce_sum(mean * x) + 5 * tf.reduce_max(tf.abs(mean))
    assert sigmoid.gap(x.numpy()[None], region)[0] == pytest.approx(float(want), rel=1e-9)


def test_the_least_loss_is_certified_and_gradients_are_counted_alike():
    rng = np.random.default_rng(3)
    pictures = Images(rng.random((40, 6), np.float32), rng.integers(0, 10, 40, np.int32), "toy", "test", (2, 3, 1))
    game, region, start = images.regression(pictures), l1_ball(2.0), tf.zeros([10, 6])
    smoothness = 0.5 * float(np.linalg.eigvalsh(pictures.x.T @ pictures.x / 40)[-1])
    least, certificate = images.least_loss(game, region, start, smoothness, 300)
    assert -1e-6 < certificate < 1e-4
    draw = lambda key, step: tf.random.stateless_uniform([5], key, maxval=40, dtype=tf.int32)  # noqa: E731
    runs = images.losses_by_gradients(game, images.released_rules(region), start, draw, 20, 5, [0, 1])
    assert (runs["recursive"].gradients == runs["averaging"].gradients).all()
    assert runs["averaging"].gradients[-1] == 40
    for run in runs.values():
        assert run.losses.shape == (2, 6)
        np.testing.assert_allclose(run.losses[:, 0], np.log(10), rtol=1e-6)
        assert (run.losses > least - 1e-6).all()


def test_completion_sees_the_entries_it_says():
    game, norm, seen = images.completion(6, 9, 2, 0.5, np.random.default_rng(4))
    assert seen == 27
    loss = float(game.losses((tf.zeros([6, 9]),))[0])
    assert 0.1 < loss < 2
    (gradient,) = game.gradient((tf.zeros([6, 9]),))
    assert int(tf.math.count_nonzero(gradient)) == 27
    assert float(nuclear_ball(norm).excess(tf.zeros([6, 9]))) == 0
