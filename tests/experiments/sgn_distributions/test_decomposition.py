"""The anatomy of a pooled reading finds what was put in, on Gaussian and on stable noise alike."""

import numpy as np
import pytest

from descent.experiments.sgn_distributions import pooled_limits as controls
from descent.experiments.sgn_distributions.decomposition import anatomy
from descent.noise.alpha_stable import sample
from descent.noise.log_moments import PUBLISHED_FLOOR, mohammadi

VECTORS, COORDINATES, BLOCK = 2_000, 400, 400
RNG = np.random.default_rng(0)
SCALES = np.exp(RNG.normal(size=COORDINATES))
# 1/alpha of 2,000 sums has a standard error of 1.11/sqrt(2000)/log 400 = .0042; parts are differences of two.
SLACK = 4.5 * 0.0042 * np.sqrt(2)


def law(alpha):
    return sample(1, [VECTORS, COORDINATES], alpha).numpy()


def common(alpha, size):
    """The same for all coordinates of a vector: full dependence on top of independent noise."""
    return size * sample(2, [VECTORS, 1], alpha).numpy()


@pytest.mark.parametrize("alpha", [2.0, 1.5])
@pytest.mark.parametrize("scales", [False, True])
@pytest.mark.parametrize("dependent", [False, True])
def test_only_tails_are_shape(alpha, scales, dependent):
    noise = (law(alpha) + dependent * common(alpha, 0.3)) * (SCALES if scales else 1.0)
    found = anatomy(noise, BLOCK, seed=3)
    assert found.shape == pytest.approx(1 / alpha - 0.5, abs=SLACK)
    assert found.index_of_shape == pytest.approx(alpha, abs=SLACK * alpha**2)
    assert found.dead == 0
    assert (found.scales > SLACK) == scales
    assert (found.dependence > SLACK) == dependent
    if alpha == 2:  # the closed forms of ``controls``; every block is one vector
        dispersion = controls.dispersion(SCALES) if scales else 0.0
        assert found.scales == pytest.approx(dispersion / np.log(BLOCK), abs=SLACK)
        weights = SCALES if scales else np.ones(COORDINATES)
        ratio = (np.sum(weights**2) + 0.09 * np.sum(weights) ** 2) / (1.09 * np.sum(weights**2))
        expected = 0.5 * np.log(ratio) / np.log(BLOCK) if dependent else 0.0
        assert found.dependence == pytest.approx(expected, abs=SLACK)


def test_the_parts_add_up_to_the_published_reading():
    noise = law(1.7) * SCALES + common(1.7, 0.2)
    noise[:, ::50] = 0.0  # dead
    found = anatomy(noise, 40)
    assert found.inverse == pytest.approx(1 / float(mohammadi(noise.reshape(-1), 40, floor=PUBLISHED_FLOOR)))
    assert 0.5 + found.dead + found.dependence + found.scales + found.shape == pytest.approx(found.inverse)
    assert found.dead == pytest.approx(1 / controls.zeros_reading(0.02, PUBLISHED_FLOOR, 40) - 0.5, abs=0.03)


def test_the_cured_reading_is_the_mean_of_the_coordinates_own():
    noise = law(1.7) * SCALES
    shuffled = np.random.default_rng(5).permuted(noise, axis=0)
    own = np.mean([1 / float(mohammadi(column, 40)) for column in shuffled.T])
    assert anatomy(noise, 40, seed=5).shape == pytest.approx(own - 0.5)


def test_dependence_that_cancels_sums_is_negative():
    noise = law(2.0)
    noise -= noise.reshape(VECTORS, 40, 10).mean(-1).repeat(10, axis=1) * 0.999
    found = anatomy(noise, 40)
    assert found.inverse < 0 and found.dependence < -0.5
    assert found.shape == pytest.approx(0, abs=SLACK)


@pytest.mark.parametrize("block", [1, 31])
def test_a_block_out_of_range_is_an_error(block):
    noise = np.random.default_rng(0).normal(size=(50, 40)) * (np.arange(40) >= 10)
    with pytest.raises(ValueError, match="that vary, 30"):
        anatomy(noise, block)
