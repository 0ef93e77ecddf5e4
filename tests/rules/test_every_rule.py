"""What every rule must do: run in a compiled loop, in mapped lanes, in both precisions, on nested players."""

import numpy as np
import pytest

from descent import rules, vectors
from descent.games import Game
from descent.quiet import tf

RULES = {
    "gradient_descent": rules.gradient_descent,
    "momentum": lambda eta: rules.momentum(eta, -0.3),
    "nesterov": rules.nesterov,
    "adagrad": rules.adagrad,
    "rmsprop": rules.rmsprop,
    "rmsprop_tf1": rules.rmsprop_tf1,
    "adam": rules.adam,
    "amsgrad": rules.amsgrad,
    "optimistic": rules.optimistic,
    "extragradient": rules.extragradient,
    "lookahead": rules.lookahead,
    "lcgd": lambda eta: rules.lookahead(eta, linear=True),
    "cgd": lambda eta: rules.cgd(eta, tolerance=1e-12),
    "cgd_warm": lambda eta: rules.cgd(eta, tolerance=1e-12, warm_start=True),
    "sga": lambda eta: rules.chain(rules.sga(1.0), rules.rmsprop_tf1(eta)),
    "sga_strength": lambda strength: rules.chain(rules.sga(strength), rules.gradient_descent(0.05)),
    "sga_paper": lambda eta: rules.chain(rules.sga(1.0, "paper"), rules.adam(eta)),
    "sga_notebook": lambda eta: rules.chain(rules.sga(1.0, "notebook"), rules.gradient_descent(eta)),
    "consensus": lambda gamma: rules.chain(rules.consensus(gamma), rules.gradient_descent(0.05)),
    "consensus_sign": lambda eta: rules.chain(rules.consensus(0.5, "sign"), rules.momentum(eta)),
    "alternating": lambda eta: rules.alternating(rules.optimistic(eta)),
    "clip": lambda eta: rules.chain(rules.clip(0.3), rules.gradient_descent(eta)),
    "when_finite": lambda eta: rules.when_finite(rules.momentum(eta)),
}
ETAS = np.array([0.0, 0.01, 0.05, 0.1, 0.3])
STEPS = 4


def losses(params, batch):
    """General-sum, nonlinear; a player with a dictionary against a player with a pair."""
    (x, y), slope = params, 0.3
    inner = tf.reduce_sum(x["w"] * y[0]) + x["b"] * y[1]
    f = tf.tanh(inner) + slope * tf.reduce_sum(x["w"] ** 2) + 0.1 * x["b"] ** 4
    g = -inner + tf.sin(y[1]) + slope * tf.reduce_sum(y[0] ** 2)
    return f, g


GAME = Game(losses)


def start(dtype):
    x = {"w": tf.constant([0.6, -0.2], dtype), "b": tf.constant(0.9, dtype)}
    return x, (tf.constant([0.3, 0.5], dtype), tf.constant(-0.4, dtype))


def run(make_rule, eta, dtype):
    """A few steps in a compiled loop, which by itself demands that the state keep its structure, shapes and dtypes."""
    rule, params = make_rule(eta), start(dtype)

    def step(i, params, state):
        change, state = rule.update(GAME.gradient(params), state, params, GAME)
        return i + 1, vectors.add(params, change), state

    return tf.while_loop(lambda i, *_: i < STEPS, step, (tf.constant(0), params, rule.init(params)))[1]


@pytest.mark.parametrize("name", RULES)
def test_mapped_lanes_equal_a_loop_and_nothing_is_traced_twice(name):
    one = tf.function(lambda eta: run(RULES[name], eta, tf.float64), autograph=False)
    many = tf.function(
        lambda etas: tf.vectorized_map(lambda eta: run(RULES[name], eta, tf.float64), etas), autograph=False
    )
    looped = np.array([vectors.flatten(one(tf.constant(eta, tf.float64))) for eta in ETAS])
    mapped = [
        vectors.flatten(tf.nest.map_structure(lambda leaf, k=k: leaf[k], many(tf.constant(ETAS)))) for k in range(5)
    ]
    np.testing.assert_allclose(mapped, looped, rtol=1e-9, atol=1e-12)
    assert np.ptp(looped, axis=0).max() > 1e-3  # lanes differ
    assert one.experimental_get_tracing_count() == 1
    assert many.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", RULES)
def test_single_precision_and_python_numbers(name):
    for eta in (0.05, tf.constant(0.05, tf.float64)):
        rule = RULES[name](eta)
        steps = {}
        for dtype in (tf.float32, tf.float64):
            params = start(dtype)
            state = rule.init(params)
            for _ in range(2):
                change, state = rule.update(GAME.gradient(params), state, params, GAME)
                tf.nest.assert_same_structure(change, params)
                assert all(leaf.dtype == dtype for leaf in tf.nest.flatten(change))
                params = vectors.add(params, change)
            floating = [leaf for leaf in tf.nest.flatten(state) if leaf.dtype.is_floating]
            assert all(leaf.dtype == dtype for leaf in floating)
            steps[dtype] = vectors.flatten(change).numpy()
        np.testing.assert_allclose(steps[tf.float32], steps[tf.float64], rtol=1e-4, atol=1e-6)


def test_exported_names_exist():
    assert sorted(rules.__all__) == list(rules.__all__)
    for name in rules.__all__:
        assert hasattr(rules, name)


def test_chain_hands_xi_on_in_order():
    shift = rules.stateless(lambda xi, p, g: tf.nest.map_structure(lambda leaf: leaf + 1, xi), rules.Adjustment)
    rule = rules.chain(rules.scale(2.0), shift, rules.gradient_descent(1.0))
    change, state = rule.update((tf.constant(3.0),), rule.init((tf.constant(0.0),)), (tf.constant(0.0),), GAME)
    assert change[0] == -7.0
    assert state == ((), (), ())
