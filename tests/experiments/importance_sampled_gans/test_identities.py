"""What can be gained, against other integrals and a closed form."""

import numpy as np
import pytest
from scipy import integrate
from scipy.stats import chi

from descent.experiments.importance_sampled_gans import exact


@pytest.mark.parametrize("latent", [1, 2, 16])
def test_ceiling_of_a_linear_generator_is_that_of_an_integral_over_the_radius(latent):
    mean = integrate.quad(lambda r: np.sqrt(1 + r**2) * chi.pdf(r, latent), 0, np.inf)[0]
    assert exact.linear_ceiling(latent) == pytest.approx((1 + latent) / mean**2, rel=1e-8)


def test_identities():
    assert exact.identity_on_the_line() < 1e-9
    assert max(exact.identity_in_the_plane(3).values()) < 1e-6


def test_no_proposal_beats_the_optimum_and_a_narrow_one_is_worse_than_none():
    ratios = exact.proposals()
    best = ratios.pop("optimal, q ∝ p g")
    assert best == pytest.approx(ratios.pop("1 / (1 + CV^2)"), rel=1e-9)
    assert min(ratios.values()) > best
    assert ratios["N(1, .72), narrow"] > 1 > ratios["half N(1, .72), half p"]
    assert exact.second_moment(lambda z: z**2 + 1, exact.norm.pdf(exact.LINE)) == pytest.approx(1)
