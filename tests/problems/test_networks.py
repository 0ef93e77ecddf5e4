import keras
import numpy as np
import pytest

from descent.problems.networks import mlp
from descent.quiet import tf


@pytest.mark.parametrize("bias", [True, False])
def test_forward_pass_equals_keras(bias):
    net = mlp([3, 5, 4, 2], tf.nn.tanh, bias=bias, initializer="keras")
    rng = np.random.default_rng(0)
    params = tf.nest.map_structure(lambda leaf: tf.constant(rng.normal(size=leaf.shape), tf.float32), net.init(1))
    layers = [keras.layers.Dense(n, activation=a, use_bias=bias) for n, a in [(5, "tanh"), (4, "tanh"), (2, None)]]
    model = keras.Sequential([keras.Input([3]), *layers])
    for layer, weights in zip(layers, params, strict=True):
        layer.set_weights([w.numpy() for w in weights])
    x = rng.normal(size=(7, 3)).astype(np.float32)
    np.testing.assert_allclose(net(params, tf.constant(x)), model(x), rtol=1e-5, atol=1e-6)


def test_initialisations_have_the_moments_of_their_sources():
    # 90,000 weights: the sample standard deviation is within 1% of the law's by more than four standard errors.
    shape = [300, 300]
    sonnet, glorot, normal = (
        mlp(shape, initializer=name).init(3)[0][0].numpy() for name in ("sonnet", "keras", ("normal", 0.02))
    )
    reference = keras.initializers.GlorotUniform(seed=0)(shape).numpy()
    assert np.abs(sonnet).max() <= 2 / np.sqrt(300)
    assert sonnet.std() == pytest.approx(0.87962566 / np.sqrt(300), rel=0.01)
    assert glorot.std() == pytest.approx(reference.std(), rel=0.01)
    assert np.abs(glorot).max() == pytest.approx(np.abs(reference).max(), rel=1e-3)
    assert normal.std() == pytest.approx(0.02, rel=0.01)


def test_one_seed_gives_every_weight_and_layers_differ():
    net = mlp([4, 4, 4])
    first, again, other = net.init(5), net.init(5), net.init(6)
    np.testing.assert_array_equal(first[0][0], again[0][0])
    assert not np.array_equal(first[0][0], other[0][0])
    assert not np.array_equal(first[0][0], first[1][0])
    np.testing.assert_array_equal(net.init(tf.constant([5, 0]))[1][0], first[1][0])


def test_init_maps_over_seeds():
    net = mlp([2, 3, 1])
    lanes = tf.vectorized_map(net.init, tf.constant([[7, 0], [8, 0]]))
    np.testing.assert_array_equal(lanes[0][0][1], net.init(8)[0][0])


def test_float64_and_leading_axes():
    net = mlp([2, 3, 1])
    params = net.init(0, tf.float64)
    assert net(params, tf.ones([5, 6, 2], tf.float64)).shape == [5, 6, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"sizes": [3]}, "at least two"), ({"sizes": [3, 1], "initializer": "he"}, "'sonnet', 'keras'")],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        mlp(**arguments)
