import jax
import numpy as np
import pytest

from descent import vectors
from descent.games import Game
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.solvers.curvature import gauss_newton, hessian


@pytest.fixture(scope="module")
def network():
    net = mlp([4, 5, 3], tf.nn.tanh)
    rng = np.random.default_rng(0)
    params = (tf.nest.map_structure(lambda leaf: tf.constant(rng.normal(size=leaf.shape)), net.init(0)),)
    batch = (tf.constant(rng.normal(size=(7, 4))), tf.constant(rng.integers(0, 3, 7)))
    return net, params, batch


def outputs_of(net):
    return lambda params, batch: net(params[0], batch[0])


def cross_entropy(z, batch):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], z))


def game_of(net, batch):
    return Game(lambda params, batch: (cross_entropy(outputs_of(net)(params, batch), batch),), batch)


def dense(product, like):
    basis = tf.eye(vectors.size(like), dtype=tf.float64)
    columns = [vectors.flatten(product(vectors.like(e, like))) for e in basis]
    return np.array(columns).T


def jax_outputs(flat, params, x):
    leaves, at = [], 0
    for leaf in tf.nest.flatten(params):
        size = int(np.prod(leaf.shape))
        leaves.append(flat[at : at + size].reshape(leaf.shape))
        at += size
    w1, b1, w2, b2 = leaves
    return jax.numpy.tanh(x @ w1 + b1) @ w2 + b2


def jax_cross_entropy(z, y):
    return -jax.nn.log_softmax(z)[np.arange(len(y)), y].mean()


def test_hessian_equals_jaxs(network):
    net, params, (x, y) = network
    with jax.enable_x64(True):
        flat = np.array(vectors.flatten(params))
        want = jax.hessian(lambda w: jax_cross_entropy(jax_outputs(w, params, x.numpy()), y.numpy()))(flat)
        want = np.array(want)
    got = dense(hessian(game_of(net, (x, y)), params, lambda own: own), params)
    np.testing.assert_allclose(got, want, atol=1e-12)


def test_gauss_newton_equals_its_definition_in_jax_and_is_not_the_hessian(network):
    net, params, (x, y) = network
    with jax.enable_x64(True):
        flat = np.array(vectors.flatten(params))
        jacobian = jax.jacobian(lambda w: jax_outputs(w, params, x.numpy()).reshape(-1))(flat)
        z = jax_outputs(flat, params, x.numpy()).reshape(-1)
        inner = jax.hessian(lambda z: jax_cross_entropy(z.reshape(-1, 3), y.numpy()))(z)
        want = np.array(jacobian.T @ inner @ jacobian)
    game = game_of(net, (x, y))
    got = dense(gauss_newton(outputs_of(net), cross_entropy)(game, params, lambda own: own), params)
    np.testing.assert_allclose(got, want, atol=1e-12)
    assert np.linalg.eigvalsh(got).min() > -1e-12
    assert np.linalg.eigvalsh(dense(hessian(game, params, lambda own: own), params)).min() < -1e-3


def test_both_agree_where_the_network_is_linear():
    net = mlp([3, 4])
    params = (net.init(0, tf.float64),)
    batch = (tf.constant(np.random.default_rng(1).normal(size=(6, 3))), tf.constant([0, 1, 2, 3, 0, 1]))
    whole = dense(hessian(game_of(net, batch), params, lambda own: own), params)
    gauss = dense(gauss_newton(outputs_of(net), cross_entropy)(game_of(net, batch), params, lambda own: own), params)
    np.testing.assert_allclose(gauss, whole, atol=1e-14)


@pytest.mark.parametrize("gauss", [False, True])
def test_part_of_the_parameters_gives_the_block(network, gauss):
    net, params, batch = network
    curvature = gauss_newton(outputs_of(net), cross_entropy) if gauss else hessian
    game = game_of(net, batch)
    biases = [params[0][0][1], params[0][1][1]]

    def rebuild(own):
        return ([(params[0][0][0], own[0]), (params[0][1][0], own[1])],)

    whole = dense(curvature(game, params, lambda own: own), params)
    rows = np.r_[20:25, 40:43]  # where the flattened biases are
    np.testing.assert_allclose(dense(curvature(game, biases, rebuild), biases), whole[np.ix_(rows, rows)], atol=1e-13)


def test_a_product_inside_a_compiled_loop_linearises_once(network):
    net, params, batch = network
    game = game_of(net, batch)
    b = vectors.ones_like(params)

    @tf.function(autograph=False)
    def power(n):
        product = hessian(game, params, lambda own: own)
        return tf.while_loop(lambda k, v: k < n, lambda k, v: (k + 1, product(v)), (tf.constant(0), b))[1]

    h = dense(hessian(game, params, lambda own: own), params)
    np.testing.assert_allclose(vectors.flatten(power(3)), h @ h @ h @ np.ones(len(h)), rtol=1e-9, atol=1e-12)
