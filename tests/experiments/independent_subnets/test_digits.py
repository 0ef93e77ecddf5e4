"""Lanes of methods on digits, their choice of rates, and what is counted of them."""

import numpy as np
import pytest

from descent.experiments.independent_subnets import baseline, digits, measured
from descent.experiments.independent_subnets.digits import LABELS, Runs, Setting, Task

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
    assert {method for method, _ in runs} | {"rows", "local norm"} == set(LABELS)
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


def test_regularised_runs_are_the_plain_ones_where_nothing_is_regularised(runs):
    """Decay 0 and keep 1 change nothing; decay .1 and keep 1/2 do. Both sides of the comparison have as many trials."""
    settings = [Setting(0.1), Setting(0.1, 0.1), Setting(0.1, 0.0, 0.5)]
    for method in ("local", "ist"):
        rate = (digits.RATES.get(method) or digits.OTHERS).index(0.1)
        tried = digits.train(TASK, method, 4, [10], [1, 2], settings)
        np.testing.assert_allclose(tried.held[-1, 0, 0], runs[method, 4].held[-1, 1, rate], atol=0.01)
        assert np.abs(tried.held[-1, 0, 1] - tried.held[-1, 0, 0]).max() > 0
        assert (np.abs(tried.held[-1, 0, 2] - tried.held[-1, 0, 0]).max() > 0) == (method == "local")
    trials = {side: len(baseline.WAYS[side]) * len(own) for side, own in baseline.REGULARISERS.items()}
    assert len(set(trials.values())) == 1


def test_each_step_of_the_comparison_chooses_among_its_own_trials(monkeypatch):
    """Made-up accuracies, one seed as the other: the k-th trial of a method scores what its number says."""
    settings = len(baseline.REGULARISERS["local"]) * len(baseline.RATES)

    def made_up(task, ways, workers, every, seeds, tried, seed_by_seed):
        found = {}
        for way in ways:
            scores = {"norm": 0.2, "ist": 0.6, "local": 0.1, "local norm": 0.4}[way] + 0.01 * np.arange(settings)
            grid = np.repeat(scores[None, None, :, None], len(seeds), 3)
            found[way, 4] = Runs(np.array([0]), grid, grid)
        return found

    monkeypatch.setattr(baseline, "race", made_up)
    found = baseline.measurements("x", baseline.compared(TASK, 4, 10, [1, 2]))
    expected = {"fixed": 0.1, "rate": 0.1, "norm": 0.24 - 0.44, "tuned": 0.74 - 0.54}
    for step, gain in expected.items():
        np.testing.assert_allclose(found[f"x.weak.{step}"], gain, atol=1e-12)
    np.testing.assert_allclose(found["x.weak.beyond_half"], 0.15, atol=1e-12)


def test_seeds_by_themselves_are_those_run_together(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("DESCENT_CACHE_DIR", str(tmp_path))
    apart = digits.race(TASK, ["ist"], [4], [1, 10], [1, 2], seed_by_seed=True)["ist", 4]
    np.testing.assert_array_equal(apart.steps, runs["ist", 4].steps)
    np.testing.assert_allclose(apart.test, runs["ist", 4].test, atol=0.01)
    assert len(list(tmp_path.glob("subnets-*"))) == 2
