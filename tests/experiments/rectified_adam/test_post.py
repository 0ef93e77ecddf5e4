"""The audit of the post: arithmetic on transcribed numbers, held to formulas written out here."""

import numpy as np
import pytest
from scipy import stats

from descent.experiments.rectified_adam.post import PostSchedule, read_post


@pytest.fixture(scope="module")
def audit():
    return read_post()


def test_there_are_twelve_pairs_of_consistent_reports(audit):
    assert len(audit.pairs) == 12 and len({(pair.data, pair.network) for pair in audit.pairs}) == 12
    for pair in audit.pairs:
        for k in (0, 1):
            # a slip of the pen in one recall of ten would move the rebuilt accuracy by .001 a hundredth
            assert pair.rebuilt is None or abs(pair.rebuilt[k] - pair.accuracy[k]) < 0.005 + 2 * pair.rounding
            assert pair.precision[k] >= pair.accuracy[k] - 0.005  # in these reports


def test_scores_and_sign_tests(audit):
    assert audit.score("quoted") == (7, 0, 5) and audit.score("accuracy") == (6, 2, 4)
    assert audit.sign_test("quoted") == pytest.approx(2 / 2**7)
    assert audit.sign_test("accuracy") == pytest.approx(2 * (1 + 8 + 28) / 2**8)


def test_z_is_that_of_two_proportions(audit):
    pair = next(pair for pair in audit.pairs if pair.data == "CIFAR-10" and pair.network == "ResNet")
    a, r = pair.rebuilt
    assert (a, r) == pytest.approx((0.868, 0.838))
    assert pair.z == pytest.approx(0.03 / np.sqrt((0.868 * 0.132 + 0.838 * 0.162) / 10_000))


def test_rounding_of_recalls_is_what_rounding_random_recalls_does(audit):
    recalls = np.random.default_rng(0).uniform(0.5, 1, (20_000, 10))
    weights = np.array([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]) / 10_000
    # the standard deviation of 20,000 draws errs by half a per cent
    assert ((recalls - recalls.round(2)) @ weights).std() == pytest.approx(audit.pairs[0].rounding, rel=0.03)


def test_schedule_is_up_down_and_level(audit):
    schedule = audit.schedule("MNIST")
    assert schedule.steps == 28_080 and audit.schedule("CIFAR-10").steps == 23_400
    t = np.array([1, 250, 500, 2750, 5000, 5001, 28_080])
    expected = [1 / 500, 0.5, 1, 1 - 0.99 / 2, 0.01, 0.01, 0.01]
    np.testing.assert_allclose(schedule(t), expected, rtol=1e-12)
    assert schedule.share_at_floor == pytest.approx(1 - 5000 / 28_080)
    # areas of triangle, trapezium and rectangle; 5,000 steps of a line are sums, not integrals
    assert schedule.mean == pytest.approx((250 + 4500 * 0.505 + 23_080 * 0.01) / 28_080, rel=1e-3)


def test_scaled_schedule_has_the_same_shape():
    whole = PostSchedule(28_080, 500, 5000, 0.01)
    half = whole.scaled(14_040)
    t = np.arange(1, 14_041)
    np.testing.assert_allclose(half(t), whole(2 * t), rtol=1e-12)


def test_seeds_needed_find_the_difference_four_times_in_five(audit):
    name, difference, seeds = audit.seeds(1.0)[3]
    assert name == "Fashion-MNIST, MiniVGGNet" and seeds is not None
    deviation, rng = audit.pairs[3].sampling, np.random.default_rng(0)
    power = {}
    for n in (seeds - 1, seeds):
        draws = rng.normal(difference, deviation, (20_000, n))
        t = draws.mean(1) / (draws.std(1, ddof=1) / np.sqrt(n))
        power[n] = (t > stats.t.ppf(0.975, n - 1)).mean()
    assert power[seeds] > 0.79 > power[seeds - 1]
    assert "more than 1,000" in str(audit.seeds_table(50.0)) or audit.seeds_table(50.0).rows
