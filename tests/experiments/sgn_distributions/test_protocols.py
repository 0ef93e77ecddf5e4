"""Readings of noise made to order: Gaussian, correlated, truly heavy, and half dead."""

import numpy as np
import pytest

from descent.experiments.sgn_distributions.pooled_limits import zeros_reading
from descent.experiments.sgn_distributions.protocols import low_median, per_coordinate, published, readings
from descent.noise.alpha_stable import sample
from descent.noise.log_moments import PUBLISHED_FLOOR

MIXING = np.random.default_rng(0).normal(size=(200, 200)) / 20 + np.diag(
    np.exp(np.random.default_rng(1).normal(size=200))
)


def test_gaussian_vectors_read_like_their_stand_ins_however_mixed():
    found = readings(np.random.default_rng(2).normal(size=(1000, 200)) @ MIXING, seed=3)
    assert found.pooled < 1.85  # fooled by scales
    # 500 sums: each reading has a standard error near .024, their difference .034; four of these.
    assert found.pooled == pytest.approx(found.pooled_gaussian, abs=0.14)
    assert found.median == pytest.approx(2, abs=0.02) and found.median_gaussian == pytest.approx(2, abs=0.02)
    # 200 directions at the 5% level, dependent where they overlap: below 15% but once in 1e5.
    assert found.projections_rejected < 0.15 and 0 < found.projections_rejected_gaussian < 0.15
    assert abs(found.kurtosis) < 0.05 and found.dead == 0


def test_truly_stable_coordinates_are_found_out():
    found = readings(sample(1, [1000, 200], 1.5).numpy(), seed=3)
    assert found.median == pytest.approx(1.5, abs=0.03)
    assert found.median_gaussian > 1.9
    assert found.projections_rejected > 0.95 and found.projections_rejected_gaussian < 0.15
    assert np.isfinite(found.coordinates).all()


def test_correlation_fools_the_pooled_reading_after_standardising_too():
    common = np.random.default_rng(4).normal(size=(1000, 1))
    found = readings(0.3 * common + np.random.default_rng(5).normal(size=(1000, 200)), seed=3)
    assert found.pooled_standardised < 1.7 and found.pooled_diagonal > 1.9
    assert found.median == pytest.approx(2, abs=0.02)


def test_dead_coordinates_stay_dead_in_the_stand_ins():
    noise = np.random.default_rng(6).normal(size=(1000, 200))
    noise[:, ::10] = 0.0
    found = readings(noise, seed=3)
    assert found.dead == pytest.approx(0.1)
    assert len(found.coordinates) == 180
    # 200,000 values make K1 = 400; the estimate's standard error is near .03.
    assert found.pooled == pytest.approx(zeros_reading(0.1, PUBLISHED_FLOOR, 400), abs=0.1)
    assert found.pooled_gaussian == pytest.approx(found.pooled, abs=0.1)
    assert found.pooled_standardised > 1.8
    noise[:, ::10] = 7.0  # never varied in the sample: as dead as zero
    assert readings(noise, seed=3).pooled == found.pooled


def test_the_published_reading_is_the_repositorys():
    noise = np.random.default_rng(7).normal(size=(12, 10))
    x, block = noise.reshape(-1), 10
    sums = np.log(np.abs(x.reshape(-1, block).sum(1)) + PUBLISHED_FLOOR).mean()
    assert published(noise) == pytest.approx(np.log(block) / (sums - np.log(np.abs(x) + PUBLISHED_FLOOR).mean()))


def test_a_coordinate_that_is_mostly_one_number_counts_as_lowest():
    noise = np.random.default_rng(8).normal(size=(500, 3))
    noise[:400, 1] = 0.25
    estimates = per_coordinate(noise)
    assert np.isnan(estimates[1]) and np.isfinite(estimates[[0, 2]]).all()
    assert low_median(estimates) == min(estimates[0], estimates[2])
    assert low_median(np.array([np.nan, np.nan, 2.0])) == 0.0
