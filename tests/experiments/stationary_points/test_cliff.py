"""The cliff: its formula by descent, its smoothness by finite differences, its place among all smooth functions."""

import numpy as np
import pytest

from descent.experiments.stationary_points.cliff import (
    cliff,
    descend,
    half_plateau,
    interpolation_violation,
    last_slopes,
)


@pytest.mark.parametrize("step", (0.01, 0.3, 1.0))
def test_descent_ends_on_the_top(step):
    found, formula = last_slopes(np.arange(1, 300), step)
    np.testing.assert_allclose(found, formula, rtol=1e-11)
    assert formula[0] == pytest.approx(1 / np.sqrt(1 - (1 + step) ** -2 / 2))
    assert (formula >= 1 - 1e-12).all()


def test_value_is_the_integral_of_the_slope_and_ends_at_zero():
    function = cliff(50, 0.1, climb=20, smoothness=2.0, gap=3.0)
    u = np.linspace(0, 3, 30001)
    np.testing.assert_allclose(np.gradient(function.value(u), u)[1:-1], -function.slope(u)[1:-1], atol=2e-4)
    assert function.value(np.array(1e6)) == pytest.approx(0, abs=1e-12)
    assert abs(np.diff(function.slope(u)) / np.diff(u)).max() <= 2.0 * (1 + 1e-6)


@pytest.mark.parametrize("climb", (None, 12))
def test_a_smooth_function_passes_through_all_its_points(climb):
    function = cliff(120, 0.2, climb)
    u = descend(function, 120, 0.2)
    assert interpolation_violation(function.value(u), -function.slope(u), u) <= 1e-12


def test_the_inequality_notices_a_function_that_is_too_steep():
    function = cliff(30, 0.5, smoothness=1.0)
    u = descend(function, 30, 0.5)
    assert interpolation_violation(function.value(u), -function.slope(u), u, smoothness=0.9) > 1e-3
    assert interpolation_violation(function.value(u) * 1.05, -function.slope(u), u) > 1e-3


@pytest.mark.parametrize("horizon", (16, 256))
def test_the_plateau_holds_up_every_iterate(horizon):
    climb = half_plateau(horizon, 1.0)
    function = cliff(horizon, 1.0, climb)
    slopes = function.slope(descend(function, horizon, 1.0))
    assert slopes.min() * np.sqrt(horizon) > 0.6
    assert slopes[-1] == pytest.approx(np.sqrt(0.5), rel=0.1)


def test_what_float64_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="smaller climb"):
        cliff(2000, 1.0)
    with pytest.raises(ValueError, match="1 to the horizon"):
        cliff(10, 1.0, climb=11)


def test_performance_estimation_over_all_smooth_functions_contains_the_cliff():
    """A third opinion: the semidefinite program over *all* smooth functions whose values stay above a minimum of 0."""
    pep = pytest.importorskip("PEPit")
    functions = pytest.importorskip("PEPit.functions")
    steps, step = 3, 0.5
    problem = pep.PEP()
    f = problem.declare_function(functions.SmoothFunction, L=1.0)
    lowest = f(f.stationary_point())
    x = problem.set_initial_point()
    problem.set_initial_condition(f(x) - lowest <= 1)
    for _ in range(steps):
        x = x - step * f.gradient(x)
    for _, gradient, value in f.list_of_points:  # the minimum of the least smooth function through these points
        problem.add_constraint(value - gradient**2 / 2 >= lowest)
    last = f.gradient(x)
    problem.add_constraint(f(x) - last**2 / 2 >= lowest)
    problem.set_performance_metric(last**2)
    worst = problem.solve(verbose=0)
    assert cliff(steps, step).top ** 2 <= worst * (1 + 1e-4)
    assert worst <= 2 + 1e-4  # |grad f|^2 <= 2 L (f - min f), and f has not grown
