"""The mixture's data, lanes and best subsets, against least squares written out and SciPy."""

import numpy as np
import pytest
from scipy import optimize

from descent.experiments.differentiable_sparsification import measured, mixture
from descent.experiments.differentiable_sparsification.mixture import Paths
from descent.experiments.differentiable_sparsification.subsets import best_subsets


@pytest.fixture(scope="module")
def data():
    return mixture.draw(8, 200, 0.1, [3, 4, 5])


def test_moments_give_the_error_of_the_truth(data):
    """The error at the truth is the mean of 200 squares of normal noise of variance .01: within 5 standard errors."""
    for moments in ((data.gram, data.moment, data.square), data.held):
        errors = measured.errors(np.tile(data.truth, (3, 1)), moments)
        assert np.all(np.abs(errors - 0.01) < 5 * 0.01 * np.sqrt(2 / 200))
        assert np.allclose(measured.errors(np.zeros((3, 8)), moments), moments[2])
    assert not np.allclose(data.gram[0], data.gram[1]) and not np.allclose(data.gram[0], data.held[0][0])


@pytest.mark.parametrize("method", list(mixture.METHODS))
def test_every_method_goes_downhill_and_only_some_find_zeros(data, method):
    paths = mixture.train(data, method, 200, count=2, every=100)
    assert paths.weights.shape == (3, 2, 3, 8) and paths.settings.shape == (2, 2)
    errors = measured.errors(paths.weights, (data.gram, data.moment, data.square))
    assert np.all(errors[-1, 0] < 0.6 * errors[0, 0])
    if method in ("softmax", "subgradient"):
        assert np.all(paths.ends != 0.0)
    assert np.isfinite(paths.tau).all() == (method in ("threshold", "surrogate"))


@pytest.mark.parametrize("method", ["threshold", "sparsemax", "softmax", "str", "gates", "proximal", "subgradient"])
def test_a_larger_penalty_leaves_less_of_what_it_is_on(data, method):
    """Concentration, for shares; the sum of sizes, for weights that may shrink."""
    ends = mixture.train(data, method, 300, count=2, every=300).ends
    size = (ends**0.5).sum(-1) if method in ("threshold", "sparsemax", "softmax") else np.abs(ends).sum(-1)
    assert np.all(size[1] < size[0])


def test_lanes_do_not_touch_each_other(data):
    """A lane's end is the same beside others and alone, to the rounding of batched products."""
    all_lanes = mixture.train(data, "threshold", 60, count=3).ends
    (one,) = (mixture.draw(8, 200, 0.1, [4]),)
    alone = mixture.train(one, "threshold", 60, count=3).ends
    np.testing.assert_allclose(all_lanes[:, 1], alone[:, 0], atol=2e-5)


def test_a_frozen_threshold_stays_and_bounds_the_support(data):
    paths = mixture.train(data, "threshold", 100, frozen=[0.01, 0.3], unpenalised=True)
    np.testing.assert_allclose(paths.tau[:, 0], 0.01, rtol=1e-5)
    np.testing.assert_array_equal(paths.settings, [[0.01, 0], [0.3, 0]])


def test_best_subsets_by_sequential_quadratic_programming(data):
    gram, moment, square = data.gram[0][:5, :5], data.moment[0][:5], data.square[0]
    found = best_subsets(gram, moment, square)
    whole = optimize.minimize(
        lambda a: square + a @ gram @ a - 2 * a @ moment,
        np.full(5, 0.2),
        bounds=[(0, None)] * 5,
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-15},
    )
    assert found[-1] == pytest.approx(whole.fun, rel=1e-6)
    assert found[0] == pytest.approx((square + np.diag(gram) - 2 * moment).min())
    assert np.all(np.diff(found) <= 0)
    with pytest.raises(ValueError, match="look at 16 components at most"):
        best_subsets(np.eye(17), np.zeros(17), 0.0)


def test_f1_and_the_choice_by_other_seeds(data):
    weights = np.zeros((2, 3, 8))
    weights[0, :, :5] = mixture.TRUE  # right for all seeds
    weights[1, :, 0] = 1.0
    paths = Paths(np.array([[np.nan, 1.0], [np.nan, 2.0]]), weights[None], np.ones((2, 3)), np.ones((1, 2, 3)))
    np.testing.assert_array_equal(measured.chosen(paths, data), weights[0])
    np.testing.assert_allclose(measured.f1(weights[:, 0], data.truth), [1, 2 / 6])
    assert np.all(measured.over_best_subset(paths, data) > 0)


def test_a_broken_run_is_not_chosen(data):
    weights = np.zeros((1, 2, 3, 8))
    weights[0, 0] = np.nan
    weights[0, 1, :, 0] = 1.0
    paths = Paths(np.ones((2, 2)), weights, np.ones((2, 3)), np.ones((1, 2, 3)))
    np.testing.assert_array_equal(measured.chosen(paths, data), weights[0, 1])
