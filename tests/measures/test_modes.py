"""Measures on samples against exact samplers, closed forms, SciPy, and sums written out.

Statistical tests use fixed seeds; FALSE_ALARM is how often each would reject a right measure over all seeds.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from descent.measures.modes import exact_good, mmd_squared, modes, sliced_w1
from descent.problems.mixtures import grid, ring
from descent.quiet import tf

FALSE_ALARM = 1e-3
GRID = grid()


def exact(seed, n=2560, mixture=GRID, **kwargs):
    return mixture.sample(tf.constant([seed, 17]), n, **kwargs).numpy()


# Modes


def test_exact_samples_are_good_as_often_as_the_closed_form_says():
    assert exact_good() == pytest.approx(1 - np.exp(-4.5), rel=1e-14)
    assert exact_good(1) == pytest.approx(0.9973002, abs=1e-7)  # the three sigmas of a line
    good = round(modes(exact(0, 40_000), GRID).good * 40_000)
    assert stats.binomtest(good, 40_000, exact_good()).pvalue > FALSE_ALARM
    assert stats.binomtest(40_000, 40_000, exact_good()).pvalue < 1e-9  # 1 would not have passed


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 40), min_size=8, max_size=8).filter(any), st.integers(0, 100))
def test_counts_and_divergence_of_samples_put_where_we_choose(counts, astray):
    mixture = ring()
    x = np.concatenate([np.repeat(mixture.centres, counts, axis=0), np.zeros((astray, 2))])
    found = modes(x, mixture)
    np.testing.assert_array_equal(found.counts, counts)
    assert found.good == pytest.approx(sum(counts) / len(x))
    assert found.any == np.count_nonzero(counts)
    assert found.quarter == sum(4 * 8 * c >= len(x) for c in counts)
    assert found.reverse_kl == pytest.approx(stats.entropy(counts, np.ones(8)), abs=1e-12)


@pytest.mark.parametrize(("reach", "good"), [(2.999, 1.0), (3.001, 0.0)])
def test_three_standard_deviations_along_the_radius_are_the_limit(reach, good):
    x = GRID.centres + reach * GRID.std * np.array([0.6, -0.8])
    assert modes(x, GRID).good == good
    assert modes(x, GRID, radius=4).good == 1.0


def test_nothing_good_is_as_bad_as_one_mode():
    nothing, one = modes(np.zeros((10, 2)), GRID), modes(np.tile(GRID.centres[3], (10, 1)), GRID)
    assert nothing[1:4] == (0.0, 0, 0)
    assert one[1:4] == (1.0, 1, 1)
    assert nothing.reverse_kl == one.reverse_kl == pytest.approx(np.log(16))


def test_uniform_noise_passes_the_lax_rule_and_not_the_strict_one():
    noise = modes(np.random.default_rng(0).uniform(-2, 2, (2560, 2)), GRID)
    # each mode's disc is hit 1.8 times on average, so 16 (1 - exp(-1.8)) = 13.4 of the modes
    assert noise.any >= 11
    assert noise.quarter == 0
    assert noise.good < 0.02


def test_reverse_kl_of_exact_samples_has_the_mean_that_is_stated():
    values = [modes(x, GRID).reverse_kl for x in np.split(exact(1, 800 * 1600), 800)]
    assert stats.ttest_1samp(values, 15 / (2 * 1600 * exact_good())).pvalue > FALSE_ALARM
    assert stats.ttest_1samp(values, 16 / (2 * 1600 * exact_good())).pvalue < FALSE_ALARM  # K for K - 1 is noticed


# Maximum mean discrepancy


def gaussian_mmd(shift, s, t, h, d):
    """MMD^2 of N(0, s^2 I) and N(shift, t^2 I) in d dimensions under a Gaussian kernel of width h."""

    def mean_kernel(distance, variance):
        return (h**2 / (h**2 + variance)) ** (d / 2) * np.exp(-(distance**2) / (2 * (h**2 + variance)))

    return mean_kernel(0, 2 * s**2) + mean_kernel(0, 2 * t**2) - 2 * mean_kernel(shift, s**2 + t**2)


@pytest.mark.parametrize(
    ("shift", "s", "t", "bandwidths", "d"),
    [(0.8, 1, 1, [1.0], 1), (0.0, 1, 1.6, [0.7], 2), (1.0, 0.5, 1, [0.3, 1.0, 3.0], 3)],
)
def test_mmd_is_unbiased_for_gaussian_laws(shift, s, t, bandwidths, d):
    rng = np.random.default_rng(1)
    truth = np.mean([gaussian_mmd(shift, s, t, h, d) for h in bandwidths])
    estimates = [
        mmd_squared(rng.normal(0, s, (40, d)), rng.normal(shift / np.sqrt(d), t, (60, d)), bandwidths)
        for _ in range(400)
    ]
    assert stats.ttest_1samp(estimates, truth).pvalue > FALSE_ALARM
    assert abs(truth) > 5 * stats.sem(estimates)  # so it would have noticed an estimate of nothing


def test_mmd_of_exact_samples_from_one_law_has_mean_zero():
    bandwidths = (0.1, 0.3, 1.0)
    estimates, biased = [], []
    for k in range(100):
        x, y = exact(2 * k, 128), exact(2 * k + 1, 128)
        estimates.append(mmd_squared(x, y, bandwidths))
        # the biased statistic keeps each point's kernel with itself, which is 1
        own = 1 / 128
        within = [np.mean([np.exp(-cells(a) / (2 * h**2)).mean() for h in bandwidths]) for a in (x, y)]
        biased.append(estimates[-1] + sum(w - (w - own) / (1 - own) for w in within))
    assert stats.ttest_1samp(estimates, 0).pvalue > FALSE_ALARM
    assert stats.ttest_1samp(biased, 0).pvalue < 1e-12  # it would have been noticed


def cells(a):
    return ((a[:, None] - a[None]) ** 2).sum(axis=-1)


def test_mmd_is_the_sum_written_out():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(5, 2)), rng.normal(size=(4, 2))

    def mean(pairs):
        return np.mean([np.mean([np.exp(-np.sum((a - b) ** 2) / (2 * h * h)) for h in (0.5, 2)]) for a, b in pairs])

    off = [[(a, b) for i, a in enumerate(u) for j, b in enumerate(u) if i != j] for u in (x, y)]
    expected = mean(off[0]) + mean(off[1]) - 2 * mean([(a, b) for a in x for b in y])
    assert mmd_squared(x, y, (0.5, 2)) == pytest.approx(expected, rel=1e-12)
    assert mmd_squared(x.astype(np.float32), y, (0.5, 2)) == pytest.approx(expected, rel=1e-6)


# Sliced Wasserstein distance


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 30))
def test_on_a_line_the_sliced_distance_is_scipys(seed, n):
    x, y = np.random.default_rng(seed).normal(size=(2, n, 1))
    assert sliced_w1(x, y) == pytest.approx(stats.wasserstein_distance(x.ravel(), y.ravel()))


def test_in_the_plane_it_is_the_mean_of_scipys_over_angles():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(40, 2)), rng.normal(0.5, 2, size=(40, 2))
    angles = np.linspace(0, np.pi, 3000, endpoint=False)
    expected = np.mean(
        [stats.wasserstein_distance(x @ [np.cos(a), np.sin(a)], y @ [np.cos(a), np.sin(a)]) for a in angles]
    )
    assert sliced_w1(x, y) == pytest.approx(expected, rel=1e-4)
    quarter = np.array([[0, 1], [-1, 0]])
    assert sliced_w1(x @ quarter, y @ quarter) == pytest.approx(sliced_w1(x, y), rel=1e-12)


@pytest.mark.parametrize(("d", "share", "spread"), [(2, 2 / np.pi, 0.0), (3, 1 / 2, 1 / np.sqrt(12))])
def test_a_shift_costs_its_mean_projection(d, share, spread):
    # |cos| of the angle to a random direction: mean 2/pi in the plane; uniform on (0, 1) in space, where directions are
    # drawn and 5 standard errors allowed
    x = np.random.default_rng(4).normal(size=(20, d))
    shift = 3.0 * np.eye(d)[0]
    assert sliced_w1(x, x + shift) == pytest.approx(3 * share, abs=15 * spread / 16 + 1e-4)


def test_samples_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="one size; got 3 and 4"):
        sliced_w1(np.zeros((3, 2)), np.zeros((4, 2)))


# What can't be measured


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused_in_one_line(bad):
    x = np.zeros((4, 2))
    x[1, 0] = bad
    for measure in (lambda: modes(x, GRID), lambda: mmd_squared(x, x, [1.0]), lambda: sliced_w1(np.zeros((4, 2)), x)):
        with pytest.raises(ValueError, match=r"^[a-z_1]+: 1 of 4 samples are not finite: the run has diverged$"):
            measure()
    x[2, 0] = bad  # samples are counted, not coordinates
    with pytest.raises(ValueError, match="2 of 4 samples"):
        modes(x, GRID)


def test_too_few_samples_and_no_bandwidth_are_refused():
    one, two = np.zeros((1, 2)), np.zeros((2, 2))
    for x, y in ((one, two), (two, one)):
        with pytest.raises(ValueError, match=r"mmd_squared: needs an array \[n, d\] with n >= 2; got shape \(1, 2\)"):
            mmd_squared(x, y, [1.0])
    for bandwidths in ([], [0.0], [1.0, -1.0]):
        with pytest.raises(ValueError, match="mmd_squared: bandwidths are positive"):
            mmd_squared(two, two, bandwidths)
    for measure in (lambda: modes(one[:0], GRID), lambda: sliced_w1(one[:0], one[:0])):
        with pytest.raises(ValueError, match="with n >= 1"):
            measure()
