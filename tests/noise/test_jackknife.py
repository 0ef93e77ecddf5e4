"""Standard errors: exact for a mean, honest for the estimators of alpha, including those of quantiles."""

import numpy as np
import pytest

from descent.noise.alpha_stable import sample
from descent.noise.jackknife import delete_group_jackknife
from descent.noise.log_moments import log_variance
from descent.noise.quantiles import mcculloch
from descent.noise.spectral import kogon_williams


def test_for_a_mean_it_is_the_standard_error_of_the_group_means():
    x = np.random.default_rng(0).normal(size=(120, 3))
    estimate, error = delete_group_jackknife(lambda v: v.mean(axis=0), x, groups=12)
    groups = x.reshape(12, 10, 3).mean(axis=1)
    np.testing.assert_allclose(estimate, x.mean(axis=0))
    np.testing.assert_allclose(error, groups.std(axis=0, ddof=1) / np.sqrt(12))


@pytest.mark.parametrize("estimator", [kogon_williams, log_variance, mcculloch])
def test_errors_are_as_large_as_the_estimates_spread(estimator):
    # 20 groups give each error to 16 per cent, 200 columns give both sides to about 5: a third is beyond 4 s.d.
    x = sample(1, [2_000, 200], 1.5).numpy()
    estimates, errors = delete_group_jackknife(estimator, x)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(estimates.std(), rel=1 / 3)


@pytest.mark.parametrize(("n", "groups"), [(10, 6), (10, 1)])
def test_too_few_observations(n, groups):
    with pytest.raises(ValueError, match="groups"):
        delete_group_jackknife(np.mean, np.arange(n), groups)
