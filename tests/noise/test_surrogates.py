"""Gaussian surrogates have the covariance they claim; the anatomy of a reading finds what was put in."""

import numpy as np
import pytest

from descent.noise.alpha_stable import sample
from descent.noise.log_moments import mohammadi
from descent.noise.surrogates import anatomy, gaussian_surrogate

RNG = np.random.default_rng(0)
SCALES = np.exp(RNG.normal(size=60))
MIXING = RNG.normal(size=(60, 60)) / 8 + np.eye(60)


def gaussian(vectors, correlated):
    return np.random.default_rng(1).normal(size=(vectors, 60)) @ (MIXING if correlated else np.eye(60)) * SCALES


def test_the_full_surrogate_has_the_samples_covariance():
    noise = 5 + gaussian(40, True)
    pooled = np.concatenate([gaussian_surrogate(noise, seed) for seed in range(400)])
    expected = np.cov(noise.T)
    # 16,000 vectors: each entry to sqrt(2/16000) = .011 of its s.d. product; 3,600 entries, 5.5 s.d.
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs((np.cov(pooled.T) - expected) / size).max() < 0.062
    assert np.abs(pooled.mean(axis=0) / np.sqrt(np.diag(expected))).max() < 5 / np.sqrt(16_000)


def test_the_diagonal_surrogate_keeps_scales_and_drops_correlation():
    noise = gaussian(2_000, True)
    surrogate = gaussian_surrogate(noise, 3, "diagonal")
    np.testing.assert_allclose(surrogate.std(axis=0), noise.std(axis=0), rtol=0.1)
    off = np.corrcoef(surrogate.T) - np.eye(60)
    assert np.abs(off).max() < 5.5 / np.sqrt(2_000)


def test_one_seed_gives_the_surrogate_and_another_word_is_an_error():
    noise = gaussian(30, True)
    np.testing.assert_array_equal(gaussian_surrogate(noise, 3), gaussian_surrogate(noise, 3))
    with pytest.raises(ValueError, match="diagonal"):
        gaussian_surrogate(noise, 3, "banded")


@pytest.mark.parametrize("correlated", [False, True])
def test_a_gaussian_is_explained_whole(correlated):
    noise = gaussian(20_000, correlated)
    parts = anatomy(noise, 20)
    covariance = SCALES[:, None] * MIXING.T @ MIXING * SCALES if correlated else np.diag(SCALES**2)
    sums = np.array([covariance[k : k + 20, k : k + 20].sum() for k in (0, 20, 40)])
    expected = 0.5 * np.log(sums / 20).mean() - 0.5 * np.log(np.diag(covariance)).mean()
    assert parts.scales + parts.correlation == pytest.approx(expected, abs=0.02)
    assert parts.shape == pytest.approx(0, abs=0.03)
    assert parts.gaussian_alpha == pytest.approx(parts.alpha, abs=0.03)
    assert parts.gaussian_share == pytest.approx(1, abs=0.1)
    if not correlated:
        assert parts.correlation == pytest.approx(0, abs=0.03)


def test_the_parts_add_up_to_the_reading():
    noise = sample(2, [500, 60], 1.6).numpy() * SCALES
    parts = anatomy(noise, 10)
    assert parts.alpha == mohammadi((noise - noise.mean(axis=0)).reshape(-1), 10)
    total = 0.5 + (parts.scales + parts.correlation + parts.shape) / np.log(10)
    assert total == pytest.approx(1 / parts.alpha)


def test_heavy_tails_are_left_in_shape():
    # Independent t with 5 degrees of freedom and equal scales: nothing for scales or correlation to explain.
    noise = np.random.default_rng(3).standard_t(5, size=(20_000, 60))
    parts = anatomy(noise, 10)
    assert parts.shape > 0.03
    assert abs(parts.scales) + abs(parts.correlation) < 0.02


def test_coordinates_that_fill_no_block_are_left_out():
    noise = gaussian(30, True)
    assert anatomy(noise, 25) == anatomy(noise[:, :50], 25)


@pytest.mark.parametrize("block", [1, 61])
def test_a_block_that_fits_no_vector_is_an_error(block):
    with pytest.raises(ValueError, match="number of coordinates, 60"):
        anatomy(gaussian(30, False), block)
