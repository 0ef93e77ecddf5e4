import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent import vectors
from descent.games import Game
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules.gradient_descent import gradient_descent
from descent.rules.implicit import implicit, implicit_dense
from descent.simulate import Simulator
from descent.solvers.curvature import gauss_newton
from descent.stability.linearisation import Linearisation
from descent.sweep import Sweep

NET = mlp([4, 5, 3], tf.nn.tanh)
rng = np.random.default_rng(0)
PARAMS = (tf.nest.map_structure(lambda leaf: tf.constant(rng.normal(size=leaf.shape)), NET.init(0)),)
BATCH = (tf.constant(rng.normal(size=(7, 4))), tf.constant(rng.integers(0, 3, 7)))


def outputs(params, batch):
    return NET(params[0], batch[0])


def cross_entropy(z, batch):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], z))


NETWORK = Game(lambda params, batch: (cross_entropy(outputs(params, batch), batch),), BATCH)


def quadratic(eigenvalues, dtype=tf.float64):
    diagonal = tf.constant(eigenvalues, dtype)
    return Game(lambda params, batch: (tf.reduce_sum(diagonal * params[0] ** 2) / 2,))


def step_of(rule, game, params):
    step, state = rule.update(game.gradient(params), rule.init(params), params, game)
    return vectors.flatten(step).numpy(), state


def dense_step(game, params, eta, rows=slice(None)):
    h, g = game.jacobian(params).numpy()[rows][:, rows], vectors.flatten(game.gradient(params)).numpy()[rows]
    return np.linalg.solve(np.eye(len(g)) + eta * h, -eta * g)


# At eta = 0.3 every eigenvalue of I + eta H is positive; at 30 some are not, and the solve must be told to go on.
@pytest.mark.parametrize(("eta", "negative"), [(0.3, "stop"), (0.3, "ignore"), (30.0, "ignore")])
def test_step_equals_the_dense_solve_on_a_network(eta, negative):
    step, state = step_of(
        implicit(eta, tolerance=1e-13, max_iterations=500, negative_curvature=negative), NETWORK, PARAMS
    )
    np.testing.assert_allclose(step, dense_step(NETWORK, PARAMS, eta), rtol=1e-8, atol=1e-10)
    assert state.truncated == 0
    assert int(state.products) == int(state.iterations) > 3
    np.testing.assert_allclose(step, step_of(implicit_dense(eta), NETWORK, PARAMS)[0], rtol=1e-8, atol=1e-10)


def test_part_of_the_parameters_solves_its_block_and_the_rest_steps_explicitly():
    only = ([(False, True), (True, True)],)  # b1, W2, b2
    step, _ = step_of(implicit(0.5, only=only, tolerance=1e-13), NETWORK, PARAMS)
    g = vectors.flatten(NETWORK.gradient(PARAMS)).numpy()
    np.testing.assert_allclose(step[:20], -0.5 * g[:20], rtol=1e-12)
    np.testing.assert_allclose(step[20:], dense_step(NETWORK, PARAMS, 0.5, slice(20, None)), rtol=1e-8, atol=1e-11)


def test_gauss_newton_is_never_truncated_and_solves_its_own_system():
    rule = implicit(30.0, gauss_newton(outputs, cross_entropy), tolerance=1e-12, max_iterations=500)
    step, state = step_of(rule, NETWORK, PARAMS)
    assert state.truncated == 0
    assert state.residual < 1e-11
    assert step_of(implicit(30.0), NETWORK, PARAMS)[1].truncated == 1
    assert not np.allclose(step, dense_step(NETWORK, PARAMS, 30.0), rtol=0.1)


@settings(deadline=None, max_examples=15)
@given(st.floats(-3, 6), st.lists(st.floats(1e-4, 1.0), min_size=1, max_size=6))
def test_factor_on_quadratics_for_every_step_size(log_eta, eigenvalues):
    eta, x = 10.0**log_eta, tf.ones([len(eigenvalues)], tf.float64)
    step, _ = step_of(implicit(eta, tolerance=1e-15, max_iterations=300), quadratic(eigenvalues), (x,))
    np.testing.assert_allclose(1 + step, 1 / (1 + eta * np.array(eigenvalues)), rtol=0, atol=1e-9)


def test_stiff_quadratic_explicit_diverges_above_two_over_L_and_implicit_never():
    # Condition number 1e4, L = 1: the bar. A float64 solve to 1e-14 leaves the factor good to 1e-9.
    eigenvalues = np.geomspace(1e-4, 1, 30)
    start, etas = np.ones((6, 30)), np.array([1.0, 1.99, 2.01, 1e2, 1e4, 1e6])
    rules = {"explicit": gradient_descent, "implicit": lambda eta: implicit(eta, tolerance=1e-14, max_iterations=400)}
    sweep = Sweep(quadratic(eigenvalues), rules, lambda params, state, game: params[0], every=3)
    out = sweep.run(etas, (start,), records=2)
    explicit, measured = (np.array(out[name][-1]) for name in rules)
    assert (np.abs(explicit[:2]) <= 1).all()
    assert (np.abs(explicit[2:, -1]) > 1).all()
    np.testing.assert_allclose(measured, (1 / (1 + etas[:, None] * eigenvalues)) ** 3, rtol=0, atol=1e-8)


def test_it_is_first_order_accurate_in_time_on_the_gradient_flow():
    # Backward Euler's global error at t = 1 is proportional to the step: halving it halves the error.
    game = Game(lambda params, batch: (tf.reduce_sum(tf.math.log(tf.cosh(params[0]))),))
    exact = np.arcsinh(np.sinh([1.5, -0.4]) * np.exp(-1))  # dx/dt = -tanh x
    errors = []
    for steps in (50, 100, 200):
        end = Simulator(game, implicit(1 / steps, tolerance=1e-14)).run((tf.constant([1.5, -0.4], tf.float64),), steps)
        errors.append(np.abs(end.params[0] - exact).max())
    assert np.diff(np.log2(errors)) == pytest.approx([-1, -1], abs=0.05)


def test_indefinite_curvature_steps_downhill_or_into_the_saddle():
    # f = (x^2 - y^2) / 2 at eta = 5: the linear algebra alone multiplies y by 1 / (1 - 5) and so finds the saddle.
    saddle, start = quadratic([1.0, -1.0]), (tf.constant([1.0, 0.1], tf.float64),)
    ignored = Simulator(saddle, implicit(5.0, negative_curvature="ignore")).run(start, 30)
    assert np.abs(ignored.params[0]).max() < 1e-12
    stopped = Simulator(saddle, implicit(5.0), record=lambda params, state, game: (params[0], state)).run(start, 10)
    assert stopped.records[1].truncated[-1] == 10
    path = stopped.records[0]
    assert (np.diff((path[:, 0] ** 2 - path[:, 1] ** 2) / 2) < 0).all()


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.floats(-2, 4))
def test_cold_started_steps_always_lead_downhill(seed, log_eta):
    random = np.random.default_rng(seed)
    h = random.normal(size=(5, 5))
    h, g = tf.constant(h + h.T), tf.constant(random.normal(size=5))
    game = Game(lambda p, _: (tf.tensordot(p[0], tf.linalg.matvec(h, p[0]), 1) / 2 + tf.tensordot(g, p[0], 1),))
    step, _ = step_of(implicit(10.0**log_eta), game, (tf.zeros([5], tf.float64),))
    assert np.dot(step, g) < 0


def test_it_bounces_off_where_the_curvature_lies():
    # f = sqrt(1 + t^2) from 3: eta = 1 converges, 10 ends in a two-cycle, 100 is beyond 70 in two steps.
    game = Game(lambda params, batch: (tf.sqrt(1 + params[0] ** 2),))
    start = (tf.constant(3.0, tf.float64),)
    ends = [Simulator(game, implicit(eta), record=lambda p, s, g: p[0]).run(start, 200).records for eta in (1.0, 10.0)]
    assert abs(ends[0][-1]) < 1e-10
    # On the cycle t -> -t, so 2 t (1 + eta / s^3) = eta t / s with s^2 = 1 + t^2: 2 s^3 - eta s^2 + 2 eta = 0
    s = np.roots([2, -10, 0, 20]).real.max()
    np.testing.assert_allclose(np.abs(ends[1][-2:]), np.sqrt(s**2 - 1), rtol=1e-9)
    assert ends[1][-1] == pytest.approx(-ends[1][-2], rel=1e-9)
    assert Simulator(game, implicit(100.0)).run(start, 2).params[0] > 70


def test_a_warm_start_saves_products_when_little_changes():
    game = quadratic(np.geomspace(1e-2, 1, 40))
    start, used = (tf.ones([40], tf.float64),), {}
    for warm in (False, True):
        rule = implicit(100.0, tolerance=1e-3, warm_start=warm)
        end = Simulator(game, gradient_to(rule)).run(start, 8)
        used[warm] = int(end.state.products)
    assert used[True] < used[False]


def gradient_to(rule):
    """Keep the parameters nearly where they are, so that every step solves nearly the same system."""
    from descent.rules.base import Rule, stateless

    shrink = stateless(lambda step, params, game: vectors.scale(1e-3, step))

    def update(xi, state, params, game):
        step, state = rule.update(xi, state, params, game)
        return shrink.update(step, (), params, game)[0], state

    return Rule(rule.init, update)


def test_dense_step_contracts_for_every_step_size_on_games_that_rotate():
    # Eigenvalues mu +- i sigma: |1 / (1 + eta (mu + i sigma))| < 1 for every eta > 0.
    mu, sigma = 0.1, 2.0
    game = Game(lambda p, _: (mu * p[0] * p[0] / 2 + sigma * p[0] * p[1], mu * p[1] * p[1] / 2 - sigma * p[0] * p[1]))
    zero = (tf.constant(0.0, tf.float64),) * 2
    etas = np.array([0.1, 1.0, 30.0])
    radii = Linearisation(game, implicit_dense, zero).spectral_radii(etas)
    np.testing.assert_allclose(radii, 1 / np.abs(1 + etas * (mu + 1j * sigma)), rtol=1e-12)


def test_compiled_once_in_float32_with_minibatches():
    params = (NET.init(1),)
    x, y = tf.cast(BATCH[0], tf.float32), BATCH[1]
    simulator = Simulator(
        NETWORK,
        implicit(2.0, tolerance=1e-2, max_iterations=5, warm_start=True),
        batch=lambda seed, step: (tf.random.experimental.stateless_shuffle(x, seed)[:4], y[:4]),
        record=lambda params, state, game: state.products,
        every=5,
    )
    first, again = simulator.run(params, 20, seed=3), simulator.run(params, 20, seed=3)
    assert simulator.traces == 1
    np.testing.assert_array_equal(first.records, again.records)
    assert (np.diff(first.records) <= 30).all()


def test_games_of_more_players_are_refused():
    with pytest.raises(ValueError, match=r"one player.*use alternating"):
        implicit(0.1).init((tf.constant(1.0), tf.constant(2.0)))


def test_a_derivative_that_would_be_wrong_is_an_error():
    # At a fixed point conjugate gradients make no step at all, so the iteration's derivative there is zero.
    with pytest.raises(LookupError, match="use implicit_dense"):
        Linearisation(quadratic([1.0, 2.0]), implicit, (np.zeros(2),)).matrices(np.array([0.1]))
