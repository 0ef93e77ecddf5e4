"""Rounds: one step is central momentum; slots, servers, absence and SCAFFOLD against loops in NumPy; bad words."""

import numpy as np
import pytest

from descent.problems.clients import clients_game, clients_in_turn, sampled_clients, sizes_like, stacked, together
from descent.rules import adam, chain, federated, gradient_descent, momentum, scaffold, sga
from descent.rules.parse import read_rule
from descent.simulate import Simulator

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), RNG.choice([-1.0, 1.0], 40)
PARTS = np.split(np.argsort(Y, kind="stable"), np.cumsum(sizes_like([1, 2, 5], 40))[:-1])
HELD = stacked(X, Y, PARTS)


def simulate(held, rule, steps, loss="logistic"):
    run = Simulator(clients_game(held, loss, 0.01), rule, record=lambda params, state, game: params[0])
    return run.run(held.start(), steps).records


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


def slope(i, w):
    x, y = X[PARTS[i]], Y[PARTS[i]]
    return -(x.T @ (y / (1 + np.exp(y * (x @ w))))) / len(y) + 0.01 * w


P = np.array(HELD.weights)
TURNS = clients_in_turn(3, 1)
MIXED = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 1.0]])


def test_a_server_with_momentum_steps_along_what_the_round_has_moved():
    w, v = np.zeros(3), np.zeros(3)
    for _ in range(3):
        ends = []
        for i in range(3):
            own = w
            for _ in range(4):
                own = own - 0.3 * slope(i, own)
            ends.append(own)
        v = 0.9 * v - 0.7 * (w - P @ ends)
        w = w + v
    rule = federated(gradient_descent(0.3), 4, weights=HELD.weights, server=momentum(0.7, 0.9))
    np.testing.assert_allclose(simulate(HELD, rule, 12)[-1], np.tile(w, (3, 1)), atol=1e-13)
    assert repr(read_rule(repr(rule))) == repr(rule)


def test_a_server_with_step_one_is_none():
    rounds = [federated(momentum(0.3), 4, server=server) for server in (None, gradient_descent(1.0))]
    one, other = (simulate(HELD, rule, 10) for rule in rounds)
    np.testing.assert_allclose(one, other, atol=1e-14)


@pytest.mark.parametrize("present", [TURNS, MIXED])
def test_the_absent_do_nothing_and_are_sent_the_average(present):
    w, d = np.zeros(3), np.zeros(3)
    for number in range(5):
        here = present[number % 3]
        p, ends, slots = P * here / (P * here).sum(), np.zeros((3, 3)), np.zeros((3, 3))
        for i in np.flatnonzero(here):
            ends[i], slots[i] = w, d
            for _ in range(4):
                slots[i] = 0.7 * slots[i] + slope(i, ends[i])
                ends[i] = ends[i] - 0.3 * slots[i]
        w, d = p @ ends, p @ slots
    rule = federated(momentum(0.3, 0.7), 4, weights=HELD.weights, present=present)
    np.testing.assert_allclose(simulate(HELD, rule, 20)[-1], np.tile(w, (3, 1)), atol=1e-13)


@pytest.mark.parametrize("present", [None, MIXED])
def test_scaffold_is_algorithm_1(present):
    """In the paper's variables: y_i, c_i, c; option II."""
    eta, tau, x, c = 0.3, 4, np.zeros(3), np.zeros((3, 3))
    for number in range(5):
        here = np.ones(3) if present is None else present[number % 3]
        server, ends, new = P @ c, np.tile(x, (3, 1)), c.copy()
        for i in np.flatnonzero(here):
            for _ in range(tau):
                ends[i] = ends[i] - eta * (slope(i, ends[i]) - c[i] + server)
            new[i] = c[i] - server + (x - ends[i]) / (tau * eta)
        x, c = (P * here) @ ends / (P * here).sum(), new
    own = {"weights": HELD.weights, "present": present}
    rule = chain(scaffold(tau, **own), federated(gradient_descent(eta), tau, **own))
    np.testing.assert_allclose(simulate(HELD, rule, 20)[-1], np.tile(x, (3, 1)), atol=1e-13)


def test_scaffold_ends_at_the_common_minimum_and_averaging_does_not():
    rounds = federated(gradient_descent(0.3), 8, weights=HELD.weights)
    ends = [simulate(HELD, r, 16_000)[-1, 0] for r in (chain(scaffold(8, HELD.weights), rounds), rounds)]
    biases = [np.linalg.norm(sum(p * slope(i, w) for i, p in enumerate(P))) for w in ends]
    assert biases[0] < 1e-8 < 1e-4 < biases[1]


def test_deals_side_by_side_are_deals_alone():
    deals = [HELD, stacked(X, Y, [np.arange(5), np.arange(5, 30), np.arange(30, 40)])]
    both = together(deals)
    found = simulate(both, federated(momentum(0.3, 0.7), 4, weights=both.weights), 9)
    for k, deal in enumerate(deals):
        alone = simulate(deal, federated(momentum(0.3, 0.7), 4, weights=deal.weights), 9)
        np.testing.assert_allclose(found[:, :, k], alone, atol=1e-14)


def test_samples_of_clients_have_one_size_and_turns_are_a_cycle():
    rows = sampled_clients(200, 8, 3, 5)
    assert (rows.sum(1) == 3).all() and (rows.sum(0) > 40).all()  # 75 on average, 7 of them a standard deviation
    np.testing.assert_array_equal(clients_in_turn(4, 2), [[1, 1, 0, 0], [0, 0, 1, 1]])


def test_bad_words_are_one_line():
    with pytest.raises(ValueError, match="averaged, reset, local"):
        federated(gradient_descent(0.1), slots="kept")
    with pytest.raises(ValueError, match="makes no step"):
        federated(sga(1.0))
