"""The construction against its closed forms, automatic differentiation, SciPy's projections, and itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.experiments.differentiable_sparsification import facts, shares
from descent.quiet import tf

logits = st.lists(st.floats(-4, 4), min_size=2, max_size=8).map(np.array)


def tau_below(alpha, part):
    """A beta whose tau is this part of the largest share."""
    pi = np.exp(alpha) / np.exp(alpha).sum()
    tau = part * pi.max()
    return np.log(tau / (1 - tau))


@settings(deadline=None, max_examples=60)
@given(logits, st.floats(0.01, 0.95))
def test_shares_sum_to_one_and_survivors_are_fewer_than_one_over_tau(alpha, part):
    beta = tau_below(alpha, part)
    a = shares.shares(tf.constant(alpha), tf.constant(beta)).numpy()
    tau = 1 / (1 + np.exp(-beta))
    assert a.min() >= 0 and a.sum() == pytest.approx(1) and (a > 0).sum() * tau < 1
    pi = np.exp(alpha) / np.exp(alpha).sum()
    unsure = np.abs(pi - tau) < 1e-12
    assert np.all(unsure | ((a == 0.0) == (pi <= tau)))
    cost = shares.penalty(tf.constant(a), 0.5).numpy()
    assert 1 - 1e-12 <= cost <= (a > 0).sum() ** 0.5 + 1e-12


def test_random_cases_find_the_closed_forms_right_and_a_wrong_one_wrong(monkeypatch):
    found = facts.check(300, 9, 5)
    assert found["jacobian"] < 1e-11 and found["dead"] < 1e-11 and found["sum"] < 1e-14 and found["power"] < 1e-12
    assert found["positive"] <= 0 and 0.3 < found["bound"] < 1
    right = shares.jacobian
    monkeypatch.setattr(facts, "jacobian", lambda alpha, beta: (right(alpha, beta)[0], right(alpha, beta)[1] * 1.001))
    assert facts.check(300, 9, 5)["jacobian"] > 1e-5


def test_all_thresholds_are_between_the_shares():
    alpha, beta = facts.cases(200, 6, 0)
    a = [shares.shares(tf.constant(x), tf.constant(b)).numpy() for x, b in zip(alpha, beta, strict=True)]
    dead = (np.array(a) == 0).sum(1)
    assert np.isfinite(a).all() and dead.max() == 5 and len(set(dead.tolist())) > 3


def gradients(surrogate):
    alpha, beta = tf.constant([2.0, 1.0, -3.0], tf.float64), tf.constant(-1.5, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(alpha)
        a = shares.shares(alpha, beta, surrogate)
        loss = tf.tensordot(a, tf.constant([0.0, 1.0, -5.0], tf.float64), 1)  # the dead one would be useful
    return a.numpy(), tape.gradient(loss, alpha).numpy()


def test_a_surrogate_changes_gradients_and_no_value():
    plain, slope = gradients(False)
    same, other = gradients(True)
    assert np.array_equal(plain, same) and plain[2] == 0.0
    assert other[2] < 0 and other[2] < slope[2]  # descent raises the useful dead component


def test_the_surrogate_is_elus_derivative():
    x = tf.constant([-2.0, -0.1, 0.3], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = shares.rectified(x, surrogate=True)
    np.testing.assert_array_equal(y, [0, 0, 0.3])
    np.testing.assert_allclose(tape.gradient(y, x), [np.exp(-2), np.exp(-0.1), 1])


def test_the_penalty_has_no_infinite_slope():
    a = tf.constant([0.0, 0.25, 0.75], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(a)
        cost = shares.penalty(a, 0.5)
    assert cost.numpy() == pytest.approx(0.5 + 0.75**0.5)
    np.testing.assert_allclose(tape.gradient(cost, a), [0, 1, 0.5 * 0.75**-0.5])


def test_signed_weights_by_hand_and_without_a_scale():
    alpha, beta = np.array([3.0, -2.0, 0.5]), np.log(0.2 / 0.8)
    w = shares.signed(tf.constant(alpha), tf.constant(beta)).numpy()
    np.testing.assert_allclose(w, [3 - 1.1, -(2 - 1.1), 0])  # tau |alpha|_1 = .2 * 5.5
    np.testing.assert_allclose(shares.signed(tf.constant(10 * alpha), tf.constant(beta)), 10 * w)
    rows = tf.constant([[3.0, 0.0], [0.0, -2.0], [0.3, 0.4]], tf.float64)
    np.testing.assert_allclose(shares.grouped(rows, tf.constant(beta)), [[1.9, 0], [0, -0.9], [0, 0]])


def test_earlier_works_are_earlier():
    assert facts.months("1602.02068") == 12 * 16 + 2 and facts.months(facts.PAPER) == 12 * 19 + 10
    assert all(facts.months(number) < facts.months(facts.PAPER) for number in facts.EARLIER.values())
