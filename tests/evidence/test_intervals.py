"""Intervals and power against SciPy, enumeration, and each other."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from descent.evidence import power
from descent.evidence.intervals import clopper_pearson, interval, interval_ends, intervals, studentised_bootstrap


@pytest.mark.parametrize("seeds", [2, 3, 5, 8, 19])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_few_seeds_get_students_interval(seeds, confidence):
    values = np.random.default_rng(seeds).normal(3.0, 2.0, seeds)
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(confidence)
    assert interval(list(values), confidence) == pytest.approx([expected.low, expected.high])


def test_from_twenty_on_the_bootstrap_is_studentised():
    """Against the definition, resample by resample, and unlike Student's it leans where the sample does."""
    values = np.random.default_rng(0).exponential(size=20)
    low, high = interval(list(values))
    counts = np.random.default_rng(0).multinomial(20, np.full(20, 1 / 20), 4000)
    t = []
    for row in counts:
        drawn = np.repeat(values, row)
        t.append((drawn.mean() - values.mean()) / (drawn.std(ddof=1) / math.sqrt(20)))
    error = values.std(ddof=1) / math.sqrt(20)
    assert low == pytest.approx(values.mean() - np.quantile(t, 0.975) * error)
    assert high == pytest.approx(values.mean() - np.quantile(t, 0.025) * error)
    assert high - values.mean() > 1.2 * (values.mean() - low)
    student = stats.ttest_1samp(values[:19], 0.0).confidence_interval()
    assert interval(list(values[:19])) == pytest.approx([student.low, student.high])


def test_the_bootstrap_is_the_same_every_time_and_for_many_as_for_one():
    samples = np.random.default_rng(1).normal(size=(701, 20))
    low, high = studentised_bootstrap(samples)
    for row in (0, 499, 500, 700):
        assert studentised_bootstrap(samples[row : row + 1])[0][0] == pytest.approx(low[row])
        assert interval(list(samples[row])) == pytest.approx([low[row], high[row]])


@pytest.mark.parametrize(("successes", "trials"), [(0, 3), (1, 8), (4, 8), (8, 8), (31, 32)])
@pytest.mark.parametrize("confidence", [0.95, 0.98])
def test_shares_are_scipys(successes, trials, confidence):
    exact = stats.binomtest(successes, trials).proportion_ci(confidence, method="exact")
    assert clopper_pearson(successes, trials, confidence) == pytest.approx((exact.low, exact.high))
    if 0 < successes < trials and trials > 2:
        values = [1.0] * successes + [0.0] * (trials - successes)
        assert interval(values, confidence) == pytest.approx([exact.low, exact.high])


def test_two_values_that_are_no_share_get_the_hull():
    values = [7.0, 8.0, 7.0]
    share = stats.binomtest(1, 3).proportion_ci(method="exact")
    student = stats.ttest_1samp(values, 0.0).confidence_interval()
    assert interval(values) == pytest.approx([min(7 + share.low, student.low), max(7 + share.high, student.high)])
    rare = [0.0] * 15 + [2.0]
    share = stats.binomtest(1, 16).proportion_ci(method="exact")
    assert interval(rare)[1] == pytest.approx(2 * share.high)  # Student's ends below


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.0, 0.5, 1.0], [0.0, 0.25, 0.5]])
def test_what_only_looks_like_a_share_gets_students_interval(values):
    """Two seeds, or values between 0 and 1."""
    student = stats.ttest_1samp(values, 0.0).confidence_interval()
    assert interval(values) == pytest.approx([student.low, student.high])


def test_the_hull_scales_with_the_distance_of_the_two_values():
    common = [2.0] * 15 + [0.0]
    share = stats.binomtest(15, 16).proportion_ci(method="exact")
    assert interval(common)[0] == pytest.approx(2 * share.low)  # Student's begins above
    assert interval([x + 5 for x in common])[0] == pytest.approx(5 + 2 * share.low)


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0], [0.0] * 40])
def test_equal_values_say_nothing_of_their_spread(values):
    assert interval(values) is None
    assert all(math.isnan(end) for end in interval_ends(values))
    low, high = intervals(np.asarray([values]))
    assert low == [-math.inf] and high == [math.inf]


@settings(deadline=None)
@given(
    st.lists(
        st.integers(-1000, 1000).map(lambda x: x / 8), min_size=2, max_size=25
    ),  # no shift makes two of them equal
    st.floats(0.1, 10.0),
    st.floats(-50, 50),
)
def test_intervals_move_and_scale_with_their_values(values, scale, shift):
    if np.ptp(values) < 1e-3:
        return
    low, high = interval(values)
    moved = interval([scale * value + shift for value in values])
    if len(set(values)) == 2 and {0.0, 1.0} == set(values):
        return  # a share is read as one
    assert moved == pytest.approx([scale * low + shift, scale * high + shift], rel=1e-6, abs=1e-6 * scale * 100)
    assert low <= np.mean(values) + 1e-9 and high >= np.mean(values) - 1e-9


def test_more_seeds_notice_smaller_departures():
    visible = [power.detectable(1.0, seeds) for seeds in (2, 3, 5, 8, 16, 32, 200)]
    assert visible == sorted(visible, reverse=True)
    assert visible[-1] == pytest.approx((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / math.sqrt(200), rel=0.01)
    assert power.detectable(3.0, 8) == pytest.approx(3 * power.detectable(1.0, 8))


def test_seeds_needed_is_the_first_number_that_suffices():
    for departure in (0.1, 0.3, 1.0, 5.0):
        needed = power.seeds_needed(departure, 1.0)
        assert power.detectable(1.0, needed) <= departure
        assert needed == 2 or power.detectable(1.0, needed - 1) > departure
    assert power.seeds_needed(0.01, 1.0) is None  # some 80,000


def test_most_runs_take_six_equal_ones():
    assert [power.detectable_share(seeds) is None for seeds in (1, 3, 5, 6, 8)] == [True, True, True, False, False]
    assert power.seeds_needed_for_most(3, 3) == power.seeds_needed_for_most(0, 3) == 6
    assert power.seeds_needed_for_most(1, 2) is None
    needed = power.seeds_needed_for_most(3, 4)
    assert clopper_pearson(math.floor(0.75 * needed), needed)[0] > 0.5
    # the power of eight of eight, by enumeration: all eight must succeed, or seven of them do not suffice
    share = 0.5 + power.detectable_share(8)
    fewest = next(k for k in range(9) if clopper_pearson(k, 8)[0] > 0.5)
    chance = sum(math.comb(8, k) * share**k * (1 - share) ** (8 - k) for k in range(fewest, 9))
    assert chance == pytest.approx(0.8)
