"""McCulloch against SciPy's start values and exact quantiles; Hill against pure power tails."""

import numpy as np
import pytest
from scipy import stats

from descent.noise.alpha_stable import sample
from descent.noise.quantiles import ALPHA, hill, mcculloch

GRID = (np.arange(20_001) + 0.5) / 20_001


@pytest.mark.parametrize(("alpha", "beta"), [(0.8, 0.3), (1.2, -0.6), (1.5, 0.0), (1.9, 1.0), (2.0, 0.0)])
def test_mcculloch_is_scipys_start_value(alpha, beta):
    x = sample(1, [20_001], alpha, beta).numpy()
    assert mcculloch(x) == pytest.approx(stats.levy_stable._fitstart(x)[0], abs=1e-3)


def test_mcculloch_on_exact_quantiles():
    assert mcculloch(stats.norm.ppf(GRID)) == pytest.approx(2, abs=1e-3)
    assert mcculloch(stats.cauchy.ppf(GRID)) == pytest.approx(1, abs=0.01)  # the table is linear between entries
    assert mcculloch(stats.uniform.ppf(GRID)) == 2  # lighter than any stable law: the table's end


def test_mcculloch_by_columns_and_by_location_and_scale():
    x = sample(2, [501, 2, 3], 1.4, 0.5).numpy()
    estimates = mcculloch(x)
    assert estimates.shape == (2, 3)
    np.testing.assert_allclose(estimates[1, 2], mcculloch(x[:, 1, 2]))
    np.testing.assert_allclose(mcculloch(5 - 3 * x), estimates)


@pytest.mark.parametrize("tail", [0.8, 1.5, 3.0])
def test_hill_on_pareto_tails(tail):
    # Each of 50 estimates has standard error tail/sqrt(k); their mean is within 4.5 of its own (false alarm 1e-5).
    x = stats.pareto.rvs(tail, size=(20_000, 50), random_state=1)
    x *= np.random.default_rng(2).choice([-1, 1], x.shape)
    inverse = 1 / hill(x, 0.05)
    assert inverse.shape == (50,)
    assert inverse.mean() == pytest.approx(1 / tail, abs=4.5 / tail / np.sqrt(1000 * 50))
    assert inverse.std() == pytest.approx(1 / tail / np.sqrt(1000), rel=0.5)


def test_hill_is_the_formula():
    x = np.array([*np.linspace(0.1, 1, 16), -2.0, 3.0, 5.0, -8.0])
    assert hill(x, 0.2) == pytest.approx(1 / np.mean(np.log(np.array([8, 5, 3, 2]) / 1.0)))


def test_hill_misreads_stable_laws_near_two():
    assert hill(sample(1, [10_000], 1.8).numpy()) > 2.4  # and so it is no test of alpha < 2


@pytest.mark.parametrize(
    ("estimator", "x", "words"),
    [
        (mcculloch, np.arange(9.0), "at least 20"),
        (mcculloch, [0.0] * 80 + [1.0] * 20, "quartiles coincide"),
        (hill, np.arange(9.0), "at least 20"),
        (hill, [0.0] * 99 + [1.0], "begin at 0"),
        (hill, [*np.linspace(0, 1, 80), *[2.0] * 20], "all equal"),
        (hill, [np.inf, *np.arange(30.0)], "infinite"),
    ],
)
def test_bad_samples_are_errors(estimator, x, words):
    with pytest.raises(ValueError, match=words):
        estimator(x)


@pytest.mark.parametrize("fraction", [0.0, 0.01, 1.0])
def test_a_tail_of_fewer_than_two_is_an_error(fraction):
    with pytest.raises(ValueError, match="fraction"):
        hill(np.arange(1.0, 101), fraction)


def test_the_table_s_entries_lie_between_their_neighbours():
    """A heavier tail is a smaller alpha, all along; asymmetry lowers it, but for bumps of a few thousandths near 2."""
    assert np.all(np.diff(ALPHA, axis=0) < 0) and np.all(np.abs(np.diff(ALPHA, axis=0)) < 0.25)
    assert np.all(np.diff(ALPHA, axis=1) < 0.02)
    for axis in (0, 1):
        bends = np.diff(np.log(ALPHA), 2, axis=axis)
        assert np.all(np.abs(bends) < 0.12), np.abs(bends).max()
