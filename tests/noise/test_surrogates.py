"""Gaussian surrogates have the covariance they claim."""

import numpy as np
import pytest

from descent.noise.surrogates import gaussian_surrogate

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
