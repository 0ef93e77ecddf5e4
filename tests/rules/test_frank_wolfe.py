"""Frank-Wolfe rules: rates, feasibility, NumPy's and the oracles' versions of 1-SFW, the identity of its error."""

import numpy as np
import pytest
from scipy.optimize import minimize

from descent.experiments.one_sample_frank_wolfe.pull_request import stored_gradient_average
from descent.games import Game
from descent.oracles import minibatch, variance_reduced
from descent.problems.constraints import box, cardinality_polytope, gap, l1_ball, l2_ball, nuclear_ball, simplex
from descent.quiet import tf
from descent.rules import chain
from descent.rules.frank_wolfe import (
    Moving,
    decay,
    frank_wolfe,
    frank_wolfe_line_search,
    hessian_average,
    projected_gradient,
    recursive_average,
    running_average,
)
from descent.rules.schedules import constant
from descent.simulate import Simulator

N = 6
TARGET = np.array([0.9, -0.5, 0.2, 0.0, 0.0, 0.1])
ROWS = Game(lambda params, row: (0.5 * (tf.tensordot(row[:-1], params[0] - TARGET, 1) - row[-1]) ** 2,))
L1 = l1_ball(1.0)


def draw(key, step):
    return tf.random.stateless_normal([N + 1], key, dtype=tf.float64)


def sampled(rule, steps, record, every=1):
    start = (tf.zeros(N, tf.float64),)
    return Simulator(minibatch(ROWS, draw), rule, record=record, every=every).run(start, steps, seed=3)


def test_one_sample_is_its_numpy_version_on_the_same_rows():
    rule = chain(recursive_average(decay()), frank_wolfe(L1, decay()))
    # the record's game is that of the coming step, so it shows the row that the step will see
    run = sampled(rule, 300, lambda params, state, game: (params[0], state[0].inner.d[0], game.batch))
    xs, ds, rows = run.records
    x, previous, d = np.zeros(N), np.zeros(N), np.zeros(N)
    for t in range(1, 301):
        a, e = rows[t - 1, :-1], rows[t - 1, -1]
        g, old = (a * (a @ (y - TARGET) - e) for y in (x, previous))
        d = g + (1 - 1 / t) * (d - old)
        v = np.zeros(N)
        v[np.argmax(abs(d))] = -np.sign(d[np.argmax(abs(d))])
        previous, x = x, x + (v - x) / t
        np.testing.assert_allclose(ds[t], d, rtol=0, atol=1e-11)
        np.testing.assert_allclose(xs[t], x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("weights", [decay(), decay(1.0, 1.0, 2 / 3)])
def test_the_estimate_is_the_oracle_of_variance_reduction(weights):
    here = chain(recursive_average(weights), frank_wolfe(L1, decay()))
    there = Simulator(variance_reduced(ROWS, draw, weights), frank_wolfe(L1, decay()), record=lambda p, s, g: p[0])
    other = there.run((tf.zeros(N, tf.float64),), 200, seed=3).records
    ours = sampled(here, 200, lambda params, state, game: params[0]).records
    np.testing.assert_allclose(ours, other, atol=1e-12)


def test_error_times_t_is_a_sum_of_terms_of_mean_zero():
    # t e_t = (t-1) e_{t-1} + (t-1) [(g_t(x_t) - g_t(x_{t-1})) - (x_t - x_{t-1})] + g_t(x_t) - (x_t - w), on every path
    def record(params, state, game):
        (x,), average = params, state[0].inner
        before, fresh = game.gradient(average.previous)[0], game.gradient(params)[0]
        return x, average.previous[0], average.d[0], fresh, before

    x, previous, d, g, g_old = sampled(chain(recursive_average(decay()), frank_wolfe(L1, decay())), 400, record).records
    for t in range(2, 401):
        # record k is made before step k + 1 and sees its sample; d[t] was made at x[t - 1]
        e, e_old = d[t] - (x[t - 1] - TARGET), d[t - 1] - (previous[t - 1] - TARGET)
        change = (g[t - 1] - g_old[t - 1]) - (x[t - 1] - previous[t - 1])
        want = (t - 1) * e_old + (t - 1) * change + g[t - 1] - (x[t - 1] - TARGET)
        np.testing.assert_allclose(t * e, want, atol=1e-11)


def test_averaging_has_its_numpy_form_and_weight_one_is_no_averaging():
    weights = decay(4.0, 8.0, 2 / 3)
    rule = chain(running_average(weights), frank_wolfe(L1, decay(2.0, 7.0)))
    d, g = sampled(rule, 50, lambda params, state, game: (state[0].inner.d[0], game.gradient(params)[0])).records
    for t in range(1, 51):
        rho = min(1.0, 4 / (t + 8) ** (2 / 3))
        np.testing.assert_allclose(d[t], (1 - rho) * d[t - 1] + rho * g[t - 1], atol=1e-12)
    raw = sampled(frank_wolfe(L1, decay()), 50, lambda params, state, game: params[0]).records
    one = sampled(
        chain(running_average(constant(1.0)), frank_wolfe(L1, decay())), 50, lambda params, state, game: params[0]
    ).records
    assert (raw == one).all()


def test_subtracting_the_stored_gradient_is_raw_frank_wolfe_to_the_last_bit():
    weights = decay(1.0, 1.0, 2 / 3)
    record = lambda params, state, game: params[0]  # noqa: E731
    named = sampled(chain(stored_gradient_average(weights), frank_wolfe(L1, decay())), 500, record).records
    raw = sampled(frank_wolfe(L1, decay()), 500, record).records
    assert (named == raw).all()
    true = sampled(chain(recursive_average(weights), frank_wolfe(L1, decay())), 500, record).records
    assert abs(true - raw).max() > 0.1


@pytest.mark.parametrize("shape, steps", [((N,), 100_000), ((3, 2), 2000)])
def test_iterates_stay_feasible(shape, steps):
    vector_sets = [L1, l2_ball(1.0), simplex(), box(-0.5, 1.0), cardinality_polytope(2)]
    regions = vector_sets if len(shape) == 1 else [nuclear_ball(1.0)]
    rules = [frank_wolfe(region, decay(2.0, 1.0)) for region in regions]
    phases = np.arange(1.0, np.prod(shape) + 1).reshape(shape)

    def step(t, xs, states, worst):
        d = tf.sin(0.7 * tf.cast(t, tf.float64) * np.sqrt(phases) + phases)  # directions that never repeat
        moved = [rule.update((d,), s, (x,), None) for rule, s, x in zip(rules, states, xs, strict=True)]
        xs = [x + change[0] for x, (change, _) in zip(xs, moved, strict=True)]
        excess = [region.excess(x) for region, x in zip(regions, xs, strict=True)]
        return t + 1, xs, [state for _, state in moved], tf.maximum(worst, tf.reduce_max(tf.stack(excess)))

    def loop():
        starts = [region.vertex(tf.ones(shape, tf.float64)) for region in regions]
        states = [rule.init((x,)) for rule, x in zip(rules, starts, strict=True)]
        zero = tf.zeros([], tf.float64)
        return tf.while_loop(lambda t, *_: t < steps, step, (tf.constant(0), starts, states, zero))[3]

    assert float(tf.function(loop, autograph=False, jit_compile=len(shape) == 1)()) <= 1e-12


def test_exact_line_search_finds_the_constrained_minimum_and_its_gap_certifies_it():
    # a smooth convex loss that is not quadratic, on the simplex, against SLSQP
    a = np.random.default_rng(0).normal(size=(20, N))
    game = Game(lambda params, batch: (tf.reduce_mean(tf.nn.softplus(tf.linalg.matvec(a, params[0]))),))
    region, start = simplex(), (tf.constant(np.full(N, 1 / N)),)
    want = minimize(
        lambda x: np.logaddexp(0, a @ x).mean(),
        start[0].numpy(),
        bounds=[(0, 1)] * N,
        constraints={"type": "eq", "fun": lambda x: x.sum() - 1},
        options={"ftol": 1e-14},
    ).fun
    record = lambda params, state, game: (game.losses(params)[0], gap(region, params, game.gradient(params)))  # noqa: E731
    losses, gaps = Simulator(game, frank_wolfe_line_search(region), record=record).run(start, 400).records
    assert (np.diff(losses) <= 1e-15).all()
    assert (gaps >= losses - want - 1e-9).all()
    assert losses[-1] - want < 2e-4
    assert losses[-1] - want > -1e-9


def test_open_loop_steps_have_the_rate_of_the_theory():
    # Jaggi 2013, Theorem 1: h_t <= 2 C / (t + 2), C <= L diameter^2 = 4 for |x - w|^2 / 2 on the unit l1 ball
    game = Game(lambda params, batch: (0.5 * tf.reduce_sum((params[0] - TARGET) ** 2),))
    best = L1.project(tf.constant(TARGET)).numpy()
    run = Simulator(game, frank_wolfe(L1, decay(2.0, 1.0)), record=lambda p, s, g: g.losses(p)[0])
    h = run.run((tf.zeros(N, tf.float64),), 1000).records - 0.5 * ((best - TARGET) ** 2).sum()
    assert (h[1:] <= 2 * 4 / (np.arange(1, 1001) + 2)).all()
    assert (h >= -1e-12).all()


def test_projected_gradient_is_the_projection_of_a_gradient_step():
    rule, x = projected_gradient(l2_ball(1.0), decay(0.8)), tf.constant([0.6, 0.6])
    change, state = rule.update((tf.constant([-1.0, 0.0]),), rule.init((x,)), (x,), None)
    want = np.array([1.4, 0.6]) / np.hypot(1.4, 0.6)
    np.testing.assert_allclose(x + change[0], want, rtol=1e-6)
    change, _ = rule.update((tf.constant([-0.5, 0.0]),), state, (x,), None)
    np.testing.assert_allclose(x + change[0], [0.8, 0.6], rtol=1e-6)


def test_weights_are_cut_at_one_and_take_tensors_and_rules_know_their_text():
    k = np.arange(1, 30)
    found = [float(decay(4.0, 8.0, 2 / 3)(float(t))) for t in k - 1]
    np.testing.assert_allclose(found, np.minimum(4 / (k + 8) ** (2 / 3), 1))
    assert float(decay(tf.constant(3.0))(99.0)) == pytest.approx(0.03)
    assert repr(chain(recursive_average(decay()), frank_wolfe(L1, 0.5))).startswith("chain(recursive_average(decay(")


def test_a_hessian_carries_the_average_along():
    """Two steps by hand on (x - z)^4 / 4, seen at z = 1 and 2; the Hessian is that at the sample between, z = 3."""

    def losses(params, batch):
        return (tf.reduce_sum((params[0] - batch.sample) ** 4) / 4,)

    def number(x):
        return tf.constant(x, tf.float64)

    rule, x = hessian_average(0.25), number([0.5])
    first = Game(losses, Moving(number(1.0), number(0.5), number(3.0)))
    xi, state = rule.update(first.gradient((x,)), rule.init((x,)), (x,), first)
    assert xi[0].numpy() == pytest.approx((0.5 - 1) ** 3)  # the first estimate is the first gradient
    y = number([0.9])
    second = Game(losses, Moving(number(2.0), number(0.25), number(3.0)))
    xi, _ = rule.update(second.gradient((y,)), state, (y,), second)
    middle = 0.5 + 0.25 * 0.4
    change = 3 * (middle - 3) ** 2 * 0.4
    assert xi[0].numpy() == pytest.approx(0.75 * ((0.5 - 1) ** 3 + change) + 0.25 * (0.9 - 2) ** 3)
