"""Each learned optimiser against an independent account of what it computes."""

import keras
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.games import Game
from descent.learned import (
    k_momentums,
    learnable_gradient_descent,
    lstm_optimizer,
    mlp_optimizer,
    multiscale_adam,
    normalized_history,
    rnnprop,
)
from descent.learned.history import MAGNITUDES, direction
from descent.learned.lstm import Cell, CellState, cell_step, log_and_sign, lstm_init
from descent.learned.multiscale_adam import SCALES, Moments, moments, proposals
from descent.quiet import tf
from descent.simulate import Simulator

MAKERS = {
    "normalized_history": lambda: normalized_history(5),
    "k_momentums": lambda: k_momentums(4),
    "multiscale_adam, average": lambda: multiscale_adam("average"),
    "multiscale_adam, mlp": lambda: multiscale_adam("mlp", layers=2),
    "lstm_optimizer": lambda: lstm_optimizer(units=7),
    "rnnprop": lambda: rnnprop(units=6),
    "mlp_optimizer": lambda: mlp_optimizer(hidden=8),
    "learnable_gradient_descent": lambda: learnable_gradient_descent(0.1),
}
BOWL = Game(lambda params, batch: (tf.reduce_sum(tf.square(params[0]["a"])) + tf.reduce_sum(params[0]["b"] ** 4),))


def follow(optimizer, weights, gradients, x):
    """Feed given gradients to the rule; return the positions, the first one included."""
    rule = optimizer.rule(weights)
    params = (tf.constant(x),)
    state = rule.init(params)
    path = [x]
    for g in gradients:
        step, state = rule.update((tf.constant(g),), state, params, None)
        params = (params[0] + step[0],)
        path.append(params[0].numpy())
    return np.array(path)


def numpy_net(weights, inputs):
    """A ReLU network on NumPy arrays."""
    for k, (w, b) in enumerate(weights):
        inputs = np.maximum(inputs, 0) if k else inputs
        inputs = inputs @ w.numpy() + b.numpy()
    return inputs


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.fixture(scope="module")
def gradients():
    return np.random.default_rng(0).normal(size=(12, 9)) * np.logspace(-6, 3, 9)


@pytest.mark.parametrize("name", MAKERS)
def test_a_learned_rule_is_a_rule(name):
    optimizer = MAKERS[name]()
    start = ({"a": np.ones((2, 3), np.float32), "b": np.full(4, 0.5, np.float32)},)
    simulator = Simulator(BOWL, optimizer.rule(optimizer.init(3)), record=lambda p, s, g: g.losses(p)[0], every=2)
    first, second = (simulator.run(start, 6) for _ in range(2))
    assert np.isfinite(first.records).all() and first.records[-1] != first.records[0]
    np.testing.assert_array_equal(first.records, second.records)
    assert simulator.traces == 1


@pytest.mark.parametrize("name", MAKERS)
def test_the_key_gives_the_weights(name):
    optimizer = MAKERS[name]()
    first, again, other = (tf.nest.flatten(optimizer.init(key)) for key in (1, tf.constant([1, 0]), 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    if name not in ("learnable_gradient_descent", "multiscale_adam, average"):  # theirs are not drawn
        assert any((a.numpy() != b.numpy()).any() for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=3, deadline=None)
@given(order=st.permutations(range(9)))
def test_coordinates_are_treated_alike(name, gradients, order):
    optimizer = MAKERS[name]()
    weights = optimizer.init(5, tf.float64)
    x = np.linspace(-1, 1, 9)
    path = follow(optimizer, weights, gradients[:3], x)
    permuted = follow(optimizer, weights, gradients[:3, order], x[order])
    np.testing.assert_allclose(permuted, path[:, order], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["normalized_history", "k_momentums"])
@settings(max_examples=5, deadline=None)
@given(power=st.integers(-40, 40))
def test_normalised_inputs_do_not_see_the_scale_of_the_loss(name, gradients, power):
    optimizer = MAKERS[name]()
    weights = optimizer.init(1, tf.float64)
    x = np.linspace(-1, 1, 9)
    np.testing.assert_array_equal(
        follow(optimizer, weights, gradients * 2.0**power, x), follow(optimizer, weights, gradients, x)
    )


def test_normalised_history_is_the_formula(gradients):
    k, eta_min = 5, 1e-2
    optimizer = normalized_history(k, eta_min=eta_min)
    weights = optimizer.init(2, tf.float64)
    x = np.linspace(-1, 1, 9)
    path = follow(optimizer, weights, gradients, x)
    past_g, past_x = [np.zeros(9)] * k, [x] * k
    for step, g in enumerate(gradients):
        past_g, past_x = [g, *past_g[:-1]], [x, *past_x[:-1]]
        row = np.array(past_g).T
        logits = numpy_net(weights, row / abs(row).max(1, keepdims=True))
        delta = softmax(logits[:, :10]) @ MAGNITUDES * (softmax(logits[:, 10:]) @ [-1, 1])
        high, low = np.max(past_x, 0), np.min(past_x, 0)
        x = (high + low) / 2 + delta * (high - low + eta_min)
        np.testing.assert_allclose(path[step + 1], x, rtol=1e-12, atol=1e-14)


def test_k_momentums_is_the_formula(gradients):
    k, eta_min = 4, 1e-2
    optimizer = k_momentums(k, eta_min=eta_min)
    weights = optimizer.init(2, tf.float64)
    x = np.linspace(-1, 1, 9)
    path = follow(optimizer, weights, gradients, x)
    decays = np.linspace(0.2, 0.99, k)[:, None]
    mean_g, mean_x = np.zeros((k, 9)), np.tile(x, (k, 1))
    for step, g in enumerate(gradients):
        mean_g = decays * mean_g + (1 - decays) * g
        mean_x = decays * mean_x + (1 - decays) * x
        logits = numpy_net(weights, (mean_g / abs(mean_g).max(0)).T)
        delta = softmax(logits[:, :10]) @ MAGNITUDES * (softmax(logits[:, 10:]) @ [-1, 1])
        x = x + delta * (mean_x.max(0) - mean_x.min(0) + eta_min)
        np.testing.assert_allclose(path[step + 1], x, rtol=1e-11, atol=1e-14)


def test_a_coordinate_without_gradient_is_no_nan():
    for name in ("normalized_history", "k_momentums", "multiscale_adam, mlp", "lstm_optimizer", "rnnprop"):
        optimizer = MAKERS[name]()
        path = follow(optimizer, optimizer.init(1), np.zeros((3, 2), np.float32), np.ones(2, np.float32))
        assert np.isfinite(path).all(), name


def test_direction_is_bounded_and_signed():
    certain = np.full((3, 12), -50.0)
    certain[0, [9, 11]] = 50  # largest magnitude, plus
    certain[1, [9, 10]] = 50  # largest magnitude, minus
    certain[2, [0, 11]] = 50  # no magnitude
    np.testing.assert_allclose(direction(tf.constant(certain)), [1, -1, 0], atol=1e-12)


@pytest.mark.parametrize("scale", range(len(SCALES)))
def test_one_adam_alone_is_optax_adam(scale, gradients):
    optimizer = multiscale_adam(learning_rate=0.01)
    weights = tf.one_hot(scale, len(SCALES), dtype=tf.float64) * -3  # the sign does not matter
    x = np.linspace(-1, 1, 9)
    reference = optax.adam(0.01, *SCALES[scale], eps=1e-8)
    state, expected = reference.init(x.astype(np.float32)), [x]
    for g in gradients:
        step, state = reference.update(g.astype(np.float32), state)
        expected.append(expected[-1] + np.array(step))
    np.testing.assert_allclose(follow(optimizer, weights, gradients, x), expected, rtol=1e-4, atol=1e-6)


def test_the_mixture_of_adams_is_convex(gradients):
    optimizer = multiscale_adam("mlp", learning_rate=0.01)
    x = np.linspace(-1, 1, 9)
    mixed = np.diff(follow(optimizer, optimizer.init(4, tf.float64), gradients, x), axis=0)
    alone = multiscale_adam(learning_rate=0.01)
    each = [np.diff(follow(alone, row, gradients, x), axis=0) for row in tf.eye(len(SCALES), dtype=tf.float64)]
    assert (mixed <= np.max(each, 0) + 1e-12).all() and (mixed >= np.min(each, 0) - 1e-12).all()


@pytest.mark.parametrize(("step", "ratio"), [(20, 4.08), (2000, 0.369)])
def test_a_clock_that_ticks_once_per_unroll_mistimes_the_slow_adam(step, ratio):
    # Under a constant gradient Adam's proposal is 1 at any time; the ratio in closed form, and simulated.
    beta1, beta2 = SCALES[0]
    ticks = -(-step // 20)
    late = np.sqrt(1 - beta2**ticks) / (1 - beta1**ticks) * (1 - beta1**step) / np.sqrt(1 - beta2**step)
    state = Moments(tf.zeros([], tf.int64), tf.zeros([1, 6], tf.float64), tf.zeros([1, 6], tf.float64))
    for _ in range(step):
        state = moments(tf.constant([0.7], tf.float64), state)
    np.testing.assert_allclose(proposals(state), np.ones((1, 6)), rtol=1e-6)
    assert float(proposals(state, clock=20)[0, 0]) == pytest.approx(late, rel=1e-6)
    assert late == pytest.approx(ratio, rel=5e-3)


def test_lstm_cell_is_keras_cell():
    rng = np.random.default_rng(0)
    reference = keras.layers.LSTMCell(5, unit_forget_bias=False)
    inputs, h, c = (rng.normal(size=(4, n)).astype(np.float32) for n in (3, 5, 5))
    kernel, bias = rng.normal(size=(8, 20)).astype(np.float32), rng.normal(size=20).astype(np.float32)
    reference.build((4, 3))
    forget_open = np.repeat([0, 1, 0, 0], 5).astype(np.float32)
    reference.set_weights([kernel[:3], kernel[3:], bias + forget_open])
    _, (expected_h, expected_c) = reference(inputs, [h, c])
    new = cell_step(Cell(tf.constant(kernel), tf.constant(bias)), tf.constant(inputs), CellState(h, c))
    np.testing.assert_allclose(new.h, expected_h, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(new.c, expected_c, rtol=1e-5, atol=1e-6)


def test_log_and_sign():
    p = 3.0
    xi = np.array([0.0, np.exp(-4), -np.exp(-3), 1.0, -np.exp(2)])
    expected = [(-1, 0), (-1, np.exp(-1)), (-1, -1), (0, 1), (2 / 3, -1)]
    np.testing.assert_allclose(log_and_sign(tf.constant(xi), p), expected, rtol=1e-12, atol=1e-12)


def test_rnnprop_reads_adams_inputs_and_steps_within_its_scale(gradients):
    optimizer = rnnprop(units=4, layers=1, scale=0.1)
    weights = optimizer.init(0, tf.float64)
    gradients = 1e9 * gradients  # far above the epsilon in the denominators
    steps = np.diff(follow(optimizer, weights, gradients, np.zeros(9)), axis=0)
    assert abs(steps).max() <= 0.1
    # Both inputs are ratios of gradients, so their common scale does not show.
    larger = np.diff(follow(optimizer, weights, 8 * gradients, np.zeros(9)), axis=0)
    np.testing.assert_allclose(larger, steps, rtol=1e-9)
    # The first step sees (1, 1) times the sign of the gradient, whatever the decays are.
    sign = np.sign(gradients[0])[:, None] * np.ones(2)
    front = sign @ weights.front[0].numpy()
    front = np.where(front > 0, front, np.expm1(front))
    cell, nothing = weights.lstm.cells[0], tf.zeros([9, 4], tf.float64)
    h = cell_step(cell, tf.constant(front), CellState(nothing, nothing)).h.numpy()
    expected = -0.1 * np.tanh(h @ weights.lstm.output[0].numpy() + weights.lstm.output[1].numpy())[:, 0]
    np.testing.assert_allclose(steps[0], expected, rtol=1e-9)


def test_mlp_optimizer_is_its_nineteen_features(gradients):
    optimizer = mlp_optimizer(hidden=8)
    weights = optimizer.init(2, tf.float64)
    x = np.linspace(-1, 1, 9)
    path = follow(optimizer, weights, gradients, x)
    mean, decays = np.zeros((9, 6)), np.array([0.1, 0.5, 0.9, 0.99, 0.999, 0.9999])
    taus = np.array([1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000])
    for t, g in enumerate(gradients):
        mean = decays * mean + (1 - decays) * g[:, None]
        seen = np.column_stack([g, x, mean])
        seen /= np.sqrt(1e-5 + (seen**2).mean(0))
        output = numpy_net(weights, np.column_stack([seen, np.tile(np.tanh(t / taus - 1), (9, 1))]))
        x = x - 1e-3 * output[:, 0] * np.exp(1e-3 * output[:, 1])
        np.testing.assert_allclose(path[t + 1], x, rtol=1e-10)


def test_another_weighting_is_refused():
    with pytest.raises(ValueError, match="'average' or 'mlp'"):
        multiscale_adam("median")


def test_weights_of_an_lstm_have_the_spread_of_their_inputs():
    """Normal, cut at two standard deviations, which leaves .88 of it: 3% is eight standard errors of 40,000 draws."""
    cells, (out, _) = lstm_init(tf.constant([3, 4]), 60, 40, 2, tf.float64)
    for (w, _), inputs in zip(cells, (100, 80), strict=True):
        assert w.shape == (inputs, 160) and w.numpy().std() == pytest.approx(0.8796 * inputs**-0.5, rel=0.03)
    assert out.shape == (40, 1)
