"""Worst cases on quadratics, held to closed forms, linear programs, brute force and another library's certificates."""

import numpy as np
import pytest
from scipy.optimize import linprog

from descent.experiments.stationary_points import constant_step
from descent.experiments.stationary_points.energies import (
    ANYTIME,
    SCHEDULES,
    Recursion,
    anytime,
    recorded_times,
)
from descent.experiments.stationary_points.worst_case import (
    CRITERIA,
    by_step,
    linear_worst_case,
    on_curvature,
    sum_weights,
    worst_cases,
)
from descent.quiet import tf

HORIZON = 256


@pytest.fixture(scope="module")
def recursion():
    return Recursion(points=96)


@pytest.fixture(scope="module")
def moments(recursion):
    return recursion.run(HORIZON)


@pytest.fixture(scope="module")
def table(recursion):
    return worst_cases(recursion, HORIZON)


def shape_of(schedule, t, horizon):
    """The schedules once more, one number at a time."""
    return {
        "constant": 1.0,
        "1/sqrt t": (t + 1) ** -0.5,
        "linear": 1 - t / horizon,
        "cosine": np.cos(np.pi * t / (2 * horizon)) ** 2,
        "1/t": 1 / (t + 1),
    }[schedule]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_moments_are_those_of_the_matrix_that_maps_noise_to_gradients(moments, schedule):
    """g = g_0 p + M n for an explicit matrix M: variances are row norms, the average's is the norm of column sums."""
    s, k = SCHEDULES.index(schedule), 60
    kappa = moments.kappa[k]
    p, rows = [1.0], [np.zeros(HORIZON)]
    for t in range(HORIZON):
        a = 1 - kappa * shape_of(schedule, t, HORIZON)
        row = a * rows[-1]
        row[t] = -kappa * shape_of(schedule, t, HORIZON)
        rows.append(row)
        p.append(a * p[-1])
    p, matrix = np.array(p), np.array(rows)
    energy = (matrix**2).sum(1)
    weights = np.array([shape_of(schedule, t, HORIZON) for t in range(HORIZON)])
    expected = {
        "last": (p[-1] ** 2, energy[-1]),
        "average_squares": ((p[:-1] ** 2).mean(), energy[:-1].mean()),
        "random_iterate": (np.average(p[:-1] ** 2, weights=weights), np.average(energy[:-1], weights=weights)),
        "averaged_point": (p[:-1].mean() ** 2, (matrix[:-1].mean(0) ** 2).sum()),
    }
    for criterion, pair in expected.items():
        signal, noise = (part[-1, s, k] for part in moments.parts[criterion])
        np.testing.assert_allclose((signal, noise), pair, rtol=1e-10, err_msg=criterion)
    np.testing.assert_allclose(moments.parts["last"][1][:, s, k], energy[moments.times], rtol=1e-10)


def test_constant_steps_agree_with_the_closed_forms(table):
    for criterion, formula in (
        ("average_squares", constant_step.average_of_squares),
        ("last", constant_step.last_iterate),
    ):
        value, step = constant_step.best_step(formula, HORIZON)
        assert table[criterion, "constant"].value == pytest.approx(value, rel=2e-4)  # parabolas between 96 points
        assert table[criterion, "constant"].step == pytest.approx(step, rel=2e-2)


def test_no_other_quadratic_is_worse_than_the_closed_form_says():
    """Gap and noise on any two eigenvalues: a grid of them never does worse, and comes close."""
    step, kappa = 0.05, np.linspace(1e-4, 0.05, 4001)
    q = (1 - kappa) ** 2
    last = (2 * kappa / step * q**HORIZON).max() + (kappa / (2 - kappa) * (1 - q**HORIZON)).max()
    average = (2 * kappa / step / HORIZON * (1 - q**HORIZON) / (1 - q)).max()
    average += (kappa / (2 - kappa) * (1 - (1 - q**HORIZON) / (HORIZON * (1 - q)))).max()
    assert last == pytest.approx(constant_step.last_iterate(step, HORIZON), rel=1e-5)
    assert last <= constant_step.last_iterate(step, HORIZON) * (1 + 1e-12)
    assert average == pytest.approx(constant_step.average_of_squares(step, HORIZON), rel=1e-12)


def test_the_classical_bound_is_above_and_close():
    for horizon in (64, 2048, 2**18):
        for step in (0.001, 0.1, 1.0):
            bound = constant_step.classical_bound(step, horizon)
            assert constant_step.average_of_squares(step, horizon) <= bound
    best = [
        constant_step.best_step(f, 2**18)[0] for f in (constant_step.average_of_squares, constant_step.classical_bound)
    ]
    assert best[1] * np.sqrt(2**18) == pytest.approx(np.sqrt(2), rel=1e-2)
    assert 0.999 < best[0] / best[1] < 1


def test_noise_that_moves_is_placed_by_a_search_as_the_formula_places_it():
    step, horizon = 0.1, 50
    kappa = np.linspace(1e-5, step, 20001)
    noise = sum((kappa**2 * (1 - kappa) ** (2 * m)).max() for m in range(horizon))
    fixed = constant_step.last_iterate(step, horizon, noise=0.0)
    assert constant_step.last_iterate_moving_noise(step, horizon) == pytest.approx(fixed + noise, rel=1e-7)
    value, _ = constant_step.best_step(constant_step.last_iterate_moving_noise, 2**16)
    assert value * 2**8 == pytest.approx(np.sqrt(2 * (1 + np.exp(-2)) / np.e), rel=2e-3)


@pytest.mark.parametrize("schedule", ("constant", "cosine"))
def test_best_iterate_is_bracketed_by_the_linear_program(moments, table, schedule):
    """max over shares of gap and noise of min over t: a linear program, at the step size found."""
    s, found = SCHEDULES.index(schedule), table["best", schedule]
    j = int(np.argmin(abs(moments.kappa - found.step)))
    kappa = moments.kappa[: j + 1]
    signal, noise = (part[:, s, : j + 1] for part in moments.parts["last"])
    gains = np.c_[2 * kappa / kappa[-1] * signal, noise]
    n = j + 1
    equal = np.zeros((2, 2 * n + 1))
    equal[0, :n] = equal[1, n : 2 * n] = 1
    solved = linprog(
        np.r_[np.zeros(2 * n), -1], np.c_[-gains, np.ones(len(gains))], np.zeros(len(gains)), equal, [1, 1]
    )
    last = by_step(moments, "last", s)[j]
    assert found.value <= -solved.fun * (1 + 2e-3)  # the step of the grid is up to 2% from the best
    assert -solved.fun <= last * (1 + 1e-9)
    assert found.value >= 0.98 * found.bound


def test_average_of_norms_is_not_raised_by_spreading_the_gap(moments, table):
    """Multiplicative updates climb the concave value over all shares; they end within the tangent bound."""
    found = table["average_norms", "constant"]
    j = int(np.argmin(abs(moments.kappa - found.step)))
    kappa = moments.kappa[: j + 1]
    signal, noise = (part[:, 0, : j + 1] for part in moments.parts["last"])
    gains, weights = 2 * kappa / kappa[-1] * signal, sum_weights(moments.times) / HORIZON
    p = q = np.full(j + 1, 1 / (j + 1))
    for _ in range(2000):
        slope = weights / (2 * np.sqrt(gains @ p + noise @ q))
        p, q = p * (slope @ gains), q * (slope @ noise)
        p, q = p / p.sum(), q / q.sum()
    assert (weights @ np.sqrt(gains @ p + noise @ q)) ** 2 == pytest.approx(found.value, rel=2e-3)
    assert found.value <= found.bound <= 1.001 * found.value


def test_limit_of_average_norms_is_approached(recursion):
    limit, theta, z = constant_step.limit_of_average_norms()
    tau = np.linspace(0, 1, 4001)
    integral = np.trapezoid(np.sqrt(z / theta * np.exp(-z * tau) + theta / 2), tau)
    assert limit == pytest.approx(integral**2, rel=1e-6)
    value = worst_cases(recursion, 2**13)["average_norms", "constant"].value
    assert value * np.sqrt(2**13) == pytest.approx(limit, rel=5e-3)


def test_the_fixed_quadratic_is_the_diagonal(moments):
    value, _ = on_curvature(moments, "average_squares", 0)
    assert value == pytest.approx(linear_worst_case(moments, "average_squares", 0).value, rel=1e-3)
    norms, step = on_curvature(moments, "average_norms", 0)
    kappa = np.geomspace(0.5, 2, 41) * step
    t = np.arange(HORIZON)[:, None]
    energy = 2 * (1 - kappa) ** (2 * t) + kappa / (2 - kappa) * (1 - (1 - kappa) ** (2 * t))
    assert norms == pytest.approx((np.sqrt(energy).mean(0) ** 2).min(), rel=2e-3)


@pytest.mark.parametrize("horizon", (5, 40, 1000))
def test_sum_weights_sum_smooth_functions(horizon):
    times = recorded_times(horizon)
    assert times[0] == 0 and times[-1] == horizon
    t = np.arange(horizon)
    for h in (lambda t: np.exp(-4 * t / horizon), lambda t: 1 / np.sqrt(t + 1), lambda t: (1 - t / horizon) ** 2):
        assert sum_weights(times) @ h(times) == pytest.approx(h(t).sum(), rel=1e-6)


def test_anytime_schedules_restart_at_powers_of_two():
    rows = np.array([anytime(tf.constant(float(t), tf.float64), tf.constant(8.0, tf.float64)) for t in range(8)]).T
    np.testing.assert_allclose(rows[ANYTIME.index("t^-0.5")], np.arange(1, 9) ** -0.5)
    np.testing.assert_allclose(rows[ANYTIME.index("doubling")], 2.0 ** (-0.5 * np.array([0, 1, 1, 2, 2, 2, 2, 3])))


def test_one_program_serves_all_horizons_and_covers_the_table(recursion, table):
    worst_cases(recursion, 64)
    assert recursion.traces == 1
    assert set(table) >= {(criterion, schedule) for criterion in CRITERIA for schedule in SCHEDULES}
    assert all(0 < case.value <= case.bound * (1 + 1e-12) for case in table.values())


def test_scaling_gap_and_noise_scales_the_value(recursion):
    """W(noise) depends on T and the ratio s2 / (L Delta): with no noise the best step is the largest."""
    quiet = worst_cases(recursion, 64, noise=1e-9)
    assert quiet["last", "constant"].step == pytest.approx(1.0)
    value, step = constant_step.best_step(constant_step.last_iterate, 64, noise=4.0)
    assert worst_cases(recursion, 64, noise=4.0)["last", "constant"].value == pytest.approx(value, rel=2e-4)
    assert step < constant_step.best_step(constant_step.last_iterate, 64)[1]
