"""Lanes of methods on digits, their choice of rates, and what is counted of them."""

import numpy as np
import pytest

from descent.experiments.independent_subnets import digits, measured
from descent.experiments.independent_subnets.digits import LABELS, Runs, Task

TASK = Task("digits", (16,), 20, 16)
DEEP = Task("digits", (16, 16), 20, 16)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESCENT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        methods = ["ist", "norm", "local", "sgd", "dropout", "lose", "same"]
        return digits.race(TASK, methods, [4], [1, 10], [1, 2])


def test_every_method_learns_and_is_listed(runs):
    for (method, n), own in runs.items():
        assert n == (1 if method == "sgd" else 4) and own.test.shape[1:] == (len(own.held[0]), 4, 2)
        assert own.test[-1].max() > 2 * own.test[0].mean() > 0, method
    assert {method for method, _ in runs} | {"rows"} == set(LABELS)
    assert "local SGD" in str(measured.accuracies(runs, [4], [1, 10], 1))


def test_copies_that_meet_at_every_step_are_sgd_on_all_their_images(runs):
    """Local SGD with J = 1 averages steps of 4 x 4 images, which is a step on 16; others are drawn, so nearly."""
    local, sgd = runs["local", 4].test[-1, 0], runs["sgd", 1].test[-1, 0]
    assert np.abs(local - sgd).max() < 0.2


def test_measurements_are_complete_and_counted_in_whole_rounds(runs):
    found = digits.measurements("digits", TASK, runs, [4], [1, 10])
    for method in ("ist", "norm", "local"):
        assert found[f"digits.n4.j10.{method}"].shape == (2,)
    assert {"digits.n4.j10.ist_minus_dropout", "digits.n4.j10.norm_minus_local", "digits.sgd"} <= found.keys()


def test_rows_need_two_layers_and_start_where_the_others_do():
    rows = digits.train(DEEP, "rows", 4, [10], [3])
    norm = digits.train(DEEP, "norm", 4, [10], [3])
    np.testing.assert_array_equal(rows.test[0], norm.test[0])
    assert np.abs(rows.test[-1] - norm.test[-1]).max() > 0


def test_a_curve_takes_the_rate_of_the_other_seeds_and_until_counts_steps():
    held = np.zeros((3, 1, 2, 2))
    held[-1, 0] = [[0.9, 0.5], [0.6, 0.8]]  # seed 0 likes the first rate, seed 1 the second
    test = np.arange(12.0).reshape(3, 1, 2, 2)
    runs = Runs(np.array([0, 5, 10]), held, test)
    np.testing.assert_array_equal(runs.curve(0), [[2, 1], [6, 5], [10, 9]])
    np.testing.assert_array_equal(digits.until(runs, 0, np.array([5.0, 5.0])), [5, 5])
    np.testing.assert_array_equal(digits.until(runs, 0, np.array([11.0, 5.5])), [np.inf, 10])
