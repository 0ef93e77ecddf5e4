"""Bound, drift factor and round map, against each other, limits, and the simulator."""

import numpy as np
import pytest

from descent.experiments.momentum_federated_learning.exact import (
    average_gap,
    average_gap_formula,
    drift_factor,
    round_map,
)
from descent.problems.clients import clients_game, sizes_like, stacked
from descent.quiet import tf
from descent.rules import federated, momentum
from descent.simulate import Simulator

SETTINGS = [(0.3, 2), (0.5, 4), (0.9, 16)]


def quadratics(seed, clients=3, d=4):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(60, d)), rng.choice([-1.0, 1.0], 60)
    parts = np.split(np.argsort(y, kind="stable"), np.cumsum(sizes_like([1, 2, 3], 60))[:-1])
    held = stacked(x, y, parts)
    hessians = np.array([x[p].T @ x[p] / len(p) + 0.1 * np.eye(d) for p in parts])
    slopes = np.array([x[p].T @ y[p] / len(p) for p in parts])
    return held, hessians, slopes, np.array(held.weights)


@pytest.mark.parametrize("gamma", [0.1, 0.5, 0.9])
def test_bound_of_the_average_is_its_closed_form_and_begins_with_two_zeros(gamma):
    h = average_gap(12, 0.01, 3.0, gamma, 2.0)
    np.testing.assert_allclose(h, average_gap_formula(np.arange(13), 0.01, 3.0, gamma, 2.0), atol=1e-12)
    assert abs(h[:2]).max() < 1e-15 and (np.diff(h)[1:] > 0).all()


def test_bound_without_momentum_is_that_of_federated_averaging():
    x, eta, beta, delta = np.arange(9), 0.02, 3.0, 1.5
    known = delta / beta * ((1 + eta * beta) ** x - 1) - eta * delta * x  # Wang et al. 2019
    np.testing.assert_allclose(average_gap(8, eta, beta, 0.0, delta), known, atol=1e-14)


@pytest.mark.parametrize("gamma, tau", SETTINGS)
def test_drift_factor_is_the_ratio_of_exact_biases_at_small_steps(gamma, tau):
    _, hessians, slopes, p = quadratics(0)
    hessian, slope = np.tensordot(p, hessians, 1), p @ slopes
    eta = 1e-4 * (1 - gamma)

    def bias(eta, gamma):
        return np.linalg.norm(hessian @ round_map(hessians, slopes, p, eta, gamma, tau).fixed_point - slope)

    assert bias(eta, gamma) / bias(eta / (1 - gamma), 0.0) == pytest.approx(drift_factor(gamma, tau), rel=0.01)


def test_drift_factor_without_momentum_is_one_and_falls_with_it():
    assert drift_factor(0.0, 4) == 1
    assert np.all(np.diff([drift_factor(gamma, 4) for gamma in (0, 0.3, 0.6, 0.9, 0.99)]) < 0)
    with pytest.raises(ValueError, match="two steps"):
        drift_factor(0.5, 1)


@pytest.mark.parametrize("gamma, tau", SETTINGS)
def test_simulated_rounds_are_the_round_map(gamma, tau):
    held, hessians, slopes, p = quadratics(1)
    rule = federated(momentum(0.05, gamma), tau, weights=held.weights)
    run = Simulator(clients_game(held, "linear", 0.1), rule, record=lambda params, state, game: params[0], every=tau)
    found = run.run((tf.zeros([3, 4], tf.float64),), 5 * tau).records
    rounds, z = round_map(hessians, slopes, p, 0.05, gamma, tau), np.zeros(8)
    for seen in found:
        np.testing.assert_allclose(seen, np.tile(z[:4], (3, 1)), atol=1e-12)
        z = rounds.matrix @ z + rounds.shift
    assert run.traces == 1
