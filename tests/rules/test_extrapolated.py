import numpy as np

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules import extragradient, gradient_descent, rmsprop_tf1
from descent.rules.extrapolated import extrapolated


def losses(params, batch):
    x, y = params
    f = tf.reduce_sum(tf.sin(x)) * tf.reduce_sum(y**2) + tf.reduce_sum(x * y)
    return f, -f


GAME = Game(losses)
START = (tf.constant([0.3, -1.2], tf.float64), tf.constant([0.7, 0.4], tf.float64))


def path(rule, steps=4):
    params, state = START, rule.init(START)
    for _ in range(steps):
        change, state = rule.update(GAME.gradient(params), state, params, GAME)
        params = vectors.add(params, change)
    return vectors.flatten(params).numpy()


def test_around_gradient_descent_it_is_extragradient():
    np.testing.assert_allclose(path(extrapolated(gradient_descent(0.1))), path(extragradient(0.1)), rtol=1e-14)


def test_around_rmsprop_the_trial_leaves_no_trace_in_the_state():
    def gradient(w):
        return vectors.flatten(GAME.gradient((tf.constant(w[:2]), tf.constant(w[2:])))).numpy()

    w, v, eta = np.concatenate([x.numpy() for x in START]), np.ones(4), 0.05
    for _ in range(4):
        g = gradient(w)
        trial = w - eta * g / np.sqrt(0.9 * v + 0.1 * g**2 + 1e-10)
        g = gradient(trial)
        v = 0.9 * v + 0.1 * g**2
        w = w - eta * g / np.sqrt(v + 1e-10)
    np.testing.assert_allclose(path(extrapolated(rmsprop_tf1(eta))), w, rtol=1e-12)
