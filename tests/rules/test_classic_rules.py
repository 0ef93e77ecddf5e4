"""The classic rules, step by step against other people's code."""

import keras
import numpy as np
import pytest

from descent import rules, vectors
from descent.games import Game
from descent.quiet import tf

STEPS = 100
START = [-1.2, 1.0, 0.5]


def valley(params, batch):
    """Rosenbrock's valley in two coordinates, and a wave in the third."""
    x, rest = params[0]["x"], params[0]["rest"]
    y, z = rest
    return ((1 - x) ** 2 + 10 * (y - x**2) ** 2 + tf.sin(3 * z) + 0.5 * z**2 * x,)


GAME = Game(valley)


def start(dtype):
    x, y, z = (tf.constant(v, dtype) for v in START)
    return ({"x": x, "rest": (y, z)},)


def trajectory(rule, dtype):
    """Parameters after each of STEPS steps, shape [STEPS, 3]; one compiled loop."""

    @tf.function(autograph=False)
    def run(params):
        def step(i, params, state, path):
            change, state = rule.update(GAME.gradient(params), state, params, GAME)
            params = vectors.add(params, change)
            return i + 1, params, state, path.write(i, tf.stack([params[0]["x"], *params[0]["rest"]]))

        path = tf.TensorArray(dtype, STEPS, element_shape=[3])
        loop = (tf.constant(0), params, rule.init(params), path)
        return tf.while_loop(lambda i, *_: i < STEPS, step, loop)[-1].stack()

    return run(start(dtype)).numpy()


def apply_repeatedly(apply, dtype):
    """Parameters after each step of an optimiser that moves variables."""
    variables = [tf.Variable(v, dtype=dtype) for v in START]
    path = []
    for _ in range(STEPS):
        x, y, z = variables
        params = ({"x": x.value(), "rest": (y.value(), z.value())},)
        gradient = GAME.gradient(params)[0]
        apply([gradient["x"], *gradient["rest"]], variables)
        path.append([v.numpy() for v in variables])
    return np.array(path)


# Powers of two and their sums, because Keras and TensorFlow 1 keep hyper-parameters as float32.
ETA, B1, B2 = 2.0**-6, 0.875, 1 - 2.0**-7
KERAS = {
    "gradient_descent": (rules.gradient_descent(ETA), lambda: keras.optimizers.SGD(ETA)),
    "momentum": (rules.momentum(ETA, B1), lambda: keras.optimizers.SGD(ETA, momentum=B1)),
    "nesterov": (rules.nesterov(ETA, B1), lambda: keras.optimizers.SGD(ETA, momentum=B1, nesterov=True)),
    "adagrad": (rules.adagrad(ETA * 8, B1), lambda: keras.optimizers.Adagrad(ETA * 8, initial_accumulator_value=B1)),
    "rmsprop": (rules.rmsprop(ETA, B1), lambda: keras.optimizers.RMSprop(ETA, rho=B1)),
    "adam": (rules.adam(ETA * 4, B1, B2), lambda: keras.optimizers.Adam(ETA * 4, beta_1=B1, beta_2=B2)),
    "amsgrad": (
        rules.amsgrad(ETA * 4, B1, B2),
        lambda: keras.optimizers.Adam(ETA * 4, beta_1=B1, beta_2=B2, amsgrad=True),
    ),
}


@pytest.mark.parametrize("name", KERAS)
def test_equals_keras_over_a_hundred_steps(name):
    rule, make_optimizer = KERAS[name]
    optimizer = make_optimizer()
    theirs = apply_repeatedly(lambda g, v: optimizer.apply_gradients(zip(g, v, strict=True)), tf.float64)
    ours = trajectory(rule, tf.float64)
    assert np.linalg.norm(theirs[-1] - START) > 0.1  # it went somewhere
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


# Compared in float32, as Keras keeps .001 and .1 so; a hundred steps in the valley amplify its rounding.
DEFAULTS = {
    "adagrad": (rules.adagrad, keras.optimizers.Adagrad),
    "rmsprop": (rules.rmsprop, keras.optimizers.RMSprop),
    "adam": (rules.adam, keras.optimizers.Adam),
    "amsgrad": (rules.amsgrad, lambda eta: keras.optimizers.Adam(eta, amsgrad=True)),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_keras_s(name):
    make_rule, make_optimizer = DEFAULTS[name]
    optimizer = make_optimizer(0.01)
    theirs = apply_repeatedly(lambda g, v: optimizer.apply_gradients(zip(g, v, strict=True)), tf.float32)
    np.testing.assert_allclose(trajectory(make_rule(0.01), tf.float32), theirs, rtol=2e-4)


def test_rmsprop_tf1_has_tensorflow_1s_defaults():
    optimizer = tf.compat.v1.train.RMSPropOptimizer(0.01)
    theirs = apply_repeatedly(lambda g, v: optimizer.apply_gradients(list(zip(g, v, strict=True))), tf.float32)
    ours = trajectory(rules.rmsprop_tf1(0.01), tf.float32)
    np.testing.assert_allclose(ours, theirs, rtol=2e-4)
    assert np.abs(ours - trajectory(rules.rmsprop(0.01), tf.float32)).max() > 0.01


@pytest.mark.parametrize("epsilon", [2.0**-33, 0.5])
def test_rmsprop_tf1_equals_tensorflow_1(epsilon):
    optimizer = tf.compat.v1.train.RMSPropOptimizer(ETA, decay=B1, epsilon=epsilon)
    theirs = apply_repeatedly(lambda g, v: optimizer.apply_gradients(list(zip(g, v, strict=True))), tf.float64)
    np.testing.assert_allclose(trajectory(rules.rmsprop_tf1(ETA, B1, epsilon), tf.float64), theirs, rtol=1e-10)


@pytest.mark.parametrize("beta", [-0.5, 0.5])
def test_momentum_is_the_heavy_ball(beta):
    path = np.concatenate([[START] * 2, trajectory(rules.momentum(0.01, beta), tf.float64)])
    for before, here, after in zip(path[:8], path[1:9], path[2:10], strict=True):
        x, y, z = (tf.constant(v) for v in here)
        gradient = GAME.gradient(({"x": x, "rest": (y, z)},))[0]
        descent = here - 0.01 * np.array([gradient["x"], *gradient["rest"]])
        np.testing.assert_allclose(after, descent + beta * (here - before), rtol=1e-12)


def test_optimistic_equals_optax():
    optax = pytest.importorskip("optax")
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        transform = optax.optimistic_gradient_descent(0.01)
        state = transform.init(jax.numpy.zeros(3))
        memory = [state]

        def apply(gradients, variables):
            update, memory[0] = transform.update(jax.numpy.array([g.numpy() for g in gradients]), memory[0])
            for variable, change in zip(variables, update, strict=True):
                variable.assign_add(float(change))

        theirs = apply_repeatedly(apply, tf.float64)
    np.testing.assert_allclose(trajectory(rules.optimistic(0.01), tf.float64), theirs, rtol=1e-10)


def test_optimistic_zero_start_doubles_the_first_step_only():
    plain, doubled = (trajectory(rules.optimistic(0.01, zero_start=z), tf.float64) for z in (False, True))
    np.testing.assert_allclose(doubled[0] - START, 2 * (plain[0] - START), rtol=1e-12)
    np.testing.assert_allclose(plain[0], trajectory(rules.gradient_descent(0.01), tf.float64)[0], rtol=1e-14)

    def xi(w):
        x, y, z = (tf.constant(v) for v in w)
        gradient = GAME.gradient(({"x": x, "rest": (y, z)},))[0]
        return np.array([gradient["x"], *gradient["rest"]])

    for path in (plain, doubled):
        for before, here, after in zip(path[:5], path[1:6], path[2:7], strict=True):
            np.testing.assert_allclose(after, here - 0.01 * (2 * xi(here) - xi(before)), rtol=1e-11)
