import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.stats import chi2

from descent.problems.mixtures import Mixture, gaussian_mixture, good_radius, unit_means


def nearest(points):
    return pdist(points).min()


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 12), st.integers(0, 8), st.integers(0, 100))
def test_simplex_is_regular(modes, surplus, seed):
    points = unit_means(modes, modes - 1 + surplus, "simplex", np.random.default_rng(seed))
    assert points.shape == (modes, modes - 1 + surplus)
    np.testing.assert_allclose(pdist(points), 1.0, atol=1e-12)
    np.testing.assert_allclose(points.mean(0), 0.0, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 8), st.integers(2, 16), st.integers(0, 100))
def test_orthogonal_means_are_orthogonal_or_opposite(dimension, modes, seed):
    modes = min(modes, 2 * dimension)
    points = unit_means(modes, dimension, "orthogonal", np.random.default_rng(seed))
    cosines = points @ points.T / np.sum(points[0] ** 2)
    np.testing.assert_allclose(cosines, np.round(cosines), atol=1e-12)
    assert np.linalg.matrix_rank(points) == (modes + 1) // 2
    assert nearest(points) == pytest.approx(1.0)


@pytest.mark.parametrize(("modes", "dimension"), [(4, 2), (16, 2), (64, 2), (9, 3), (16, 8), (64, 128), (2, 1), (5, 1)])
def test_grid_has_unit_spacing(modes, dimension):
    points = unit_means(modes, dimension, "grid", np.random.default_rng(3))
    assert points.shape == (modes, dimension)
    assert nearest(points) == pytest.approx(1.0)


def test_sixteen_in_the_plane_are_the_published_grid():
    points = unit_means(16, 2, "grid", np.random.default_rng(0))
    axis = np.array([-1.5, -0.5, 0.5, 1.5])
    square = np.array([(x, y) for x in axis for y in axis])
    np.testing.assert_allclose(np.sort(pdist(points)), np.sort(pdist(square)), atol=1e-12)


def test_what_does_not_fit_is_refused_with_the_fix():
    with pytest.raises(ValueError, match="a simplex of 16 modes needs 15 dimensions, not 8: take means='grid'"):
        gaussian_mixture(16, 8, "simplex")
    with pytest.raises(ValueError, match="17 modes need 9 orthogonal directions, not 8"):
        gaussian_mixture(17, 8, "orthogonal")
    with pytest.raises(ValueError, match="'simplex', 'orthogonal' or 'grid', got 'ring'"):
        gaussian_mixture(4, 2, "ring")


@pytest.mark.parametrize(
    ("modes", "dimension", "means", "condition"),
    [(4, 8, "simplex", 1.0), (6, 3, "orthogonal", 25.0), (64, 2, "grid", 4.0), (1, 5, "simplex", 1.0)],
)
def test_standardised_and_conditioned(modes, dimension, means, condition):
    mixture = gaussian_mixture(modes, dimension, means, condition, gap=1.5, seed=2)
    assert np.trace(mixture.covariance) == pytest.approx(dimension)
    np.testing.assert_allclose(mixture.centres.mean(0), 0, atol=1e-12)
    variances = np.linalg.eigvalsh(mixture.factor @ mixture.factor.T)
    assert variances.max() / variances.min() == pytest.approx(condition)
    if modes > 1:  # neighbours are 1.5 diameters of the widest axis apart: 3 radii
        assert nearest(mixture.centres) == pytest.approx(3 * good_radius(dimension) * np.sqrt(variances.max()))


def test_good_radius_is_three_in_the_plane():
    assert good_radius(2) == pytest.approx(3.0)
    assert chi2.cdf(good_radius(100, 0.9) ** 2, 100) == pytest.approx(0.9)


def test_whitened_modes_are_round():
    mixture = gaussian_mixture(4, 5, "simplex", 30.0, seed=1)
    np.testing.assert_allclose(mixture.whiten(mixture.factor.T), np.eye(5), atol=1e-9)


def test_samples_have_the_law():
    """Mean and covariance to six standard errors: 5 + 15 numbers, false alarm below 1e-7."""
    n = 40000
    mixture = gaussian_mixture(6, 5, "orthogonal", 9.0, seed=4)
    x = mixture.sample(7, n).numpy().astype(float)
    np.testing.assert_allclose(x.mean(0), 0, atol=6 * np.sqrt(np.diag(mixture.covariance).max() / n))
    products = np.einsum("ni,nj->nij", x, x)
    error = np.abs(products.mean(0) - mixture.covariance) / (products.std(0) / np.sqrt(n))
    assert error.max() < 6


def test_same_seed_same_samples_and_modes_are_even():
    mixture = Mixture(10.0 * np.eye(4), 0.01 * np.eye(4))
    x, again = mixture.sample(3, 4000).numpy(), mixture.sample(np.array([3, 0]), 4000).numpy()
    np.testing.assert_array_equal(x, again)
    counts = np.bincount(x.argmax(1))
    assert np.sum((counts - 1000) ** 2 / 1000) < chi2.ppf(1 - 1e-6, 3)
