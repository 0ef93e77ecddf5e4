"""Other methods' recursions, held to the constant-step closed form, to the energies of SGD and to simulation."""

import numpy as np
import pytest

from descent.experiments.stationary_points import constant_step, methods
from descent.experiments.stationary_points.energies import Recursion
from descent.experiments.stationary_points.methods import METHODS, least_worst, method_curves
from descent.experiments.stationary_points.storm import storm_energies
from descent.quiet import tf

HORIZONS = [64, 512]


@pytest.fixture(scope="module")
def curves():
    return method_curves(HORIZONS, steps=60, eigenvalues=60)


def test_gradient_descent_is_the_closed_form(curves):
    for criterion, formula in (
        ("last", constant_step.last_iterate),
        ("average_squares", constant_step.average_of_squares),
    ):
        expected = [constant_step.best_step(formula, horizon)[0] for horizon in HORIZONS]
        np.testing.assert_allclose(curves["gradient descent", criterion], expected, rtol=3e-3)


def test_momentum_is_its_dense_covariance():
    """x, v on the stiff axis: the covariance after T steps is a sum of squared columns of powers of one matrix."""
    eta, beta, horizon = 0.05, 0.9, 40
    step = eta * (1 - beta)
    power, noise = np.eye(2), 0.0
    matrix = np.array([[1 - step, beta], [-step, beta]])  # (g, u) -> (g + u', u')
    for _ in range(horizon):
        noise += (step * (power @ np.ones(2))[0]) ** 2
        power = matrix @ power
    slow = 0.3
    matrix = np.array([[1 - step * slow, beta], [-step * slow, beta]])
    signal = (np.linalg.matrix_power(matrix, horizon) @ [np.sqrt(2 * slow), 0])[0] ** 2
    found = _one_lane(eta, slow, horizon)
    assert found == pytest.approx(noise + signal, rel=1e-10)


def _one_lane(eta, slow, horizon):
    last, _ = methods._run(
        tf.constant([eta], tf.float64), tf.constant([slow], tf.float64), tf.constant([horizon], tf.int32)
    )
    return float(last[0, METHODS.index("momentum"), 0, 0])


def test_clipping_and_adagrad_norm_are_their_plain_loops():
    eta, slow, horizon = 0.3, 0.2, 60
    last, average = methods._run(
        tf.constant([eta], tf.float64), tf.constant([slow], tf.float64), tf.constant([horizon], tf.int32)
    )
    for name in ("AdaGrad-norm", "clipping"):
        g, b, seen_so_far, total = np.sqrt(2 * slow), 0.0, 0.0, 0.0
        for _ in range(horizon):
            total += g**2 + b
            seen = g**2 + b + 1
            seen_so_far += seen
            h = eta / np.sqrt(seen_so_far) if name == "AdaGrad-norm" else eta * min(1, 1 / np.sqrt(seen))
            g, b = (1 - h * slow) * g, (1 - h) ** 2 * b + h**2
        i = METHODS.index(name)
        assert float(last[0, i, 0, 0]) == pytest.approx(g**2 + b, rel=1e-12)
        assert float(average[0, i, 0, 0]) == pytest.approx(total / horizon, rel=1e-12)


def test_least_worst_is_a_saddle():
    x = np.geomspace(0.1, 10, 41)
    values = (x[:, None] ** 2 + 1 / x[:, None]) * np.exp(-(np.log(x[None]) ** 2))
    assert least_worst(values) == pytest.approx(3 * 2 ** (-2 / 3), rel=1e-3)


def test_storm_that_forgets_all_is_gradient_descent():
    horizon, eta, slow = 100, 0.2, 0.1
    moments = Recursion(points=2).run(horizon, kappa=[eta * slow, eta])
    signal, noise = moments.parts["last"]
    expected = 2 * slow * signal[-1, 0, 0] + noise[-1, 0, 1]
    assert storm_energies(eta, 1.0, slow, [horizon], ell=0.7)[0] == pytest.approx(expected, rel=1e-12)


def test_storm_with_noise_that_does_not_move_averages_it():
    """ell = 0 and a = 1 / (t + 1) would be the mean of all noise; constant a keeps a / (2 - a) of its variance."""
    a = 0.01
    found = storm_energies(0.5, a, 1e-6, [4000], ell=0.0)[0]
    assert found == pytest.approx(a / (2 - a), rel=0.02)
