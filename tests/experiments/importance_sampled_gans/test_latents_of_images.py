"""Images as data, the fixed classifier and its distance, and what is gained where latents are more than two."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
import torch

from descent.experiments.importance_sampled_gans import measured
from descent.experiments.importance_sampled_gans.arms import ARMS, Setup
from descent.experiments.importance_sampled_gans.image_data import ImageData, Judge, frechet, moments
from descent.experiments.importance_sampled_gans.scores import scores
from descent.experiments.importance_sampled_gans.study import chosen_lanes
from descent.problems.images import load
from descent.problems.mixtures import ring
from descent.quiet import tf


@pytest.fixture(scope="module")
def judge():
    return Judge(ImageData("digits"), steps=400)


def test_the_distance_is_that_of_a_matrix_square_root():
    a, b = (np.random.default_rng(k).normal(size=(60, 5)) @ np.diag(np.arange(1, 6)) + k for k in range(2))
    (m, first), (n, second) = moments(a), moments(b)
    np.testing.assert_allclose(first, np.cov(a.T), rtol=1e-12)
    root = scipy.linalg.sqrtm(first @ second).real
    expected = np.sum((m - n) ** 2) + np.trace(first + second - 2 * root)
    assert frechet((m, first), (n, second)) == pytest.approx(expected, rel=1e-9)
    assert frechet((m, first), (m, first)) == pytest.approx(0, abs=1e-9)


def test_the_judge_knows_digits_and_finds_real_ones_near(judge):
    assert judge.accuracy > 0.94
    test = load("digits", "test")
    real = judge.measures(load("digits").x[None, :300])
    one = judge.measures(np.repeat(test.x[test.y == 3][:1], 300, 0))
    assert real["frechet"].shape == (1,) and real["classes"] == 10 and real["kl"] < 0.1
    assert one["classes"] == 1 and one["frechet"] > 10 * real["frechet"]
    assert one["kl"] == pytest.approx(-np.log(judge.shares[3]), rel=0.01)


def test_features_and_probabilities_are_those_of_torch(judge):
    x = load("digits", "test").x[:5]
    y = torch.tensor(x)
    for w, b in judge.layers[:-1]:
        y = torch.relu(y @ torch.tensor(w.numpy()) + torch.tensor(b.numpy()))
    w, b = (torch.tensor(v.numpy()) for v in judge.layers[-1])
    features, probability = judge.look(x)
    np.testing.assert_allclose(features, y.numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(probability, torch.softmax(y @ w + b, -1).numpy(), atol=1e-5)


def test_every_image_is_drawn_and_none_beyond_the_last():
    data = ImageData("digits")
    count = len(data.images)
    rows = data.pick(tf.constant((np.arange(count) + 0.5) / count, tf.float32)).numpy()
    assert (np.abs(rows - np.arange(count)) <= 1).all()
    assert data.pick(tf.constant([0.0, np.nextafter(np.float32(1), np.float32(0))])).numpy().tolist() == [0, count - 1]
    np.testing.assert_array_equal(data.place(tf.constant([[3, 3], [0, 1]]), None), data.images.x[[[3, 3], [0, 1]]])


def test_the_jacobian_of_pixels_is_that_of_torch():
    setup = Setup(ImageData("digits"), (1,), latent=3, width=6, batch=4)
    params = setup.start(ARMS["uniform"])
    z = setup.numbers(tf.constant([1, 2]), tf.constant(0))["fake"]
    found = scores(setup.networks, params, z, bounded=True).jacobian[0].numpy()
    layers = [[torch.tensor(x[0].numpy()) for x in layer] for layer in params[0]]

    def made(v):
        for k, (w, b) in enumerate(layers):
            v = (torch.relu(v) if k else v) @ w + b[0]
        return torch.sigmoid(v)

    for value, one in zip(found, torch.tensor(z[0].numpy()), strict=True):
        assert value == pytest.approx(torch.autograd.functional.jacobian(made, one).norm().item(), rel=1e-4)


def test_a_latent_that_moves_nothing_is_counted():
    setup = Setup(ring(8, 2.0, 0.2), (1, 2), width=7)
    generator, critic = setup.start(ARMS["uniform"])
    off = [(w, b - 1e3) if k == 1 else (w, b) for k, (w, b) in enumerate(generator)]
    off[2] = (off[2][0], off[2][1] + 1.0)  # away from 0, where the critic's own units would all be off
    gains = measured.Gains(setup, side=10)  # without the origin, where all units are off
    for layers, share in ((generator, 0.0), (off, 1.0)):
        run = SimpleNamespace(arm=ARMS["uniform"], at=lambda record, p=(layers, critic): p)
        found = gains.at(run, 0)
        np.testing.assert_allclose(found["dead"], share, atol=1e-12)
    assert (found["ceiling"] > 0.99).all()  # the samples have gradients all the same, by the last bias


def test_draws_from_p_say_what_the_grid_says():
    flat = Setup(ring(8, 2.0, 0.2), (1, 2), width=7)
    deep = replace(flat, latent=3)
    (first, *rest), critic = flat.start(ARMS["uniform"])
    w, b = first
    padded = [(tf.concat([w, tf.zeros([2, 1, 7])], 1), b), *rest]  # the third latent changes nothing
    on_grid, by_draws = (
        measured.Gains(setup, draws=20_000).at(SimpleNamespace(arm=ARMS["uniform"], at=lambda r, p=(g, critic): p), 0)
        for setup, g in ((flat, [first, *rest]), (deep, padded))
    )
    for name in ("ceiling", "exact.jacobian", "rank.jacobian"):
        np.testing.assert_allclose(by_draws[name], on_grid[name], rtol=0.03, atol=0.03)


def test_a_seed_runs_at_the_rate_that_is_best_for_the_others():
    lanes, best = chosen_lanes(np.array([[0.0, 5.0, 5.0], [9.0, 1.0, 2.0]]))
    assert best.tolist() == [1, 0, 0] and lanes.tolist() == [3, 1, 2]
    lanes, best = chosen_lanes(np.zeros([1, 3]))
    assert best.tolist() == [0, 0, 0] and lanes.tolist() == [0, 1, 2]
