"""The estimator from the characteristic function: accuracy at known alpha, exact quantiles, invariance, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from descent.noise import spectral
from descent.noise.alpha_stable import sample
from descent.noise.spectral import kogon_williams, stable_fit

GRID = (np.arange(100_000) + 0.5) / 100_000


@pytest.mark.parametrize("alpha", [1.2, 1.5, 1.8])
def test_root_mean_square_error_at_ten_thousand_is_at_most_two_hundredths(alpha):
    estimates = kogon_williams(sample(2, [10_000, 200], alpha).numpy())
    assert np.sqrt(np.mean((estimates - alpha) ** 2)) <= 0.02
    # The bias is below 4.5 standard errors plus .002: false alarm 1e-5.
    assert abs(estimates.mean() - alpha) <= 0.002 + 4.5 * estimates.std() / np.sqrt(200)


@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_skewness_does_not_fool_it(beta):
    estimates = kogon_williams(sample(3, [10_000, 50], 1.5, beta).numpy())
    assert np.sqrt(np.mean((estimates - 1.5) ** 2)) <= 0.03


@pytest.mark.parametrize(
    ("law", "alpha", "scale"), [(stats.norm, 2, np.sqrt(0.5)), (stats.cauchy, 1, 1), (stats.levy, 0.5, 1)]
)
def test_exact_quantiles_give_alpha_and_scale(law, alpha, scale):
    x = 3 + 2 * law.ppf(GRID)
    fitted, sigma = stable_fit(x)
    assert fitted == pytest.approx(alpha, rel=2e-3)
    assert sigma == pytest.approx(2 * scale, rel=5e-3)


def test_small_samples_are_nearly_unbiased():
    # Standard errors of the means: .0006 and .003.
    assert kogon_williams(sample(4, [200, 2_000], 2.0).numpy()).mean() == pytest.approx(2, abs=0.005)
    assert kogon_williams(sample(4, [200, 2_000], 1.5).numpy()).mean() == pytest.approx(1.5, abs=0.03)


def test_lighter_tails_than_gaussian_read_above_two():
    assert kogon_williams(stats.uniform.ppf(GRID)) > 2.02


@given(st.integers(0, 1000), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
@settings(deadline=None, max_examples=20)
def test_location_and_scale_do_not_matter(seed, location, scale):
    x = np.random.default_rng(seed).standard_t(2, 500)
    assert kogon_williams(location - scale * x) == pytest.approx(kogon_williams(x), abs=1e-6)


def test_columns_are_treated_apart_whatever_the_memory_bound(monkeypatch):
    x = sample(5, [300, 2, 5], 1.3).numpy()
    together = kogon_williams(x)
    monkeypatch.setattr(spectral, "VALUES_AT_ONCE", 900)
    np.testing.assert_allclose(kogon_williams(x), together)
    assert together.shape == (2, 5)
    np.testing.assert_allclose(together[1, 3], kogon_williams(x[:, 1, 3]))


def test_what_is_nothing_like_stable_reads_low_and_finite():
    # Most values at one point, some far out: a unit that is off in most minibatches.
    x = np.random.default_rng(0).normal(size=500) * np.where(np.arange(500) % 3, 1e-6, 1.0)
    alpha, sigma = stable_fit(x)
    assert 0 < alpha < 1.5 and 0 < sigma < 1


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.arange(5.0), "at least 20"),
        ([0.0] * 80 + [1.0] * 20, "quartiles coincide"),
        (np.zeros(100), "constant"),
        ([np.nan, *np.arange(50.0)], "NaN"),
    ],
)
def test_bad_samples_are_errors(x, words):
    with pytest.raises(ValueError, match=words):
        kogon_williams(x)
