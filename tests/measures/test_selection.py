"""The protocol of tuning: what it chooses, that it is fair, and that its report is unbiased where the naive one is not.

Statistical tests use fixed seeds; FALSE_ALARM is how often each would reject a right protocol over all seeds.
"""

import numpy as np
import pytest
from scipy import integrate, stats

from descent.measures.selection import leave_one_out, tune, tune_alike

FALSE_ALARM = 1e-3
TRIALS, SEEDS, REPEATS = 8, 5, 4000


def test_the_best_mean_is_chosen_the_first_of_equals_and_never_one_that_diverged():
    tuned = tune([0.1, 0.2, 0.3, 0.4], [[-9.0, np.nan], [1.0, 3.0], [4.0, 0.0], [5.0, 5.0]])
    assert tuned.best == 0.2 and tuned.chosen == 1 and not tuned.at_edge
    np.testing.assert_array_equal(tuned.means, [np.inf, 2.0, 2.0, 5.0])
    assert tune("ab", [2.0, 1.0]).best == "b" and tune("ab", [2.0, 1.0]).at_edge


def test_every_trial_needs_a_score():
    for scores in ([], [1.0], np.zeros((2, 3, 1)), np.zeros((2, 0))):
        with pytest.raises(ValueError, match="scores have shape"):
            tune([1, 2], scores)


def test_methods_with_more_trials_or_seeds_are_refused():
    few, many, longer = ([1, 2], np.zeros((2, 3))), ([1, 2, 3], np.zeros((3, 3))), ([1, 2], np.zeros((2, 4)))
    assert list(tune_alike({"a": few, "b": few})) == ["a", "b"]
    for other in (many, longer):
        with pytest.raises(ValueError, match=r"tuned alike, .*; got a 2 x 3, b"):
            tune_alike({"a": few, "b": other})


def test_the_seed_left_out_has_no_say():
    score = -np.array([[1.0, 0.0, 0.0], [0.6, 0.4, 0.6], [0.0, 9.0, 0.1]])
    # seed 0 is left out: means 0, .5, 4.55; seed 1: .5, .6, .05; seed 2: .5, .5, 4.5
    np.testing.assert_array_equal(leave_one_out(score), [2, 1, 2])
    changed = score.copy()
    changed[:, 1] = [-1e9, 1e9, 0]
    assert leave_one_out(changed)[1] == leave_one_out(score)[1]
    with pytest.raises(ValueError, match="at least 2 seeds"):
        leave_one_out(score[:, :1])


def test_choosing_on_the_seeds_that_judge_is_biased_by_the_closed_form_and_the_protocol_is_not():
    """With no difference between settings every report should have mean 0."""
    draws = np.random.default_rng(0).normal(size=(REPEATS, TRIALS, 2 * SEEDS))
    naive, fresh, left_out = [], [], []
    for tuning, judging in zip(draws[:, :, :SEEDS], draws[:, :, SEEDS:], strict=True):
        tuned = tune(range(TRIALS), tuning)
        naive.append(tuning[tuned.best].mean())
        fresh.append(judging[tuned.best].mean())
        left_out.append(tuning[leave_one_out(tuning), np.arange(SEEDS)].mean())
    largest, _ = integrate.quad(lambda x: x * TRIALS * stats.norm.pdf(x) * stats.norm.cdf(x) ** (TRIALS - 1), -9, 9)
    assert largest == pytest.approx(1.42360, abs=1e-5)
    assert stats.ttest_1samp(naive, -largest / np.sqrt(SEEDS)).pvalue > FALSE_ALARM
    assert stats.ttest_1samp(naive, 0).pvalue < 1e-12
    for report in (fresh, left_out):
        assert stats.ttest_1samp(report, 0).pvalue > FALSE_ALARM
