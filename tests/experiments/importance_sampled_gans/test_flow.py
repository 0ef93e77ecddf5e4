"""The flow's density: against automatic differentiation, and by integration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from descent.experiments.importance_sampled_gans import exact
from descent.experiments.importance_sampled_gans.flow import Flow, log_normal
from descent.quiet import tf


def bent(dimension, seed, width=6):
    flow = Flow(dimension, couplings=3, width=width)
    params = tf.nest.map_structure(
        lambda x: tf.constant(np.random.default_rng(seed + x.shape.rank).normal(size=x.shape) / 2),
        flow.init(0, tf.float64),
    )
    return flow, params


def test_log_normal_is_scipy_s():
    z = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(log_normal(tf.constant(z)), multivariate_normal(np.zeros(3)).logpdf(z), atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 5), st.integers(0, 1000))
def test_density_is_the_log_determinant_of_autodiff(dimension, seed):
    flow, params = bent(dimension, seed)
    u = tf.constant(np.random.default_rng(seed).normal(size=(4, dimension)))
    with tf.GradientTape() as tape:
        tape.watch(u)
        z, log_q = flow.forward(params, u)
    jacobian = tape.batch_jacobian(z, u).numpy()
    wanted = log_normal(u).numpy() - np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(log_q, wanted, atol=1e-9)
    np.testing.assert_allclose(flow.log_density(params, z), wanted, atol=1e-8)


def test_it_begins_as_the_identity():
    flow = Flow(2)
    u = tf.random.stateless_normal([6, 2], [1, 2])
    z, log_q = flow.forward(flow.init(3), u)
    np.testing.assert_array_equal(z, u)
    np.testing.assert_allclose(log_q, log_normal(u), atol=1e-6)


def test_density_integrates_to_one():
    flow, params = bent(2, 7)
    points, cell = exact.plane(16.0, 900)
    mass = tf.reduce_sum(tf.exp(flow.log_density(params, tf.constant(points)))).numpy() * cell
    assert mass == pytest.approx(1, abs=1e-3)
