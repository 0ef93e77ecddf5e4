"""The positive control: exact moments, the exact case alpha = 2, and Hill's estimate on simulated iterates."""

import numpy as np
import pytest
from scipy.special import digamma

from descent.experiments.sgn_distributions.least_squares import LeastSquaresIterates, exact_alpha, log_multiplier_moment
from descent.noise.quantiles import hill


@pytest.mark.parametrize("batch_size", [1, 2, 5, 40])
@pytest.mark.parametrize("eta", [0.3, 1.0, 1.7])
def test_even_moments_are_polynomials(batch_size, eta):
    raw = np.cumprod([1.0, *[batch_size + 2 * k for k in range(6)]])  # E (chi^2_b)^k
    for power in (2, 4, 6):
        polynomial = sum(
            coefficient * (-eta / batch_size) ** k * raw[k]
            for k, coefficient in enumerate(np.array([1.0]) if power == 0 else np.poly([-1.0] * power))
        )
        assert log_multiplier_moment(power, eta, batch_size) == pytest.approx(np.log(polynomial), abs=1e-8)


@pytest.mark.parametrize("batch_size", [1, 5, 10, 100])
def test_alpha_is_two_at_2b_over_b_plus_2(batch_size):
    assert exact_alpha(2 * batch_size / (batch_size + 2), batch_size) == pytest.approx(2, abs=1e-9)


def test_alpha_falls_with_the_step_and_rises_with_the_batch():
    by_step = [exact_alpha(eta, 5) for eta in (0.8, 1.2, 1.6, 2.0)]
    by_batch = [exact_alpha(1.0, b) for b in (1, 2, 5, 10)]
    assert np.all(np.diff(by_step) < 0) and np.all(np.diff(by_batch) > 0)


@pytest.mark.parametrize("eta", [1.4286, 1.6, 1.8])
def test_simulated_iterates_have_the_exact_index(iterates, eta):
    x = iterates.run(eta, 60, seed=1)
    # k = 2,000 of 200,000: an interval of two standard errors, for three step sizes at a fixed seed.
    estimate = hill(x, 0.01)
    assert abs(estimate - exact_alpha(eta, 5)) < 2 * estimate / np.sqrt(2_000)


def test_one_step_from_zero_is_a_minibatch_gradient(iterates):
    # x_1 = (eta/b) sum a y: mean 0, variance eta^2/b, excess kurtosis 6/b.
    x = iterates.run(1.0, 1, seed=2)
    assert x.mean() == pytest.approx(0, abs=5 * np.sqrt(0.2 / 200_000))
    assert x.var() == pytest.approx(0.2, rel=5 * np.sqrt(3.2 / 200_000))
    np.testing.assert_array_equal(x, iterates.run(1.0, 1, seed=2))


def test_the_second_moment_below_the_threshold(iterates):
    # eta = 1, b = 5: E m^2 = 1 - 2 + 7/5 = 2/5 and stationary variance (1/5)/(1 - 2/5) = 1/3; alpha is 4.2, so the
    # sample variance is no better than a few per cent.
    assert iterates.run(1.0, 60, seed=3).var() == pytest.approx(1 / 3, rel=0.05)


@pytest.fixture(scope="module")
def iterates():
    return LeastSquaresIterates(200_000, 5)


def test_no_stationary_law_and_no_reachable_tail():
    # For b = 1, E log|1 - eta chi^2_1| turns positive; its value for large eta is near log eta + digamma(1/2) + log 2.
    assert np.log(6) + digamma(0.5) + np.log(2) > 0
    with pytest.raises(ValueError, match="no stationary law"):
        exact_alpha(6.0, 1)
    with pytest.raises(ValueError, match="out of reach"):
        exact_alpha(0.01, 5)
    with pytest.raises(ValueError, match="positive"):
        exact_alpha(-0.1, 5)
