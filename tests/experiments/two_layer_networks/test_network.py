"""The network: its gradient against the formula and finite differences, its lanes, its descent by pre-activations."""

import numpy as np
import pytest

from descent.experiments.two_layer_networks.kernels import circle_inputs, finite_gram
from descent.experiments.two_layer_networks.network import (
    Lanes,
    activation_sweep,
    draw,
    outputs,
    through_gram,
    weight_game,
)
from descent.quiet import tf
from descent.rules import gradient_descent
from descent.simulate import Simulator

RNG = np.random.default_rng(0)
N, D, M, ETA = 6, 9, 24, 0.5
X = RNG.normal(size=(N, D))
X /= np.linalg.norm(X, axis=1, keepdims=True)
Y = RNG.normal(size=N)


def numpy_network(x, w, a):
    return np.maximum(x @ w, 0) @ a / np.sqrt(w.shape[1])


def test_draws_are_the_papers_and_the_antisymmetric_start_is_zero():
    w, a = draw(0, 50, 4000)
    # 200,000 normals: the variance's standard error is .003, the mean sign's .016; five of them, twice: once in 1e6
    assert abs(w.var() - 1) < 0.016 and abs(a.mean()) < 0.08 and set(a) == {-1.0, 1.0}
    w, a = draw(0, D, M, antisymmetric=True)
    assert abs(numpy_network(X, w, a)).max() < 1e-15
    with pytest.raises(ValueError, match="must be even"):
        draw(0, D, 25, antisymmetric=True)


def test_the_gradient_is_the_formula_and_finite_differences():
    w, a = draw(1, D, M)
    game = weight_game(X, 1 / N).at((tf.constant(Y), tf.constant(a)))
    (found,) = game.gradient((tf.constant(w),))
    residual = numpy_network(X, w, a) - Y
    formula = X.T @ ((X @ w >= 0) * np.outer(residual, a)) / (N * np.sqrt(M))
    np.testing.assert_allclose(found, formula, atol=1e-15)
    direction = RNG.normal(size=w.shape)
    loss = [((numpy_network(X, w + h * direction, a) - Y) ** 2).sum() / (2 * N) for h in (1e-6, -1e-6)]
    assert (loss[0] - loss[1]) / 2e-6 == pytest.approx((formula * direction).sum(), rel=1e-7)


def test_one_small_step_moves_the_outputs_by_the_kernel():
    w, a = draw(2, D, M)
    u = Lanes(X, weight=1.0).run(Y, [(w, a)], 1e-7, 2)[:, 0]
    np.testing.assert_allclose((u[1] - u[0]) / 1e-7, -finite_gram(X, w) @ (u[0] - Y), rtol=1e-5, atol=1e-7)


def test_lanes_are_networks_trained_alone_by_numpy():
    starts = [draw(seed, D, M) for seed in (3, 4)]
    u = Lanes(X, every=2, weight=1.0).run(np.stack([Y, -Y]), starts, ETA, 6)
    assert u.shape == (6, 2, N)
    for lane, ((w, a), y) in enumerate(zip(starts, (Y, -Y), strict=True)):
        w = w.copy()
        for record in range(6):
            np.testing.assert_allclose(u[record, lane], numpy_network(X, w, a), atol=1e-12)
            for _ in range(2):
                w -= ETA * X.T @ ((X @ w >= 0) * np.outer(numpy_network(X, w, a) - y, a)) / np.sqrt(M)


@pytest.fixture(scope="module")
def by_activations():
    starts = [draw(seed, D, M) for seed in (5, 6)]
    sweep = activation_sweep(every=3)

    def run():
        z0 = np.stack([X @ w for w, _ in starts])
        gram = np.stack([X @ X.T] * 2)
        batches = (np.stack([Y, Y]), np.stack([a for _, a in starts]), z0)
        return sweep.run((np.full(2, ETA), gram), (z0,), 5, batches)["descent"]

    return starts, sweep, run


def test_descent_by_pre_activations_is_descent_on_the_weights(by_activations):
    starts, _, run = by_activations
    records = run()
    for lane, (w0, a) in enumerate(starts):
        w = w0.copy()
        for record in range(5):
            z = X @ w
            residual = numpy_network(X, w, a) - Y
            found = {name: values[record, lane].numpy() for name, values in records.items()}
            assert found["loss"] == pytest.approx(residual @ residual, rel=1e-10)
            assert found["patterns"] == np.mean((z >= 0) != (X @ w0 >= 0))
            assert found["movement"] == pytest.approx(np.linalg.norm(w - w0, axis=0).max(), abs=1e-9)
            assert found["smallest"] == pytest.approx(np.linalg.eigvalsh(finite_gram(X, w))[0], abs=1e-13)
            for _ in range(3):
                w -= ETA * X.T @ ((X @ w >= 0) * np.outer(numpy_network(X, w, a) - Y, a)) / np.sqrt(M)


def test_one_program_serves_every_call(by_activations):
    _, sweep, run = by_activations
    run()
    before = sweep.traces
    run()
    assert sweep.traces == before


def test_the_simulator_runs_the_same_rule(by_activations):
    starts, _, run = by_activations
    from descent.experiments.two_layer_networks.network import activation_game

    (w, a), z0 = starts[0], X @ starts[0][0]
    game = activation_game().at((tf.constant(Y), tf.constant(a), tf.constant(z0)))
    z = Simulator(game, through_gram(ETA, tf.constant(X @ X.T))).run((z0,), 12).params[0]
    loss = np.sum((outputs(z, tf.constant(a)).numpy() - Y) ** 2)
    assert loss == pytest.approx(run()["loss"][-1, 0].numpy(), rel=1e-10)
    game = weight_game(X, 1.0).at((tf.constant(Y), tf.constant(a)))
    w = Simulator(game, gradient_descent(ETA)).run((w,), 12).params[0]
    np.testing.assert_allclose(X @ w.numpy(), z, atol=1e-12)


def test_outputs_of_the_circle_without_a_bias_keep_cos_3_theta():
    from descent.experiments.two_layer_networks.circle import amplitudes, grid

    n = 32
    x, y = circle_inputs(grid(n), False), np.cos(3 * grid(n)) + np.cos(2 * grid(n))
    u = Lanes(x, every=20).run(y, [draw(0, 2, 64, antisymmetric=True)], 4.0, 4)
    left = amplitudes(u[:, 0] - y, [2, 3])
    assert abs(left[-1, 0]) < 0.1
    np.testing.assert_allclose(left[:, 1], -1, atol=1e-13)
