"""Closed-form readings on laws of index 2, against quadrature and against the estimator itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from descent.experiments.sgn_distributions.pooled_limits import (
    blocks_reading,
    correlated_reading,
    dispersion,
    log_normal_mean,
    scale_mixture_reading,
    shifted_reading,
    zeros_reading,
)
from descent.noise.log_moments import mohammadi

N, BLOCK = 1_000_000, 100
# The estimate's standard error on N Gaussians is alpha^2/log K1 x sd(log|Y|)/sqrt(N/K1) = 4/4.6 x 1.11/100 = .0097 at
# most; .045 is 4.6 of them (false alarm 4e-6 each).
SLACK = 0.045


@pytest.mark.parametrize("mean", [0.0, 0.3, 2.0, 30.0])
def test_mean_log_of_a_shifted_normal(mean):
    parts = [(-40.0, -mean), (-mean, 40.0)] if mean < 40 else [(-40.0, 40.0)]
    expected = sum(quad(lambda z: np.log(abs(z + mean)) * norm.pdf(z), *part, limit=500)[0] for part in parts)
    assert log_normal_mean(mean) == pytest.approx(expected, abs=1e-7)


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20), st.floats(1e-3, 1e3))
def test_dispersion_is_not_negative_and_knows_no_unit(scales, unit):
    assert dispersion(scales) >= -1e-12
    assert dispersion(np.multiply(unit, scales)) == pytest.approx(dispersion(scales), abs=1e-9)
    assert dispersion([unit] * 3) == pytest.approx(0, abs=1e-12)


def test_dispersion_of_lognormal_scales_is_the_log_variance():
    grid = norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    assert dispersion(np.exp(0.7 * grid)) == pytest.approx(0.49, rel=1e-3)


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0])
def test_scale_mixtures(tau):
    rng = np.random.default_rng(1)
    scales = np.exp(tau * rng.normal(size=N))
    expected = scale_mixture_reading(scales, 1000)
    assert expected == pytest.approx(1 / (0.5 + tau**2 / np.log(1000)), rel=0.01)
    # K1 = 1000, where blocks hold enough scales; 1000 sums, so three times the slack over log 1000/log 100.
    assert mohammadi(scales * rng.normal(size=N), 1000) == pytest.approx(expected, abs=2 * SLACK)


def test_scales_that_blocks_mix_badly():
    # Ten scales to a block: the limit for well-mixed blocks is far off, the exact mean is not.
    rng = np.random.default_rng(5)
    scales = np.exp(rng.normal(size=N))
    expected = blocks_reading(scales**2, 10)
    assert scale_mixture_reading(scales, 10) < expected - 0.1
    assert mohammadi(scales * rng.normal(size=N), 10) == pytest.approx(expected, abs=0.02)
    repeated = np.tile(scales[:1000], 100)
    assert blocks_reading(repeated**2, 1000) == pytest.approx(scale_mixture_reading(repeated, 1000), abs=1e-12)


def test_equal_correlation():
    rng = np.random.default_rng(2)
    rho = 0.05
    common = np.repeat(rng.normal(size=N // BLOCK), BLOCK)
    x = np.sqrt(rho) * common + np.sqrt(1 - rho) * rng.normal(size=N)
    expected = correlated_reading(1 + (BLOCK - 1) * rho, BLOCK)
    assert expected < 1.5
    assert mohammadi(x, BLOCK) == pytest.approx(expected, abs=SLACK)


@pytest.mark.parametrize("mean", [0.0, 0.1, 0.5])
def test_a_mean_that_is_not_zero(mean):
    x = mean + np.random.default_rng(3).normal(size=N)
    assert mohammadi(x, BLOCK) == pytest.approx(shifted_reading(mean, BLOCK), abs=SLACK)


def test_readings_of_the_plain_gaussian_and_of_a_constant():
    assert shifted_reading(0.0, 50) == pytest.approx(2)
    assert correlated_reading(1.0, 50) == scale_mixture_reading([3.0, 3.0], 50) == zeros_reading(0.0, 1e-9, 50) == 2
    assert shifted_reading(1e3, 50) == pytest.approx(1, abs=1e-4)  # sums of a constant grow like K1 itself


def test_zeros_under_a_floor():
    rng = np.random.default_rng(4)
    x = rng.normal(size=N) * (rng.uniform(size=N) >= 0.05)
    # The share of zeros has a standard error of 2e-4, which log(floor) = -36 turns into .003.
    assert mohammadi(x, BLOCK, floor=2.2e-16) == pytest.approx(zeros_reading(0.05, 2.2e-16, BLOCK), abs=SLACK)
    # Half zeros, where a block's number of terms matters as well: in 1/alpha, whose standard error is near .003.
    x = rng.normal(size=N) * (rng.uniform(size=N) >= 0.5)
    assert 1 / mohammadi(x, BLOCK, floor=1e-9) == pytest.approx(1 / zeros_reading(0.5, 1e-9, BLOCK), abs=0.015)
