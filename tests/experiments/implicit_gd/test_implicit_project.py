import numpy as np
import pytest

from descent.experiments.implicit_gd.implicit_project import project_step, squared_rate
from descent.games import Game
from descent.problems.networks import mlp
from descent.quiet import tf

NET = mlp([5, 7, 10], tf.nn.sigmoid)
rng = np.random.default_rng(0)
X, Y = rng.normal(size=(30, 5)), rng.integers(0, 10, 30)
PARAMS = (tf.nest.map_structure(lambda leaf: tf.constant(rng.normal(size=leaf.shape)), NET.init(0)),)
GAME = Game(lambda p, _: (tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(Y, NET(p[0], X))),))


@pytest.mark.parametrize("eta", [0.01, 0.2, 0.7])
def test_it_is_the_gradient_times_the_rate_squared_on_the_last_layer(eta):
    b1, w2, b2 = project_step(PARAMS, X, Y, eta)
    ((_, g_b1), (g_w2, g_b2)) = GAME.gradient(PARAMS)[0]
    np.testing.assert_allclose(w2, eta**2 * g_w2, rtol=1e-10)
    np.testing.assert_allclose(b2, eta**2 * g_b2, rtol=1e-10)
    # b1: (I - eta c s (W2^T 1)(W2^T 1)^T)^-1, of rank one away from the identity
    difference = b1 - eta**2 * g_b1.numpy()
    direction = PARAMS[0][1][0].numpy().sum(1)
    np.testing.assert_allclose(np.abs(difference @ direction), np.linalg.norm(difference) * np.linalg.norm(direction))


def test_the_rule_takes_that_step_but_for_the_rank_one_matrix():
    step = squared_rate(0.2).update(GAME.gradient(PARAMS), (), PARAMS, GAME)[0]
    g = GAME.gradient(PARAMS)[0]
    (w1, b1), (w2, b2) = step[0]
    _, want_w2, want_b2 = project_step(PARAMS, X, Y, 0.2)
    np.testing.assert_allclose(w1, -0.2 * g[0][0])
    np.testing.assert_allclose(b1, -0.04 * g[0][1])
    np.testing.assert_allclose(w2, -want_w2, rtol=1e-10)
    np.testing.assert_allclose(b2, -want_b2, rtol=1e-10)
