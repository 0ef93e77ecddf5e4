"""Mixtures: where the modes are, and whether samples have the law they should.

Statistical tests use fixed seeds and reject a right sampler once in a thousand seeds each.
"""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist, pdist

from descent.problems.mixtures import Mixture, grid, ring
from descent.quiet import tf

FALSE_ALARM = 1e-3


def nearest(mixture, x):
    return cdist(x, mixture.centres).argmin(axis=1)


def test_the_grid_is_the_published_one():
    mixture = grid()
    assert {tuple(c) for c in mixture.centres} == {
        (x, y) for x in (-1.5, -0.5, 0.5, 1.5) for y in (-1.5, -0.5, 0.5, 1.5)
    }
    assert mixture.modes == 16
    assert mixture.std == 0.02


def test_the_ring_has_eight_distinct_modes():
    mixture = ring()
    assert mixture.modes == 8
    assert pdist(mixture.centres).min() == pytest.approx(2 * 2.0 * np.sin(np.pi / 8))  # the chord of an eighth
    np.testing.assert_allclose(np.linalg.norm(mixture.centres, axis=1), 2.0)
    np.testing.assert_allclose(mixture.centres.mean(axis=0), 0, atol=1e-15)
    angle = np.linspace(0, 2 * np.pi, 8)  # the common slip, which the distance above would catch
    assert pdist(np.stack([np.cos(angle), np.sin(angle)], axis=1)).min() < 1e-12


def test_stratified_batches_hold_sixteen_of_each_mode_in_the_order_of_the_centres():
    mixture = grid()
    modes = nearest(mixture, mixture.sample(3, 256, stratified=True).numpy())
    np.testing.assert_array_equal(modes, np.tile(np.arange(16), 16))


def test_otherwise_modes_are_drawn_evenly():
    counts = np.bincount(nearest(grid(), grid().sample(4, 16_000).numpy()), minlength=16)
    p = stats.chisquare(counts).pvalue
    assert p > FALSE_ALARM
    assert p < 1 - FALSE_ALARM  # too even would be stratified


@pytest.mark.parametrize("stratified", [False, True])
def test_around_their_centres_points_are_normal(stratified):
    mixture = ring(std=0.05)
    x = mixture.sample(5, 8000, stratified, tf.float64).numpy()
    z = (x - mixture.centres[nearest(mixture, x)]) / 0.05
    assert stats.kstest(z.ravel(), "norm").pvalue > FALSE_ALARM
    assert stats.pearsonr(*z.T).pvalue > FALSE_ALARM
    assert stats.kstest((z**2).sum(axis=1), "chi2", args=(2,)).pvalue > FALSE_ALARM


def test_one_seed_gives_the_sample():
    mixture = grid()
    np.testing.assert_array_equal(mixture.sample(7, 32), mixture.sample(tf.constant([7, 0]), 32))
    assert not np.isin(mixture.sample(8, 32), mixture.sample(7, 32)).any()
    assert mixture.sample(7, 32).dtype == tf.float32


def test_any_dimension():
    mixture = Mixture(np.eye(5) * 10, 0.1)
    x = mixture.sample(0, 50, stratified=True).numpy()
    assert x.shape == (50, 5)
    assert np.bincount(nearest(mixture, x)).tolist() == [10] * 5


def test_a_stratified_sample_must_divide():
    with pytest.raises(ValueError, match="same number from each of 16 modes, not 100"):
        grid().sample(0, 100, stratified=True)


def test_a_number_is_that_number_times_the_identity():
    round_ones, written_out = Mixture(np.eye(3), 0.3), Mixture(np.eye(3), 0.3 * np.eye(3))
    np.testing.assert_allclose(round_ones.sample(1, 30), written_out.sample(1, 30), rtol=1e-6)
    np.testing.assert_allclose(round_ones.covariance, written_out.covariance)
    np.testing.assert_allclose(round_ones.whiten(np.eye(3)), written_out.whiten(np.eye(3)))
    assert round_ones.std == pytest.approx(written_out.std) == pytest.approx(0.3)
