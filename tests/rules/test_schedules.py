import keras
import numpy as np
import pytest

from descent import rules
from descent.games import Game
from descent.quiet import tf
from descent.rules import adam, chain, gradient_descent, momentum, scale, scheduled, sga
from descent.rules.schedules import Schedule, constant, cosine, inverse_time, linear, piecewise, warm_up
from descent.simulate import Simulator
from descent.sweep import Sweep

STEPS = 60
T = np.arange(STEPS)
BOWL = Game(lambda params, batch: (tf.reduce_sum([0.5, 2.0] * params[0] ** 2),))
START = (tf.constant([1.0, -1.0], tf.float64),)
BOWL64 = Game(lambda params, batch: (tf.reduce_sum(tf.constant([0.5, 2.0], tf.float64) * params[0] ** 2),))
KS = keras.optimizers.schedules


def values(schedule):
    return np.array([schedule(t) for t in T])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (linear(0.5, 0.125, 40), KS.PolynomialDecay(0.5, 40, 0.125)),
        (cosine(0.5, 0.125, 40), KS.CosineDecay(0.5, 40, alpha=0.25)),
        (warm_up(cosine(0.5, 0.0, 40), 8, 0.125), KS.CosineDecay(0.125, 40, 0.0, warmup_target=0.5, warmup_steps=8)),
        (inverse_time(0.5, 8), KS.InverseTimeDecay(0.5, 8, 1.0)),
        # Keras keeps the first value at t = boundary too
        (piecewise((0.5, 0.25, 0.125), (11, 21)), KS.PiecewiseConstantDecay([10, 20], [0.5, 0.25, 0.125])),
    ],
)
def test_equals_keras(ours, theirs):
    np.testing.assert_allclose(values(ours), [theirs(int(t)) for t in T], rtol=1e-6, atol=1e-7)  # Keras's is float32


def test_equals_optax():
    optax, jax = pytest.importorskip("optax"), pytest.importorskip("jax")
    pairs = [
        (constant(0.3), optax.constant_schedule(0.3)),
        (linear(0.5, 0.1, 40), optax.linear_schedule(0.5, 0.1, 40)),
        (cosine(0.5, 0.1, 40), optax.cosine_decay_schedule(0.5, 40, 0.2)),
        (piecewise((0.5, 0.25, 0.025), (10, 20)), optax.piecewise_constant_schedule(0.5, {10: 0.5, 20: 0.1})),
        (warm_up(0.5, 10), optax.warmup_constant_schedule(0.0, 0.5, 10)),
        (warm_up(cosine(0.5, 0.0, 30), 10, 0.1), optax.warmup_cosine_decay_schedule(0.1, 0.5, 10, 40, 0.0)),
    ]
    with jax.enable_x64(True):
        for ours, theirs in pairs:
            np.testing.assert_allclose(values(ours), [theirs(t) for t in T], rtol=1e-12, atol=1e-15, err_msg=repr(ours))


def test_powers_and_a_warm_up_that_leaves_no_step_out():
    np.testing.assert_allclose(values(inverse_time(0.5, 8, 0.6)), 0.5 / (1 + T / 8) ** 0.6, rtol=1e-14)
    np.testing.assert_allclose(values(warm_up(0.5, 9, 0.05))[:12], 0.5 * np.minimum(1, (T[:12] + 1) / 10), rtol=1e-14)


@pytest.mark.parametrize("make", [gradient_descent, momentum, adam, rules.eve, rules.implicit, rules.proximal_point])
def test_a_scheduled_rule_makes_at_each_step_the_step_of_its_rate(make):
    schedule, rule = linear(0.3, 0.05, 5), make(linear(0.3, 0.05, 5))
    params, state, inner = START, rule.init(START), make(1.0).init(START)
    for t in range(8):
        xi = BOWL64.gradient(params)
        change, state = rule.update(xi, state, params, BOWL64)
        expected, inner = make(float(schedule(t))).update(xi, inner, params, BOWL64)
        np.testing.assert_allclose(change[0], expected[0], rtol=1e-13)
        params = (params[0] + change[0],)
    assert state.t == 8


def test_every_number_may_be_scheduled_and_adjustments_stay_adjustments():
    adjustment = scale(piecewise((1.0, 0.0), (3,)))
    assert isinstance(adjustment, rules.Adjustment)
    run = Simulator(BOWL, chain(adjustment, gradient_descent(0.1)), record=lambda p, s, g: p[0]).run((tf.ones([2]),), 6)
    assert (np.diff(run.records, axis=0)[:3] != 0).all()
    assert (np.diff(run.records, axis=0)[3:] == 0).all()
    both = momentum(linear(0.1, 0.0, 4), beta=constant(0.5))
    assert repr(both) == "momentum(linear(0.1, 0.0, 4.0), constant(0.5))"
    twice = scheduled(lambda eta: chain(sga(eta), gradient_descent(eta)), constant(0.1))
    game, start = Game(lambda p, b: (p[0] * p[1], -p[0] * p[1])), (tf.ones([]), tf.ones([]))
    plain = chain(sga(0.1), gradient_descent(0.1))
    np.testing.assert_allclose(*(Simulator(game, r).run(start, 5).params for r in (twice, plain)), rtol=1e-6)


def test_each_lane_may_have_its_own_schedule_in_one_program():
    firsts, steps = np.array([0.3, 0.1, 0.2]), np.array([2.0, 5.0, 9.0])
    sweep = Sweep(BOWL64, {"adam": lambda h: adam(linear(h[0], 0.01, h[1]))}, lambda p, s, g: p[0])
    found = sweep.run((firsts, steps), (np.tile(START[0], [3, 1]),), records=12)["adam"].numpy()
    assert sweep.traces == 1
    for lane in range(3):
        one = Simulator(BOWL64, adam(linear(firsts[lane], 0.01, steps[lane])), record=lambda p, s, g: p[0])
        np.testing.assert_allclose(found[:, lane], one.run(START, 11).records, rtol=1e-10)


def test_what_can_t_be_scheduled_is_refused():
    with pytest.raises(ValueError, match="only a rule's numbers"):
        linear(linear(1.0, 0.0, 3), 0.0, 3)
    with pytest.raises(ValueError, match="one boundary fewer"):
        piecewise((1.0, 2.0), (1, 2))
    assert repr(Schedule(lambda t: t)) == "<schedule>"
