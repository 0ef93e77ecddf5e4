"""Counts of matrix products against counts made by hand."""

from itertools import pairwise

import pytest

from descent.games import Game
from descent.measures.operations import gradients_per_step, matmul_operations
from descent.problems.gan import gan_game
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules import adam, chain, consensus, extragradient, gradient_descent, momentum, rmsprop_tf1, sga

A, B, C = tf.ones([3, 5]), tf.ones([5, 7]), tf.ones([7, 5])


@pytest.mark.parametrize(
    ("function", "args", "products"),
    [
        (lambda a, b: a @ b, (A, B), 3 * 5 * 7),
        (lambda a, c: tf.matmul(a, c, transpose_b=True), (A, C), 3 * 5 * 7),
        (lambda a, b: tf.matmul(b, a, transpose_a=True, transpose_b=True), (A, B), 7 * 5 * 3),
        (lambda a, b: a @ b + tf.sin(a @ b), (A, B), 3 * 5 * 7),  # the same product again is not computed again
        (lambda a, b: a @ b + tf.sin(a) @ b, (A, B), 2 * 3 * 5 * 7),
        (lambda a, b: (a @ b, b @ tf.transpose(b))[0], (A, B), 3 * 5 * 7),  # nor what nobody asks for
        (lambda a, b: a + 1.0, (A, B), 0),
    ],
)
def test_products_are_counted_once_each(function, args, products):
    assert matmul_operations(function, *args) == 2 * products


BATCH, Z, WIDTH, X = 8, 4, 16, 2


def gan():
    generator, discriminator = mlp([Z, WIDTH, WIDTH, X]), mlp([X, WIDTH, WIDTH, 1])
    batch = (tf.ones([BATCH, X]), tf.ones([BATCH, Z]))
    return gan_game(generator, discriminator).at(batch), (generator.init(0), discriminator.init(1))


def layers(*sizes):
    """Products a b c per layer of one pass through a network."""
    return [BATCH * m * n for m, n in pairwise(sizes)]


def test_a_gans_gradient_has_three_products_a_layer_less_those_at_the_ends():
    game, params = gan()
    g, d = layers(Z, WIDTH, WIDTH, X), layers(X, WIDTH, WIDTH, 1)
    forward = sum(g) + 2 * sum(d)  # the discriminator sees real samples and generated ones
    own = 2 * (sum(d) + sum(d[1:]))  # its gradient: by every weight, and by the inputs of all but the first layer
    through = sum(d) + sum(g) + sum(g[1:])  # the generator's: back through all the discriminator, then as above
    assert matmul_operations(game.gradient, params) == 2 * (forward + own + through)


def test_steps_that_take_gradients_only_cost_their_number():
    game, params = gan()
    for make_rule, gradients in [
        (gradient_descent, 1),
        (lambda eta: momentum(eta, 0.9), 1),
        (adam, 1),
        (extragradient, 2),
    ]:
        assert gradients_per_step(make_rule(0.1), game, params) == gradients


def test_consensus_on_least_squares_costs_two_gradients():
    # l = |X w|^2 / 2: the gradient is X^T (X w), and J^T xi = X^T (X xi) as many products again.
    x = tf.reshape(tf.range(60.0), [20, 3])
    game = Game(lambda params, batch: (0.5 * tf.reduce_sum(tf.matmul(batch, params[0]) ** 2),)).at(x)
    assert gradients_per_step(chain(consensus(0.5), gradient_descent(0.1)), game, (tf.ones([3, 1]),)) == 2


ADJUSTMENTS = {"consensus": consensus(1.0), "sga": sga(1.0), "aligned": sga(1.0, "notebook")}


def products_run(function, params):
    """How many matrix products TensorFlow runs for a function, after its graph optimiser has been at it."""
    traced = tf.function(function, autograph=False).get_concrete_function(params)
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        tf.import_graph_def(traced.graph.as_graph_def(), name="")
        values = [leaf.numpy() for leaf in (*tf.nest.flatten(params), *traced.captured_inputs)]
        feeds = {graph.get_tensor_by_name(x.name): v for x, v in zip(traced.inputs, values, strict=True)}
        ran, asked = tf.compat.v1.RunMetadata(), tf.compat.v1.RunOptions(output_partition_graphs=True)
        session.run([x.name for x in traced.outputs], feeds, options=asked, run_metadata=ran)
    return sum("MatMul" in node.op for part in ran.partition_graphs for node in part.node)


@pytest.mark.parametrize("name", ADJUSTMENTS)
def test_as_many_products_are_counted_as_tensorflow_runs(name, monkeypatch):
    game, params = gan()

    def adjusted(params):
        return ADJUSTMENTS[name].update(game.gradient(params), (), params, game)[0]

    monkeypatch.setattr("descent.measures.operations._operations", lambda op: op.type == "MatMul")
    assert matmul_operations(adjusted, params) == products_run(adjusted, params)


def test_the_rotation_costs_at_most_two_gradients_beside_the_first():
    game, params = gan()
    cost = gradients_per_step(chain(sga(1.0), rmsprop_tf1(1e-4)), game, params)
    assert 1 < cost <= 3
    assert cost < gradients_per_step(chain(sga(1.0, "notebook"), rmsprop_tf1(1e-4)), game, params)
