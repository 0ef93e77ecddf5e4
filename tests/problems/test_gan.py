"""The GAN game's losses against Keras's, its gradients against finite differences of a formula written apart."""

import keras
import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import log_expit
from scipy.stats import wasserstein_distance

from descent.problems.gan import GAN, LOSSES, gan_game, non_saturating, wasserstein, zero_sum
from descent.problems.mixtures import grid
from descent.problems.networks import mlp
from descent.quiet import tf

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(scale=3, size=(2, 50, 1))


def keras_loss(label, logits):
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    return float(loss(np.full_like(logits, label), logits))


def test_non_saturating_losses_equal_keras():
    generator, discriminator = non_saturating(tf.constant(REAL), tf.constant(FAKE))
    assert float(generator) == pytest.approx(keras_loss(1, FAKE), rel=1e-6)
    assert float(discriminator) == pytest.approx(keras_loss(1, REAL) + keras_loss(0, FAKE), rel=1e-6)


def test_zero_sum_losses_equal_keras():
    generator, discriminator = zero_sum(tf.constant(REAL), tf.constant(FAKE))
    assert float(discriminator) == pytest.approx(keras_loss(1, REAL) + keras_loss(0, FAKE), rel=1e-6)
    assert float(generator) == -float(discriminator)


def test_wasserstein_with_the_best_critic_is_the_distance():
    # On a line, with samples shifted to the left, the critic x is the best among 1-Lipschitz ones.
    generator, critic = wasserstein(tf.constant(REAL), tf.constant(REAL - 2.5))
    assert -float(critic) == pytest.approx(wasserstein_distance(REAL.ravel(), REAL.ravel() - 2.5))
    assert float(generator) == -float(critic)


def test_a_discriminator_that_cannot_tell_loses_two_ln_two():
    blind = tf.zeros([10, 1], tf.float64)
    np.testing.assert_allclose(non_saturating(blind, blind), [np.log(2), 2 * np.log(2)])


def test_sure_discriminators_give_finite_losses():
    sure = tf.constant([[300.0]])
    np.testing.assert_allclose(non_saturating(sure, -sure), [300, 0])
    np.testing.assert_allclose(non_saturating(-sure, sure), [0, 600])


def value(name, a, c, real, z):
    """Losses of the generator a0 + a1 z and the discriminator's logit c0 + c1 x + c2 x^2, by SciPy's log_expit."""
    fake, logit = a[0] + a[1] * z, lambda x: c[0] + c[1] * x + c[2] * x**2
    if name == "wasserstein":
        second = logit(fake).mean() - logit(real).mean()
    else:
        second = -log_expit(logit(real)).mean() - log_expit(-logit(fake)).mean()
    return (-log_expit(logit(fake)).mean() if name == "non-saturating" else -second), second


@pytest.mark.parametrize("name", LOSSES)
def test_each_player_goes_down_its_own_loss(name):
    game = gan_game(lambda a, z: a[0] + a[1] * z, lambda c, x: c[0] + c[1] * x + c[2] * x**2, name)
    a, c = np.array([0.3, 1.2]), np.array([0.1, -0.7, 0.4])
    real, z = RNG.normal(2, 1, size=(40, 1)), RNG.normal(size=(30, 1))
    at = game.at((tf.constant(real), tf.constant(z)))
    params = (tf.constant(a), tf.constant(c))
    np.testing.assert_allclose(at.losses(params), value(name, a, c, real, z), rtol=1e-12)
    xi = at.gradient(params)
    np.testing.assert_allclose(
        xi[0], approx_fprime(a, lambda a: value(name, a, c, real, z)[0], 1e-7), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(
        xi[1], approx_fprime(c, lambda c: value(name, a, c, real, z)[1], 1e-7), rtol=1e-5, atol=1e-7
    )
    assert game.zero_sum == (name != "non-saturating")


def test_an_unknown_loss_is_named():
    with pytest.raises(ValueError, match="'non-saturating', 'zero-sum', 'wasserstein'; got 'hinge'"):
        gan_game(lambda a, z: z, lambda c, x: x, "hinge")


def test_a_gan_is_its_networks_its_data_and_their_game():
    gan = GAN(grid(), latent=3, widths=(5, 4), critic_widths=(6,), loss="zero-sum")
    params, (real, z) = gan.start(1, 2), gan.draw(7, 32, stratified=True)
    generator, discriminator = mlp([3, 5, 4, 2]), mlp([2, 6, 1])
    tf.nest.map_structure(np.testing.assert_array_equal, params, (generator.init(1), discriminator.init(2)))
    assert sum(tf.size(w).numpy() for w in tf.nest.flatten(params)) == sum(net.parameters for net in gan.networks)
    assert real.shape == (32, 2) and z.shape == (32, 3)
    made = generator(params[0], z)
    np.testing.assert_array_equal(gan.generate(params, z), made)
    expected = zero_sum(discriminator(params[1], real), discriminator(params[1], made))
    np.testing.assert_allclose(gan.game.at((real, z)).losses(params), expected, rtol=1e-6)
    np.testing.assert_array_equal(gan.draw(7, 32, stratified=True)[1], z)
