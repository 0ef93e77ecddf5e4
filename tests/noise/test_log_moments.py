"""Mohammadi's estimator and the log-variance one: against loops, by simulation at known alpha, and on bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.noise.alpha_stable import sample
from descent.noise.log_moments import inverse_mohammadi, largest_divisor, log_variance, mohammadi


def by_loops(x, block):
    blocks = len(x) // block
    sums = [sum(x[i * block + j] for j in range(block)) for i in range(blocks)]
    growth = np.mean([np.log(abs(y)) for y in sums]) - np.mean([np.log(abs(v)) for v in x[: blocks * block]])
    return np.log(block) / growth


@given(st.integers(0, 10_000), st.integers(2, 12), st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=30)
def test_mohammadi_is_the_formula_and_knows_no_scale_or_sign(seed, block, scale):
    x = np.random.default_rng(seed).standard_cauchy(97)  # a prime number of observations
    estimate = mohammadi(x, block)
    expected = by_loops(x, block)
    assert estimate == (pytest.approx(expected) if expected > 0 else np.inf)
    assert mohammadi(-scale * x, block) == pytest.approx(estimate)


def test_a_prime_number_of_observations_is_no_trouble():
    x = sample(1, [9973], 1.5).numpy()
    assert largest_divisor(9973) == 1
    assert mohammadi(x) == pytest.approx(by_loops(x, 99))


@pytest.mark.parametrize("n", [1, 12, 49, 50, 97, 119_000])
def test_largest_divisor(n):
    assert largest_divisor(n) == max(k for k in range(1, int(np.sqrt(n)) + 1) if n % k == 0)


@pytest.mark.parametrize(
    ("estimator", "bars"),
    [
        (mohammadi, {1.2: 0.044, 1.5: 0.059, 1.8: 0.083}),
        (lambda x: mohammadi(x, 10), {1.2: 0.026, 1.5: 0.036, 1.8: 0.050}),
        (log_variance, {1.2: 0.022, 1.5: 0.038, 1.8: 0.056}),
    ],
)
def test_error_at_known_alpha(estimator, bars):
    # An RMSE over 100 columns varies by 7 per cent (one s.d.); 30 per cent of slack is 4 s.d.
    for alpha, rmse in bars.items():
        estimates = estimator(sample(2, [10_000, 100], alpha).numpy())
        assert estimates.shape == (100,)
        assert np.sqrt(np.mean((estimates - alpha) ** 2)) == pytest.approx(rmse, rel=0.3)


def test_columns_are_treated_apart():
    x = sample(3, [600, 2, 3], 1.3).numpy()
    for estimator in (mohammadi, log_variance):
        together = estimator(x)
        assert together.shape == (2, 3)
        np.testing.assert_allclose(together[1, 2], estimator(x[:, 1, 2]))


def test_the_log_variance_of_a_uniform_sample_of_quantiles():
    # Var log|X| is pi^2/8 for a Gaussian and pi^2/4 for a Cauchy law: midpoints of n equal slices of probability.
    from scipy import stats

    grid = (np.arange(200_000) + 0.5) / 200_000
    assert log_variance(stats.norm.ppf(grid)) == pytest.approx(2, abs=1e-3)
    assert log_variance(stats.cauchy.ppf(grid)) == pytest.approx(1, abs=1e-3)


def test_sums_no_larger_than_their_terms_read_infinite():
    x = np.diff(np.random.default_rng(0).normal(size=1001))  # sums telescope
    assert mohammadi(x, 1000) > 5
    assert mohammadi(np.tile([1.0, -1.001], 50), 10) == np.inf
    assert inverse_mohammadi(np.tile([1.0, -1.001], 50), 10) == pytest.approx(np.log10(0.005 / np.sqrt(1.001)))


def test_a_floor_hides_zeros_as_the_published_code_does():
    x = sample(1, [100], 2.0).numpy()
    x[7] = 0
    with pytest.raises(ValueError, match="1 of 100 values are exactly 0"):
        mohammadi(x)
    x_floored = np.where(x == 0, 2.2e-16, x)
    assert mohammadi(x, floor=2.2e-16) == pytest.approx(by_loops(x_floored, 10))


@pytest.mark.parametrize("estimator", [mohammadi, log_variance])
@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([1.0, 2.0], "at least 4"),
        (3.0, "at least 4"),
        ([1.0, np.nan, 2.0, 3.0], "1 observations are NaN"),
        ([1.0] * 8, "the sample is constant"),
        (np.stack([np.arange(1.0, 9), np.ones(8)], 1), "column 1 is constant"),
        ([0.0, 1.0, 2.0, 4.0], "exactly 0"),
    ],
)
def test_bad_samples_are_errors(estimator, x, words):
    with pytest.raises(ValueError, match=words):
        estimator(x)


@pytest.mark.parametrize("block", [1, 101])
def test_a_block_that_makes_no_sums_is_an_error(block):
    with pytest.raises(ValueError, match="block"):
        mohammadi(np.arange(1.0, 101), block)
