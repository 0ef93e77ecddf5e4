import numpy as np
import pytest

from descent.experiments.high_dimensional_gmm import dimensions
from descent.experiments.high_dimensional_gmm.dimensions import (
    MEASURES,
    best_of,
    learn,
    measures,
    picture_axes,
)
from descent.experiments.high_dimensional_gmm.lanes import LanedGAN
from descent.experiments.high_dimensional_gmm.spectra import spectra, standard_gaussian_gan
from descent.problems.mixtures import GOOD_SHARE, gaussian_mixture
from descent.rules import rmsprop_tf1


def test_exact_samples_pass_every_measure():
    mixture = gaussian_mixture(16, 32, seed=0)
    x, y = (mixture.sample(k, 4000).numpy() for k in (1, 2))
    found = measures(x, mixture, y)
    assert set(found) == set(MEASURES)
    assert found["covered"] == found["near"] == 1.0
    assert found["good"] == pytest.approx(GOOD_SHARE, abs=0.008)  # five standard errors
    assert found["within"] == pytest.approx(np.sqrt(32 / 4000) / 2, rel=0.3)
    assert found["sliced"] < 0.04


def test_one_lost_mode_shows():
    mixture = gaussian_mixture(4, 8, seed=0)
    x, y = (mixture.sample(k, 4000).numpy() for k in (1, 2))
    mode = np.linalg.norm(x[:, None] - mixture.centres, axis=-1).argmin(1)
    found = measures(x[mode > 0], mixture, y[: np.sum(mode > 0)])
    assert found["covered"] == found["near"] == 0.75
    assert found["good"] > 0.98  # those that remain are as good as ever
    assert found["sliced"] > 5 * measures(x, mixture, y)["sliced"]


def test_the_best_of_methods_is_chosen_on_the_other_seeds():
    good = np.array([[[0.9, 0.1, 0.9], [0.5, 0.5, 0.5]]])  # one mixture, two rates, three seeds
    runs = {
        "a": {"covered": good, "sliced": np.full_like(good, 2.0)},
        "b": {"covered": good[:, 1:], "sliced": np.full_like(good[:, 1:], 1.0)},
    }
    # Without its first seed a's first rate has .5 on average, as its second rate and b have; b is closer to the data.
    np.testing.assert_array_equal(best_of(runs, ["a", "b"], 0, "covered"), [0.5, 0.1, 0.5])
    np.testing.assert_array_equal(best_of(runs, ["a", "b"], 0, "sliced"), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(best_of(runs, ["a"], 0, "sliced"), [2.0, 2.0, 2.0])


def test_picture_axes_span_the_plane_of_three_centres():
    mixture = gaussian_mixture(3, 6, seed=0)
    axes = picture_axes(mixture)
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(mixture.centres @ axes, axis=1), np.linalg.norm(mixture.centres, axis=1))


def test_learning_is_measured_and_kept(tmp_path, monkeypatch):
    experiment = LanedGAN((gaussian_mixture(2, 3, seed=1),), (1e-3, 1e38), (0, 1), width=8, batch=8, samples=64)
    first = learn(experiment, tmp_path, "rmsprop", lambda eta: rmsprop_tf1(eta), 4, pictured=16)
    assert all(first[key].shape == (1, 2, 2) and np.isfinite(first[key]).all() for key in MEASURES)
    assert first["picture"].shape == (1, 2, 2, 16, 2)
    assert first["stopped"].tolist() == [[[False, False], [True, True]]]
    monkeypatch.setattr(LanedGAN, "run", None)
    again = learn(experiment, tmp_path, "rmsprop", lambda eta: rmsprop_tf1(eta), 4, pictured=16)
    for key in MEASURES:
        np.testing.assert_array_equal(first[key], again[key])
    with pytest.raises(TypeError):  # another rate: not kept, so trained
        learn(experiment, tmp_path, "rmsprop", lambda eta: rmsprop_tf1(0.5 * eta), 4, pictured=16)


def test_spectra_over_training(tmp_path):
    experiment = standard_gaussian_gan(dimension=5, width=8, samples=200)
    run = spectra(experiment, tmp_path, "rmsprop", lambda eta: rmsprop_tf1(eta), 1e-3, 4, 2, 0)
    assert run["eigenvalues"].shape == (3, 5) and run["mean"].shape == (3, 5)
    samples = experiment.run(rmsprop_tf1(1e-3), 4, 2, 0)["samples"]
    np.testing.assert_allclose(run["eigenvalues"][-1], np.linalg.svd(np.cov(samples[-1].T))[1], rtol=1e-6)
    np.testing.assert_allclose(run["mean"][-1], samples[-1].mean(0), rtol=1e-4, atol=1e-6)
    assert dimensions.HIGHER_IS_BETTER == ("covered", "near", "good")
