"""The sampler and the characteristic function against SciPy's laws, and against what stability means."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from descent.noise.alpha_stable import characteristic_function, levy_density_constant, sample
from descent.quiet import tf

LAWS = [(0.7, 0.0), (1.0, 0.0), (1.5, 0.0), (2.0, 0.0), (0.7, 0.6), (1.0, -0.8), (1.0, 1.0), (1.6, 1.0)]


@pytest.mark.parametrize(("alpha", "beta"), [(0.8, 0.4), (1.0, 0.5), (1.3, -0.7), (1.9, 0.0)])
@pytest.mark.parametrize("x", [-1.5, 0.3, 2.0])
def test_characteristic_function_inverts_to_scipys_density(alpha, beta, x):
    def integrand(t):
        return (np.exp(-1j * t * x) * characteristic_function(t, alpha, beta)).real

    density = quad(integrand, 0, 60, limit=400)[0] / np.pi
    assert density == pytest.approx(stats.levy_stable.pdf(x, alpha, beta), abs=2e-6)


@given(st.floats(0.3, 2).filter(lambda a: abs(a - 1) > 0.05), st.floats(-1, 1), st.integers(2, 9), st.floats(-4, 4))
@settings(deadline=None)
def test_a_sum_of_n_is_n_to_the_1_over_alpha_times_one(alpha, beta, n, t):
    sums = characteristic_function(t, alpha, beta) ** n
    assert sums == pytest.approx(characteristic_function(n ** (1 / alpha) * t, alpha, beta), abs=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), LAWS)
@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
def test_draws_have_the_characteristic_function(alpha, beta, dtype):
    # 16 laws x 12 comparisons, |z| < 5.5: false alarm below 1e-5 in all.
    n, t = 100_000, np.array([0.1, 0.3, 0.6, 1.0, 1.7, 3.0])
    x = sample(7, [n, 1], alpha, beta, dtype).numpy().astype(float)
    waves = np.exp(1j * x * t)
    error = waves.mean(axis=0) - characteristic_function(t, alpha, beta)
    assert np.all(np.abs(error.real) < 5.5 * waves.real.std(axis=0) / np.sqrt(n))
    assert np.all(np.abs(error.imag) < 5.5 * waves.imag.std(axis=0) / np.sqrt(n))


@pytest.mark.parametrize(
    ("alpha", "beta", "law"),
    [
        (2.0, 0.0, stats.norm(scale=np.sqrt(2)).cdf),
        (1.0, 0.0, stats.cauchy.cdf),
        (0.5, 1.0, stats.levy.cdf),
        (0.5, -1.0, lambda x: 1 - stats.levy.cdf(-x)),
    ],
)
def test_the_laws_with_simple_densities(alpha, beta, law):
    # Kolmogorov-Smirnov at level 1e-4 each.
    assert stats.kstest(sample(11, [20_000], alpha, beta).numpy(), law).pvalue > 1e-4


def test_draws_follow_scipys_slow_distribution_function():
    x = sample(5, [400], 1.4, 0.5).numpy()
    assert stats.kstest(x, lambda v: stats.levy_stable.cdf(v, 1.4, 0.5)).pvalue > 1e-4


def test_tails_have_the_levy_measures_constant():
    assert levy_density_constant(1.0) == pytest.approx(1 / np.pi)  # Cauchy: P(X > x) ~ 1/(pi x)
    # The next term of the density's series is smaller by a few x^-alpha (3.2 at alpha = 1.5).
    for alpha in (0.7, 1.5):
        density = stats.levy_stable.pdf(200.0, alpha, 0.0)
        assert density * 200.0 ** (1 + alpha) == pytest.approx(levy_density_constant(alpha), rel=4 * 200.0**-alpha)


def test_a_python_number_is_as_exact_as_a_tensor():
    exact = sample(3, [50], tf.constant(1.4, tf.float64), tf.constant(0.3, tf.float64))
    np.testing.assert_array_equal(sample(3, [50], 1.4, 0.3).numpy(), exact.numpy())


def test_one_seed_gives_every_draw_and_alpha_may_vary_by_lane():
    alpha = tf.constant([1.0, 1.5, 2.0], tf.float64)
    x = sample(3, [50, 3], alpha, 0.5).numpy()
    np.testing.assert_array_equal(x, sample(tf.constant([3, 0]), [50, 3], alpha, 0.5).numpy())
    assert not np.any(x == sample(4, [50, 3], alpha, 0.5).numpy())
    # The Cauchy lane is unhurt by the branch that divides by 1 - alpha, and so are its derivatives.
    np.testing.assert_array_equal(x[:, 0], sample(3, [50, 3], 1.0, 0.5).numpy()[:, 0])
    assert np.isfinite(x).all()


@pytest.mark.parametrize(("alpha", "beta", "word"), [(0.0, 0, "alpha"), (2.1, 0, "alpha"), (1.5, 1.2, "beta")])
def test_parameters_out_of_range_are_named(alpha, beta, word):
    with pytest.raises(ValueError, match=word):
        sample(0, [3], alpha, beta)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
@pytest.mark.parametrize(("alpha", "beta"), LAWS)
def test_the_worst_uniforms_give_finite_draws(monkeypatch, dtype, alpha, beta):
    eps = np.finfo(dtype.as_numpy_dtype).eps
    worst = np.array([0, eps, 2 * eps, 0.5, 1 - eps], dtype.as_numpy_dtype)
    draws = iter([np.repeat(worst, 5), np.tile(worst, 5)])
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda *args, **kwargs: tf.constant(next(draws)))
    assert np.isfinite(sample(0, [25], alpha, beta, dtype)).all()
