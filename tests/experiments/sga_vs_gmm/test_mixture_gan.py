"""The experiment on mixtures: what it trains, what it records, what it keeps."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from descent.experiments.sga_vs_gmm.mixture_gan import MixtureGAN, _Clock
from descent.games import split
from descent.problems.mixtures import grid, ring
from descent.quiet import tf
from descent.randomness import BATCHES, EVALUATION, fold_seed
from descent.rules import chain, gradient_descent, rmsprop_tf1, sga

TINY = MixtureGAN(mixture=ring(), depth=1, width=6, latent=3, batch=32, samples=64)
STEPS, EVERY, SEED, ETA = 6, 2, 5, 0.05


@pytest.fixture(scope="module")
def descended():
    return TINY.run(gradient_descent(ETA), STEPS, EVERY, SEED)


@pytest.fixture(scope="module")
def adjusted():
    return TINY.run(chain(sga(1.0, "notebook"), rmsprop_tf1(1e-3)), 2, 2, SEED, alignment=True)


def forward(layers, x):
    """A network of one hidden layer, in NumPy."""
    (w1, b1), (w2, b2) = layers
    return np.maximum(x @ w1 + b1, 0) @ w2 + b2


def by_hand(steps):
    """Gradient descent in eager TensorFlow, losses written out; returns the parameters after it."""
    params = tf.nest.map_structure(tf.Variable, TINY.params(SEED))
    for step in range(steps):
        real, z = TINY.draw(fold_seed(SEED, BATCHES, step), tf.constant(step))
        with tf.GradientTape(persistent=True) as tape:

            def network(k, x):
                (w1, b1), (w2, b2) = params[k]
                return tf.nn.relu(x @ w1 + b1) @ w2 + b2

            of_real, of_fake = tf.sigmoid(network(1, real)), tf.sigmoid(network(1, network(0, z)))
            losses = (
                -tf.reduce_mean(tf.math.log(of_fake)),
                -tf.reduce_mean(tf.math.log(of_real)) - tf.reduce_mean(tf.math.log(1 - of_fake)),
            )
        gradients = [tape.gradient(loss, tf.nest.flatten(own)) for loss, own in zip(losses, params, strict=True)]
        for own, gradient in zip(params, gradients, strict=True):
            for variable, g in zip(tf.nest.flatten(own), gradient, strict=True):
                variable.assign_sub(ETA * g)
    return tf.nest.map_structure(lambda variable: variable.numpy(), params)


def test_a_run_is_the_loop_written_by_hand(descended):
    np.testing.assert_array_equal(descended["steps"], [0, 2, 4, 6])
    real, z = (x.numpy() for x in TINY.gan.draw(fold_seed(SEED, EVALUATION), 64, TINY.stratified))
    for record, steps in enumerate(descended["steps"]):
        generator, discriminator = by_hand(steps)
        fake = forward(generator, z)
        np.testing.assert_allclose(descended["samples"][record], fake, rtol=1e-4, atol=1e-5)
        of_real, of_fake = forward(discriminator, real), forward(discriminator, fake)
        expected = [
            np.log1p(np.exp(-of_fake)).mean(),
            np.log1p(np.exp(-of_real)).mean() + np.log1p(np.exp(of_fake)).mean(),
        ]
        np.testing.assert_allclose(descended["losses"][record], expected, rtol=1e-4)


def test_every_rule_starts_from_the_same_and_is_asked_the_same(descended, adjusted):
    np.testing.assert_array_equal(descended["samples"][0], adjusted["samples"][0])
    np.testing.assert_array_equal(descended["losses"][0], adjusted["losses"][0])
    assert not np.array_equal(descended["samples"][1], adjusted["samples"][1])


def test_alignment_is_decided_by_these_inner_products(descended, adjusted):
    params = TINY.params(SEED)
    game = TINY.game.at(TINY.draw(fold_seed(SEED, BATCHES, 0), tf.constant(0)))
    jacobian = game.jacobian(params)
    xi = np.concatenate([leaf.numpy().ravel() for leaf in tf.nest.flatten(game.gradient(params))])
    _, a = split(jacobian)
    grad_h = jacobian.numpy().T @ xi
    np.testing.assert_allclose(adjusted["inner"][0], [xi @ grad_h, (a.numpy().T @ xi) @ grad_h], rtol=1e-3)
    assert descended["inner"].shape == (4, 0)


def test_batches_hold_the_same_number_from_each_mode_unless_told_otherwise():
    def counts(experiment):
        real, z = experiment.draw(tf.constant([3, 4]), tf.constant(0))
        assert z.shape == [256, 64]
        return np.bincount(cdist(real, experiment.mixture.centres).argmin(axis=1), minlength=16)

    assert counts(MixtureGAN()).tolist() == [16] * 16
    assert counts(MixtureGAN(stratified=False)).tolist() != [16] * 16


def test_the_defaults_are_the_published_networks():
    generator, discriminator = MixtureGAN().params(0)
    assert [w.shape.as_list() for w, _ in generator] == [[64, 384]] + [[384, 384]] * 5 + [[384, 2]]
    assert [w.shape.as_list() for w, _ in discriminator] == [[2, 384]] + [[384, 384]] * 5 + [[384, 1]]
    np.testing.assert_array_equal(MixtureGAN().mixture.centres, grid().centres)


def test_a_run_that_diverges_ends_with_its_last_finite_record():
    run = TINY.run(gradient_descent(1e30), STEPS, EVERY, SEED)
    assert run["steps"][0] == 0
    assert len(run["steps"]) == len(run["samples"]) == len(run["losses"]) < 4
    assert np.isfinite(run["samples"][0]).all()


def test_a_kept_run_is_the_run_and_is_made_once_for_each_rate(tmp_path, descended):
    def kept_run(eta):
        return TINY.run_kept(tmp_path, "sgd", lambda eta: gradient_descent(eta), eta, STEPS, EVERY, SEED)

    first = kept_run(ETA)
    for key in ("steps", "samples", "losses", "inner"):
        np.testing.assert_array_equal(first[key], descended[key])
    again = kept_run(ETA)
    assert again["seconds"] == first["seconds"]  # which no second run would repeat
    kept_run(2 * ETA)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_clock_leaves_the_compiling_chunk_out():
    clock = _Clock()
    for done, seconds in [(10, 5.0), (20, 6.0), (30, 7.0), (40, 9.0)]:
        clock(done, 40, seconds)
    assert clock.seconds_per_step() == pytest.approx(0.1)
    lone = _Clock()
    lone(10, 10, 5.0)
    assert lone.seconds_per_step() == pytest.approx(0.5)
    assert _Clock().seconds_per_step() == 0.0
