"""Steps that do not know their horizon, held to limits derived by integrals, and slopes to powers."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from descent.experiments.stationary_points.anytime import anytime_ratios
from descent.experiments.stationary_points.energies import Recursion, anytime
from descent.experiments.stationary_points.slopes import slope


def test_the_root_schedule_tends_to_its_limits():
    """Last: e^-1/2 over sqrt(2/e). Average: 2 sqrt(max h) over sqrt 2, h(x) = (1 - (1 + x) e^-x) / x."""
    ratios = anytime_ratios(Recursion(anytime, points=80), [2**6, 2**10, 2**14])
    top = -minimize_scalar(lambda x: -(1 - (1 + x) * np.exp(-x)) / x, bounds=(0.1, 10), method="bounded").fun
    assert ratios["last", "t^-0.5"][-1] == pytest.approx(np.sqrt(0.5), rel=0.02)
    assert ratios["average_squares", "t^-0.5"][-1] == pytest.approx(np.sqrt(2 * top), rel=0.03)
    assert all(ratios["last", "t^-0.5"].max() < ratios["last", f"t^-{p}"].max() for p in (0.3, 0.7))


def test_slope_reads_powers_and_their_interval():
    horizons = [2**k for k in range(6, 14)]
    found = slope(horizons, [3 * t**-0.4 for t in horizons], first=1000)
    np.testing.assert_allclose(found, -0.4)
    bent = slope(horizons, [t**-0.5 * (1 + 4 / t) for t in horizons])
    assert bent.low < bent.fitted < bent.high < -0.5 + 1e-9
    assert slope([4, 8, 16], [1, 1, 1], first=10**9).fitted == pytest.approx(0)
