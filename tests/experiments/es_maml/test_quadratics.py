"""Formulas on quadratic tasks, held to automatic differentiation and to sampling with NumPy."""

import numpy as np
import pytest

from descent.experiments.es_maml import quadratics
from descent.quiet import tf

THETA, ALPHA, S = np.array([0.5, -1.0, 0.7]), 0.3, 0.8


def after(point, mu):
    adapted = point + ALPHA * (mu - point)
    return -((adapted - mu) ** 2).sum(-1) / 2


def test_meta_gradient_is_the_derivative_of_the_mean_after_adaptation():
    mu = tf.constant(np.random.default_rng(0).normal(size=(200, 3)))
    mu = mu - tf.reduce_mean(mu, 0)  # so that the mean is exactly 0
    theta = tf.constant(THETA)
    with tf.GradientTape() as tape:
        tape.watch(theta)
        inner = -tf.reduce_sum((theta + ALPHA * (mu - theta) - mu) ** 2, 1) / 2
        loss = tf.reduce_mean(inner)
    np.testing.assert_allclose(tape.gradient(loss, theta), quadratics.meta_gradient(THETA, ALPHA), rtol=1e-12)


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("sigma", [0.1, 0.6])
def test_second_moments_are_those_of_a_sample(paired, sigma):
    rng = np.random.default_rng(1)
    e, mu, other = (rng.normal(size=(400_000, 3)) for _ in range(3))
    slope = (after(THETA + sigma * e, S * mu) - after(THETA - sigma * e, S * (mu if paired else other))) / (2 * sigma)
    sampled = (slope**2 * (e**2).sum(1)).mean()
    # relative standard error below .5%: a false alarm once in millions
    assert quadratics.second_moment(THETA, ALPHA, S, sigma, paired) == pytest.approx(sampled, rel=0.025)


def test_crossing_is_where_the_formulas_agree():
    sigma = quadratics.crossing(THETA, S)
    both = [quadratics.second_moment(THETA, ALPHA, S, sigma, paired) for paired in (True, False)]
    assert both[0] == pytest.approx(both[1], rel=1e-12)
    assert quadratics.crossing(np.full(6, 0.5), 1.0) == pytest.approx(0.75)


def test_bench_measures_what_the_formulas_say():
    found = quadratics.bench(np.full(6, 0.5), 0.2, 1.0, 40_000, 100, 0)
    for kind in quadratics.KINDS:
        assert found.values[f"bench.slope.{kind}"].mean() == pytest.approx(-0.5, abs=0.06)
    assert found.values["bench.gain.antithetic"].mean() == pytest.approx(1, abs=0.05)
    assert found.values["bench.moment.unpaired.small"].mean() == pytest.approx(1, abs=0.08)
    assert found.values["bench.hessian"].mean() == pytest.approx(0.8, abs=0.05)
    assert found.errors["plain"][0] > 5 * found.errors["antithetic"][0]


@pytest.mark.parametrize("n", [2, 10])
def test_hessian_as_released_is_too_small_by_its_own_share(n):
    hessian = np.array([[2.0, 0.5, 0], [0.5, 1, 0], [0, 0, -1.0]])
    gradient, bend = quadratics.first_order(THETA, hessian, 0.1, n, 100_000, 0)
    np.testing.assert_allclose(gradient.mean(0), hessian @ THETA, atol=0.06)
    np.testing.assert_allclose(bend.mean(0), (1 - 1 / n) * hessian, atol=0.05)
