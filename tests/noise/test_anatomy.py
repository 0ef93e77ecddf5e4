"""The anatomy of a pooled reading finds what was put in, on Gaussian and on stable noise alike."""

import numpy as np
import pytest

from descent.noise.alpha_stable import sample
from descent.noise.anatomy import anatomy
from descent.noise.log_moments import PUBLISHED_FLOOR, largest_divisor, mohammadi

VECTORS, COORDINATES = 2_000, 400  # 800,000 values; K1 = 800 spans two vectors
RNG = np.random.default_rng(0)
SCALES = np.exp(RNG.normal(size=COORDINATES))
# 1/alpha of 1,000 sums has a standard error of 1.11/sqrt(1000)/log 800 = .0053; parts are differences of two.
SLACK = 4 * 0.0053 * np.sqrt(2)


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
    found = anatomy(noise, seed=3)
    assert found.shape == pytest.approx(1 / alpha - 0.5, abs=SLACK)
    assert found.cured == pytest.approx(alpha, abs=SLACK * alpha**2)
    assert found.off == 0 and found.switched_off == 0
    # Lognormal scales of log-s.d. 1: E max(|s|^alpha)-like sums; for Gaussians D/log K1 with this sample's D.
    dispersion = 0.5 * np.log(np.mean(SCALES**2)) - np.log(SCALES).mean()
    expected = dispersion / np.log(800) if scales and alpha == 2 else 0.0
    if not scales or alpha == 2:
        assert found.scales == pytest.approx(expected, abs=SLACK)
    assert (found.scales > SLACK) == scales
    assert (found.dependence > SLACK) == dependent
    if dependent and alpha == 2 and not scales:
        # Blocks of 800 hold two whole vectors: Var = 2 (400 + 400^2 .09) per unit variance, of terms 1.09.
        ratio = (400 + 400**2 * 0.09) / (400 * 1.09)
        assert found.dependence == pytest.approx(0.5 * np.log(ratio) / np.log(800), abs=SLACK)


def test_the_parts_add_up_to_the_published_reading():
    noise = law(1.7) * SCALES + common(1.7, 0.2)
    noise[:, ::50] = 3.0  # dead
    noise[: VECTORS * 2 // 3, 1] = 0.0  # mostly off
    found = anatomy(noise)
    centred = noise - noise.mean(axis=0)
    reading = mohammadi(centred.reshape(-1), largest_divisor(centred.size), floor=PUBLISHED_FLOOR)
    assert found.inverse == pytest.approx(1 / float(reading))
    assert 0.5 + found.off + found.dependence + found.scales + found.shape == pytest.approx(found.inverse)
    assert found.switched_off == pytest.approx(9 / 400)
    assert found.off > SLACK


def test_dependence_that_cancels_sums_is_negative():
    noise = law(2.0)
    noise -= noise.reshape(VECTORS, 40, 10).mean(-1).repeat(10, axis=1) * 0.999
    found = anatomy(noise)
    assert found.inverse < 0 and found.dependence < -0.5
    assert found.shape == pytest.approx(0, abs=SLACK)


def test_nothing_to_read_is_an_error():
    with pytest.raises(ValueError, match="no noise to read"):
        anatomy(np.ones((20, 30)))
