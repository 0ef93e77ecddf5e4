"""Du et al.'s experiment in small: what it draws, what it reports, and that splitting lanes changes nothing."""

import numpy as np
import pytest

from descent.experiments.two_layer_networks import du_experiment
from descent.experiments.two_layer_networks.kernels import limit_gram
from descent.experiments.two_layer_networks.labels import two_classes


@pytest.fixture(scope="module")
def small():
    return du_experiment.run(12, 12, [16, 64], [0, 1], 0.5, steps=10)


def test_inputs_are_on_the_sphere_or_the_reimplementations():
    x, y = du_experiment.data(0, 30, 20)
    np.testing.assert_allclose((x**2).sum(1), 1)
    assert y.shape == (30,) and abs(x.mean()) < 5 * 20**-0.5 / 600**0.5  # five standard errors
    x, same = du_experiment.data(0, 30, 20, "whole")
    assert np.linalg.norm(x) == pytest.approx(1) and (x >= 0).all()
    np.testing.assert_array_equal(y, same)


def test_rates_bound_and_shapes(small):
    assert small.loss.shape == small.own_loss.shape == (2, 3, 2)
    np.testing.assert_allclose(small.loss[:, 0], small.limit_loss[:, 0])
    np.testing.assert_allclose(small.rate(np.exp(-0.3 * small.steps)[None, :, None]), 0.3)
    x, _ = du_experiment.data(1, 12, 12)
    assert small.limit_smallest[1] == pytest.approx(np.linalg.eigvalsh(limit_gram(x))[0])
    bound = (1 - small.eta * small.limit_smallest / 2) ** small.steps[:, None]
    by_hand = (small.loss / small.loss[:, :1] > bound * (1 + 1e-12)).sum((0, 1))
    np.testing.assert_array_equal(small.violations(), by_hand)


def test_lanes_one_by_one_give_the_same(small, monkeypatch):
    monkeypatch.setattr(du_experiment, "AT_ONCE", 1)
    again = du_experiment.run(12, 12, [16, 64], [0, 1], 0.5, steps=10)
    np.testing.assert_allclose(again.loss, small.loss, rtol=1e-10)
    np.testing.assert_array_equal(again.patterns, small.patterns)


def test_the_reimplementations_reports(small):
    reported = du_experiment.reported_losses(small.loss)
    np.testing.assert_allclose(reported[1, 0], small.loss[0, 0])
    np.testing.assert_allclose(reported[1, -1] / reported[1, 0], small.loss[1, -1] / small.loss[1, 0])
    assert du_experiment.reported_patterns(np.array(0.05), 100, 1000) == pytest.approx(0.005)


def test_images_have_length_one_and_labels_are_the_images_own_or_coins():
    x, true, random = two_classes("digits", 100, 0)
    np.testing.assert_allclose((x**2).sum(1), 1)
    assert set(true) == set(random) == {-1.0, 1.0}
    assert abs((true * random).mean()) < 0.5  # coins: five standard deviations of .1
    ring = x.reshape(-1, 8, 8)[:, 3:5, 3:5].mean((1, 2))
    assert ring[true < 0].mean() < ring[true > 0].mean()  # a zero is empty in the middle


def test_slopes_shares_and_ratio_are_those_of_known_runs():
    steps = np.array([0, 10, 20])

    def decaying(*rates):
        return np.exp(-np.outer(rates, steps))[..., None]  # [widths, records, one seed]

    widths, eta = [100, 400], 0.5
    by_smallest = np.array([0.20, 0.22])  # -2 log(1 - eta lambda)
    smallest = np.repeat((1 - np.exp(-by_smallest / 2))[:, None, None] / eta, 3, 1)
    halved = np.repeat(np.array([0.4, 0.2])[:, None, None], 3, 1)
    own = decaying(0.2, 0.27)
    run = du_experiment.DuRun(
        widths, 50, steps, decaying(0.2, 0.3), halved, halved, smallest, own, own, np.array([0.2]), eta
    )
    found = {name: float(value[0]) for name, value in run.measurements().items()}
    assert found == pytest.approx(
        {
            "du.bound_violations": 0,
            "du.movement_slope": -0.5,
            "du.pattern_slope": -0.5,
            "du.rate_ratio": 1.5,
            "du.lambda_min_share": 0.2,
            "du.own_kernel_share": 0.7,
        }
    )
