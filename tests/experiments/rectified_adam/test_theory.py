"""What is computed without training, held to SciPy, to sampling and to formulas written out."""

import numpy as np
import pytest
from scipy import stats

from descent.experiments.rectified_adam import implementations, theory
from descent.rules.radam import rectification


def test_length_is_that_of_a_plain_mean_with_the_same_mean_age():
    for beta2, t in ((0.9, 3), (0.99, 40), (0.999, 1000)):
        weights = beta2 ** np.arange(t)
        age = (weights @ np.arange(t)) / weights.sum()
        assert theory.length(np.array(float(t)), beta2) == pytest.approx(2 * age + 1)


def test_rectification_levels_the_first_order_variance():
    t = np.arange(6, 3000)
    level = rectification(t, 0.99).numpy() ** 2 * theory.first_order_variance(theory.length(t, 0.99))
    np.testing.assert_allclose(level, theory.first_order_variance(199.0), rtol=1e-9)


@pytest.mark.parametrize("rho", [3.5, 6.0, 100.0])
def test_exact_variance_is_scipys(rho):
    # sqrt(rho / X): moments of the inverse of a chi variable
    x = stats.chi(rho)
    first, second = (x.expect(lambda y, p=p: (rho**0.5 / y) ** p) for p in (1, 2))
    assert theory.exact_variance(rho) == pytest.approx(second - first**2, rel=1e-5)
    assert theory.first_order_variance(1e5) == pytest.approx(theory.exact_variance(1e5), rel=1e-3)


def test_sampled_variance_is_the_exact_one_where_weights_are_equal():
    found = theory.sampled_variance([10, 20], 0.999999, 20_000, 0, at_once=7000)
    # heavy tails: the relative error of 20,000 draws is 3% at ten gradients
    np.testing.assert_allclose(found, theory.exact_variance(np.array([10.0, 20.0])), rtol=0.12)


def test_warm_ups_begin_and_end_where_they_should():
    curves = theory.warm_ups([0.9, 0.99], 3.0)[0.99]
    assert curves["t"][0] == 1 and curves["t"][-1] == 600
    assert curves["linear"][0] == pytest.approx(0.005) and curves["exponential"][0] == pytest.approx(1 - np.exp(-0.01))
    assert min(curves[name][-1] for name in ("RAdam", "linear", "exponential")) > 0.99


def test_steps_on_noise():
    found = theory.noise_updates(60, 2000, [0, 1], beta2=0.999)
    np.testing.assert_allclose(found["Adam"][0], 1, rtol=1e-5)
    # medians of 2,000: standard error .004 of .155 at the end, and .015 of .674 for the first momentum step
    np.testing.assert_allclose(found["Adam"][-1], theory.noise_median(60), atol=0.02)
    np.testing.assert_allclose(found["RAdam"][0], theory.noise_median(1), atol=0.07)
    assert theory.noise_median(np.inf) == pytest.approx(stats.norm.ppf(0.75) * np.sqrt(0.1 / 1.9))


def test_first_steps_on_parabolas_scale_with_the_gradient_and_adams_do_not():
    paths = theory.steep([100.0, 1000.0, 1e7], 0.01, 8)
    for row, product in ((0, 1.0), (1, 10.0)):
        np.testing.assert_allclose(paths["RAdam"][row, :6], theory.steep_by_hand(product, 5), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(paths["RAdam"][1, :6].round(), [1, -9, 34, -64, 52, 12])
    np.testing.assert_allclose(paths["Adam"], paths["Adam"][:1].repeat(3, 0), rtol=1e-12)
    np.testing.assert_allclose(paths["RAdam, skipping"][:, :6], 1)
    found = theory.steep_measurements(10.0, 0.01, paths["RAdam"][1])
    assert found["steep.peak"] == pytest.approx(63.57, abs=0.01) and found["steep.error"] < 1e-10


def test_radam_is_momentum_and_then_adam():
    steps, difference = implementations.identity(beta2=0.99, steps=40)
    assert steps == 5 and difference < 1e-12
    steps, difference = implementations.identity(threshold=4.0, steps=20)
    assert steps == 4 and difference < 1e-12


def test_implementations_path_is_pytorchs_with_l2_decay():
    pytest.importorskip("torch")
    rule = implementations.radam(implementations.RATE)
    theirs = implementations.torch_path(decay=0.1, steps=50)
    np.testing.assert_allclose(implementations.path(rule, decay=0.1, steps=50), theirs, atol=1e-12)
    assert np.abs(theirs - implementations.path(rule, steps=50)).max() > 1e-2
