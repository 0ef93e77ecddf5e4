"""Exit times: exact laws without a well (Getoor's, and a parabola), quadrature with one, and the small-noise limit."""

import numpy as np
import pytest
from scipy.special import gamma

from descent.experiments.sgn_distributions.levy import ExitTimes, brownian_exit_time, levy_exit_time

FLAT = 1e-9


@pytest.fixture(scope="module")
def fine():
    return ExitTimes(2_000, dt=0.002)


@pytest.fixture(scope="module")
def coarse():
    return ExitTimes(1_000, dt=0.02)


def test_brownian_quadrature():
    # No well: T = a^2 / (2 eps^2). Within a well, the simulation of the sources: 4.5 at eps = .5, 108.6 at .3.
    assert brownian_exit_time(0.7, 2.0, FLAT) == pytest.approx(4 / (2 * 0.49), rel=1e-6)
    assert brownian_exit_time(0.5, 1.0, 0.5) == pytest.approx(4.5016, rel=1e-4)
    # Kramers: T ~ eps/(2h a^-1...) exp(h/eps^2): the logarithm's slope in 1/eps^2 tends to the height.
    low, high = brownian_exit_time(0.15, 1.0, 0.5), brownian_exit_time(0.14, 1.0, 0.5)
    slope = np.log(high / low) / (0.14**-2 - 0.15**-2)
    assert slope == pytest.approx(0.5, abs=0.04)
    assert np.isfinite(brownian_exit_time(0.027, 1.0, 0.5)) and brownian_exit_time(0.02, 1.0, 0.5) == np.inf


@pytest.mark.parametrize("alpha", [1.0, 1.5])
def test_stable_motion_without_a_well_leaves_as_getoor_says(fine, alpha):
    # Getoor 1961: E tau = a^alpha / Gamma(1 + alpha) from the centre; what is missed between steps lengthens it.
    mean, error = fine.run(alpha, 1.0, 1.0, FLAT, horizon=20.0, seed=1)
    exact = 1 / gamma(1 + alpha)
    assert error[0] < 0.01 * exact
    assert exact * 0.99 < mean[0] < exact * 1.06


def test_brownian_motion_leaves_as_the_quadrature_says(coarse):
    mean, error = coarse.run(2.0, [0.6, 0.5], 1.0, 0.5, horizon=60.0, seed=2)
    expected = [brownian_exit_time(eps, 1.0, 0.5) for eps in (0.6, 0.5)]
    np.testing.assert_allclose(mean, expected, rtol=0.05)
    assert np.all(error < 0.01 * mean)


def test_the_edge_of_a_brownian_walk_is_moved_by_the_overshoot_of_its_steps(coarse):
    """No well, large steps: T = a^2 / (2 eps^2) as if time were continuous.

    Without the root of 2 it would be 9% off, without the correction 26%. What is left, of the order of dt, is about 1%;
    counting 80,000 exits adds .4% (one standard deviation), so a false alarm is a matter of four of them.
    """
    mean, error = coarse.run(2.0, 1.0, 1.0, FLAT, horizon=40.0, seed=6)
    assert mean[0] == pytest.approx(0.5, rel=0.03) and error[0] < 0.005 * mean[0]


def test_stable_noise_obeys_the_power_law_in_width_and_noise_and_ignores_height(coarse):
    mean, error = coarse.run(
        1.5, [0.1, 0.1, 0.1, 0.05], [1.0, 0.5, 1.0, 1.0], [0.5, 0.5, 1.0, 0.5], horizon=100.0, seed=3
    )
    expected = [levy_exit_time(1.5, 0.1, a) for a in (1.0, 0.5, 1.0)] + [levy_exit_time(1.5, 0.05, 1.0)]
    # The limit is approached from below, by a few per cent at these sizes; counting adds up to 5.
    assert np.all(np.abs(mean / expected - 1) < 0.05 + 3.5 * error / mean)
    assert expected[3] / expected[0] == pytest.approx(2**1.5)


def test_no_exit_is_infinite_and_one_seed_gives_the_run(coarse):
    mean, _ = coarse.run(2.0, 0.01, 1.0, 0.5, horizon=2.0)
    assert np.isinf(mean[0])
    first = coarse.run(1.5, 0.4, 1.0, 0.5, horizon=2.0, seed=4)[0]
    np.testing.assert_array_equal(first, coarse.run(1.5, 0.4, 1.0, 0.5, horizon=2.0, seed=4)[0])
    assert first != coarse.run(1.5, 0.4, 1.0, 0.5, horizon=2.0, seed=5)[0]
