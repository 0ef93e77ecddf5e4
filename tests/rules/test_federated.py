"""Rounds: one step is central momentum; slots averaged, reset and local against a loop in NumPy; bad words."""

import numpy as np
import pytest

from descent.problems.clients import clients_game, sizes_like, stacked
from descent.quiet import tf
from descent.rules import adam, federated, gradient_descent, momentum, sga
from descent.simulate import Simulator

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.choice([-1.0, 1.0], 40)
PARTS = np.split(np.argsort(Y, kind="stable"), np.cumsum(sizes_like([1, 2, 5], 40))[:-1])
HELD = stacked(X, Y, PARTS)


def simulate(held, rule, steps, loss="logistic"):
    run = Simulator(clients_game(held, loss, 0.01), rule, record=lambda params, state, game: params[0])
    return run.run((tf.zeros([len(held.x), 3], tf.float64),), steps).records


def by_hand(slots, tau, weights, eta=0.3, gamma=0.7, steps=9):
    """NumPy, client by client; logistic gradients written out."""
    w, d = np.zeros((3, 3)), np.zeros((3, 3))
    for number in range(1, steps + 1):
        for i, part in enumerate(PARTS):
            x, y = X[part], Y[part]
            slope = -(x.T @ (y / (1 + np.exp(y * (x @ w[i]))))) / len(y) + 0.01 * w[i]
            d[i] = gamma * d[i] + slope
        w = w - eta * d
        if number % tau == 0:
            w[:] = weights @ w
            d = {"averaged": np.tile(weights @ d, (3, 1)), "reset": np.zeros((3, 3)), "local": d}[slots]
    return w


@pytest.mark.parametrize("slots", ["averaged", "reset", "local"])
@pytest.mark.parametrize("tau", [1, 2, 4])
def test_rounds_are_those_of_a_loop_over_clients(slots, tau):
    for weights in (HELD.weights, None):
        p = np.full(3, 1 / 3) if weights is None else np.array(weights)
        found = simulate(HELD, federated(momentum(0.3, 0.7), tau, slots, weights), 9)[-1]
        np.testing.assert_allclose(found, by_hand(slots, tau, p), atol=1e-13)


@pytest.mark.parametrize("loss", ["linear", "logistic", "svm"])
def test_one_step_a_round_is_central_momentum(loss):
    central = simulate(stacked(X, Y, [np.arange(40)]), momentum(0.1, 0.8), 30, loss)
    rounds = simulate(HELD, federated(momentum(0.1, 0.8), 1, weights=HELD.weights), 30, loss)
    np.testing.assert_allclose(rounds, np.repeat(central, 3, 1), atol=1e-12)


def test_between_averages_clients_are_alone_and_counts_of_steps_survive():
    alone = [simulate(stacked(X, Y, [part]), adam(0.05), 4) for part in PARTS]
    rounds = simulate(HELD, federated(adam(0.05), 4, weights=HELD.weights), 8)
    np.testing.assert_allclose(rounds[:4], np.concatenate(alone, 1)[:4], atol=1e-13)
    assert np.ptp(rounds[4], 0).max() < 1e-15 and np.isfinite(rounds).all()


def test_bad_words_are_one_line():
    with pytest.raises(ValueError, match="averaged, reset, local"):
        federated(gradient_descent(0.1), slots="kept")
    with pytest.raises(ValueError, match="makes no step"):
        federated(sga(1.0))
