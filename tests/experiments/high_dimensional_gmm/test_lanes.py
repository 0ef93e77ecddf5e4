import numpy as np
import pytest

from descent import vectors
from descent.experiments.high_dimensional_gmm.lanes import LanedGAN
from descent.games import Game
from descent.problems.gan import gan_game
from descent.problems.mixtures import gaussian_mixture
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.randomness import BATCHES, EVALUATION, INITIALISATION, fold_seed
from descent.rules import chain, consensus, rmsprop_tf1, sga

MIXTURES = (gaussian_mixture(4, 3, seed=1), gaussian_mixture(2, 3, seed=1))
SMALL = {"width": 8, "latent": 4, "batch": 6, "samples": 5}


def with_sga(eta):
    return chain(sga(1.0), consensus(0.5), rmsprop_tf1(eta))


@pytest.fixture(scope="module")
def together():
    return LanedGAN(MIXTURES, (0.01, 0.1), (0, 5), **SMALL).run(with_sga, 6, 3)


def alone(mixture, eta, seed, steps):
    """The same training without lanes: plain networks, an eager loop."""
    generator, discriminator = mlp([4, 8, 8, 3]), mlp([3, 8, 8, 1])
    params = generator.init(fold_seed(seed, INITIALISATION, 0)), discriminator.init(fold_seed(seed, INITIALISATION, 1))

    def draw(key, n):
        mode, noise, latent = tf.unstack(tf.random.experimental.stateless_split(key, 3))
        chosen = mixture.pick(tf.random.stateless_uniform([n], mode))
        real = mixture.place(chosen, tf.random.stateless_normal([n, 3], noise))
        return real, tf.random.stateless_normal([n, 4], latent)

    rule = with_sga(eta)
    state, one = rule.init(params), gan_game(generator, discriminator)
    for step in range(steps):
        key = tf.random.experimental.stateless_fold_in(fold_seed(0, BATCHES, step), seed)
        game: Game = one.at(draw(key, 6))
        change, state = rule.update(game.gradient(params), state, params, game)
        params = vectors.add(params, change)
    return generator(params[0], draw(fold_seed(seed, EVALUATION), 5)[1]).numpy()


def test_shapes(together):
    np.testing.assert_array_equal(together["steps"], [0, 3, 6])
    assert together["samples"].shape == (3, 2, 2, 2, 5, 3)
    assert not together["stopped"].any()


@pytest.mark.parametrize("lane", [(0, 0, 0), (1, 0, 1), (1, 1, 0), (0, 1, 1)])
def test_a_lane_moves_as_if_alone(together, lane):
    mixture, eta, seed = MIXTURES[lane[0]], (0.01, 0.1)[lane[1]], (0, 5)[lane[2]]
    expected = alone(mixture, eta, seed, 6)
    np.testing.assert_allclose(together["samples"][-1][lane], expected, rtol=2e-4, atol=2e-4)
    assert np.abs(expected - alone(mixture, eta, seed, 0)).max() > 0.01


def test_a_lane_that_diverges_stops_and_harms_nobody():
    experiment = LanedGAN(MIXTURES[:1], (1e38, 0.01), (0,), **SMALL)
    run = experiment.run(with_sga, 6, 6)
    np.testing.assert_array_equal(run["stopped"][0, :, 0], [True, False])
    np.testing.assert_allclose(run["samples"][-1][0, 1, 0], alone(MIXTURES[0], 0.01, 0, 6), rtol=2e-4, atol=2e-4)


def test_seeds_differ_and_rates_share_their_draws():
    experiment = LanedGAN(MIXTURES[:1], (0.01, 0.1), (0, 5), **SMALL)
    real, z = (x.numpy() for x in experiment.draw(tf.constant([1, 2]), tf.constant(0)))
    assert real.shape == (4, 6, 3) and z.shape == (4, 6, 4)
    np.testing.assert_array_equal(z[0], z[2])  # rate 0, seed 0 and rate 1, seed 0
    np.testing.assert_array_equal(real[1], real[3])
    assert np.abs(z[0] - z[1]).min() > 0
