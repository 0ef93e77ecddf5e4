"""Runs, races and biases: against each other, against matrices, against counts by hand."""

import numpy as np
import pytest
from scipy.optimize import minimize

from descent.experiments.momentum_federated_learning import beyond, drift, identities
from descent.experiments.momentum_federated_learning.data import as_one_client, deals, examples, one_of, quadratics
from descent.experiments.momentum_federated_learning.exact import round_map
from descent.experiments.momentum_federated_learning.runs import (
    OneStep,
    Race,
    Setting,
    Study,
    bytes_sent,
    first_below,
)
from descent.problems.clients import client_losses, clients_in_turn
from descent.quiet import tf

DECAY = 0.05
STUDY = Study("digits", 40, DECAY, 40, (0, 1))
HELD = STUDY.held()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DESCENT_CACHE_DIR", str(tmp_path))


def test_deals_are_the_same_images_in_other_hands():
    x, y, labels = examples("digits", 40, 1)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1)
    np.testing.assert_array_equal(y, np.where(labels % 2, 1, -1))
    for k in (1, 3):  # seed 1, dealt evenly and by label
        held = one_of(HELD, k)
        rows = held.x[held.share > 0]
        np.testing.assert_allclose(np.sort(rows @ x.sum(0)), np.sort(x @ x.sum(0)))
        np.testing.assert_allclose(held.weights, [0.125, 0.2, 0.3, 0.375])  # each has one before shares count


def test_losses_of_least_squares_are_those_of_the_rounds_as_matrices():
    settings = [Setting(0.2), Setting(0.05, 0.9), Setting(0.05, 0.5, 8)]
    found = STUDY.run("linear", {"mfl": settings}, every=8)["mfl"]
    assert found.shape == (6, 3, 2, 2)
    for lane, (eta, gamma, tau) in enumerate(settings):
        for skew in (0, 1):
            hessians, slopes, p = quadratics(one_of(HELD, 2 * skew + 1), DECAY)
            one, z = round_map(hessians, slopes, p, eta, gamma, tau), np.zeros(128)
            for _ in range(40 // tau):
                z = one.matrix @ z + one.shift
            w = z[:64]
            expected = 0.5 + 0.5 * w @ np.tensordot(p, hessians, 1) @ w - p @ slopes @ w
            assert found[-1, lane, skew, 1] == pytest.approx(expected, abs=1e-12)


def test_minimisers_are_scipys_by_differences():
    best = drift.minimisers(HELD, "svm", DECAY)
    whole = one_of(as_one_client(HELD), 0)

    def loss(w):
        return client_losses(tf.constant(w[None]), whole, "svm", DECAY).numpy()[0]

    for direction in np.eye(64)[:5]:
        assert abs(loss(best[0] + 1e-4 * direction) - loss(best[0] - 1e-4 * direction)) < 1e-10
    np.testing.assert_allclose(best[0], best[2], atol=1e-7)  # who holds what is all the same to it
    assert minimize(loss, best[0], options={"maxiter": 2}).fun >= loss(best[0]) - 1e-9


def test_one_step_reads_its_lanes():
    one = OneStep.make(STUDY, "logistic", 0.1, (0.5, 0.9), variants=True)
    plain = STUDY.run("logistic", {"fedavg": [Setting(0.1), Setting(0.2), Setting(1.0)]})["fedavg"]
    np.testing.assert_allclose(one.losses["fedavg"], plain, atol=1e-13)
    fast = STUDY.run("logistic", {"mfl": [Setting(0.1, 0.9)]})["mfl"]
    np.testing.assert_allclose(one.losses["mfl"][:, 1:], fast, atol=1e-13)
    np.testing.assert_allclose(one.matched(1, 0.5), plain[-1, 1, 1] / one.losses["mfl"][-1, 0, 1] - 1)
    reset = STUDY.run("logistic", {"reset": [Setting(0.1, 0.9)]})["reset"]
    np.testing.assert_allclose(one.against_averaged("reset"), reset[-1, 0, 1] - fast[-1, 0, 1], atol=1e-13)
    assert one.long.shape == (4, 2) and (one.speedups(0, 0.9) > 0.1).all()


@pytest.mark.parametrize("level, expected", [(4.0, 0.0), (3.0, 1.0), (1.5, 2.25), (0.5, np.inf)])
def test_where_a_curve_meets_a_level(level, expected):
    assert first_below(np.array([4.0, 3.0, 1.6, 1.2]), level) == pytest.approx(expected)


def test_a_race_counts_rounds_and_bytes():
    assert bytes_sent(2, 64, 3, 5) == 2 * 2 * 64 * 3 * 5 * 8
    race = Race.make(STUDY, "logistic", np.array([0.1, 0.8]), 0.5)
    assert race.budget("bytes") == {"fedavg": 10, "mfl": 5, "fedavgm": 10, "scaffold": 5}
    assert all((gaps > 0).all() for gaps in race.gaps.values())
    measured = race.measurements()
    np.testing.assert_allclose(measured["tuned.bytes.gap.mfl"], race.decades("mfl", 5).min(0))
    costs = race.costs(0.03, 64, 4)
    assert costs["mfl"][3] == pytest.approx(costs["mfl"][1] * 2 * 2 * 64 * 4 * 8 / 1e3)
    assert race.costs(1e-9, 64, 4)["fedavg"][1:] == [None, None, None]


def test_simulated_bias_is_that_of_the_matrix():
    by_label = deals("digits", 40, ("label",), (0, 1))
    product, beta = 0.2, max(np.linalg.eigvalsh(h)[-1] for k in (0, 1) for h in quadratics(one_of(by_label, k), 0.2)[0])
    found = drift.simulated_ratio(by_label, "linear", 0.2, product, 0.8, 4, 1e-5)
    for k in (0, 1):
        one = one_of(by_label, k)
        bias = [drift.least_squares_bias(one, 0.2, product / beta, gamma, 4) for gamma in (0.8, 0.0)]
        assert found[k] == pytest.approx(bias[0] / bias[1], rel=1e-3)


def test_turns_with_one_group_are_plain_rounds_and_their_cycle_is_a_composition():
    equal = beyond.equal_deal("digits", 40, 0)
    everybody = np.ones((1, 8))
    plain = drift.ratios(deals("digits", 40, ("label",), (0,), (1,) * 8), DECAY, 0.1, (0.9,), (4,))[0.9, 4][0]
    assert drift.ratio_in_turn(equal, DECAY, 0.1, 0.9, 4, everybody) == pytest.approx(plain, rel=1e-9)
    hessians, slopes, p = quadratics(equal, DECAY)
    maps = [round_map(hessians[k : k + 4], slopes[k : k + 4], p[:4] * 2, 0.1, 0.5, 4) for k in (0, 4)]
    z = np.random.default_rng(0).normal(size=128)
    both = drift.in_turn(maps)
    after = maps[1].matrix @ (maps[0].matrix @ z + maps[0].shift) + maps[1].shift
    np.testing.assert_allclose(both.matrix @ z + both.shift, after, atol=1e-12)


def test_drawn_clients_come_equally_often_and_not_in_turn():
    present = beyond.drawn_clients(40, 2, 3)
    assert (present.sum(1) == 2).all() and (present.sum(0) == 10).all()
    assert len({tuple(row) for row in present}) > 4 == len(clients_in_turn(8, 2))


def test_without_noise_a_run_stays_at_its_fixed_point():
    equal = beyond.equal_deal("digits", 40, 0)
    still = beyond.relative_ratios(equal, DECAY, 0.1, 0.9, 4, 400, [0], taking_part=8)
    assert abs(still).max() < 0.02  # momentum starts at zero, and takes its time


def test_bound_is_never_violated_and_nearly_met_by_one_axis():
    found = identities.gaps(HELD, "logistic", DECAY, 0.1, (0.5, 0.9), (0, 3), 6)
    assert found.distance.shape == found.bound.shape == (2, 7, 2, 4)
    ratio, first = identities.gap_ratios([found])
    assert 0 < ratio <= 1 and first < 1e-15
