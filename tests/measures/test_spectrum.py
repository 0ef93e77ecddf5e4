import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import binomtest
from sklearn.decomposition import PCA

from descent.measures.modes import modes
from descent.measures.spectrum import eigenvalues, floor, marchenko_pastur_edges, within_mode_error
from descent.problems.mixtures import GOOD_SHARE, Mixture, gaussian_mixture, good_radius

N = 20000


@pytest.mark.parametrize("condition", [1.0, 30.0])
@pytest.mark.parametrize("dimension", [1, 2, 3, 8, 32, 128])
def test_exact_samples_are_good_with_the_same_probability_in_every_dimension(dimension, condition):
    """Exact binomial test; 12 cases at 1e-5 each, so a false alarm in 1.2e-4 of fresh seeds."""
    mixture = gaussian_mixture(4, dimension, "simplex" if dimension > 2 else "grid", condition, seed=1)
    good = modes(mixture.sample(5, N).numpy(), mixture).good
    assert pytest.approx(0.98889, abs=1e-5) == GOOD_SHARE
    assert binomtest(round(good * N), N, GOOD_SHARE).pvalue > 1e-5


def test_another_share_can_be_asked_for():
    mixture = gaussian_mixture(4, 16, seed=1)
    good = modes(mixture.sample(5, N).numpy(), mixture, good_radius(16, 0.5)).good
    assert binomtest(round(good * N), N, 0.5).pvalue > 1e-5


def test_three_standard_deviations_hold_nothing_in_many_dimensions():
    mixture = gaussian_mixture(4, 32, seed=1)
    planar = float(1 - np.exp(-4.5))
    x = mixture.sample(5, N).numpy()
    distance = np.linalg.norm(mixture.whiten(x)[:, None] - mixture.whiten(mixture.centres), axis=-1).min(1)
    assert np.mean(distance < 3) < 0.001
    assert modes(x, mixture).good == pytest.approx(planar, abs=0.01)


def test_modes_covered_and_missed():
    mixture = gaussian_mixture(8, 16, seed=2)
    x = mixture.sample(5, N).numpy()
    mode = np.linalg.norm(x[:, None] - mixture.centres, axis=-1).argmin(1)
    found = modes(x, mixture)
    assert found.quarter == found.any == 8
    assert modes(x[mode < 3], mixture).quarter == 3
    assert modes(x[mode < 3], mixture).reverse_kl == pytest.approx(np.log(8 / 3), abs=0.01)
    assert modes(1.5 * x, mixture).good < 0.01


def test_wider_radius():
    mixture = gaussian_mixture(4, 8, seed=2)
    inflated = mixture.centres[np.arange(N) % 4] + 1.6 * np.random.default_rng(0).normal(size=(N, 8)) @ mixture.factor.T
    assert modes(inflated, mixture).good < 0.7
    assert modes(inflated, mixture, 2 * good_radius(8)).good == pytest.approx(1.0, abs=1e-3)


def test_eigenvalues_are_those_of_principal_components():
    x = np.random.default_rng(0).normal(size=(500, 20)) @ np.diag(np.arange(1.0, 21)) + 3
    np.testing.assert_allclose(eigenvalues(x), PCA().fit(x).explained_variance_, rtol=1e-10)


def test_known_covariance_is_found():
    """Eigenvalues of a wide-gapped spectrum, each within six of its asymptotic standard errors sqrt(2 / n) lambda."""
    true = np.array([100.0, 10.0, 1.0])
    mixture = Mixture(np.zeros((1, 3)), np.diag(np.sqrt(true)))
    found = eigenvalues(mixture.sample(1, N).numpy())
    np.testing.assert_allclose(found, true, rtol=6 * np.sqrt(2 / N))


def test_marchenko_pastur_edges_bound_an_exact_samplers_spectrum():
    """Largest and smallest eigenvalue within a tenth of the band's width (over ten Tracy-Widom scales) of the edges."""
    d, n = 75, 10000
    low, high = marchenko_pastur_edges(d, n)
    assert (low, high) == pytest.approx(((1 - np.sqrt(d / n)) ** 2, (1 + np.sqrt(d / n)) ** 2))
    spectrum = eigenvalues(np.random.default_rng(1).normal(size=(n, d)))
    slack = 0.1 * (high - low)
    assert spectrum[-1] == pytest.approx(low, abs=slack)
    assert spectrum[0] == pytest.approx(high, abs=slack)
    with pytest.raises(ValueError, match="take at least 75"):
        marchenko_pastur_edges(75, 64)


def test_within_mode_error_of_known_spreads():
    mixture = gaussian_mixture(4, 10, condition=9.0, seed=3)
    draws = np.random.default_rng(0)
    at = mixture.centres[np.arange(N) % 4]
    noise = draws.normal(size=(N, 10)) @ mixture.factor.T
    assert within_mode_error(at, mixture) == pytest.approx(1.0)
    assert within_mode_error(at + noise, mixture) == pytest.approx(np.sqrt(10 / N) / 2, rel=0.25)
    assert within_mode_error(at + 1.5 * noise, mixture) == pytest.approx(0.5, abs=0.01)


def test_within_mode_error_is_the_wasserstein_distance_of_gaussians():
    mixture = Mixture(np.zeros((1, 4)), np.eye(4))
    x = np.random.default_rng(0).normal(size=(1000, 4)) @ np.array(
        [[2, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0.1, 0], [0, 0, 0, 1]]
    )
    covariance = x.T @ x / len(x)
    w2 = np.trace(covariance + np.eye(4) - 2 * np.real(sqrtm(covariance)))
    assert within_mode_error(x, mixture) == pytest.approx(np.sqrt(w2 / 4), rel=1e-9)


def test_floor_is_of_exact_samples_and_repeatable():
    mixture = gaussian_mixture(4, 8, seed=3)
    values = floor(lambda x: within_mode_error(x, mixture), mixture, 2000, repeats=4, seed=1)
    assert len(set(values)) == 4
    np.testing.assert_allclose(values, np.sqrt(8 / 2000) / 2, rtol=0.35)
    np.testing.assert_array_equal(values, floor(lambda x: within_mode_error(x, mixture), mixture, 2000, 4, 1))
