"""Coverage: derivatives at roundings against set functions, unbiasedness by enumeration, the hard instance."""

import itertools

import numpy as np
import pytest

from descent.experiments.one_sample_frank_wolfe import coverage
from descent.problems.constraints import cardinality_polytope
from descent.quiet import tf
from descent.rules import chain
from descent.rules.frank_wolfe import Moving, continuous_greedy, decay, hessian_average

N = 5
RNG = np.random.default_rng(0)
SMALL = coverage.random_instance(RNG, n=N, elements=8, k=2)
SUBSETS = np.array(list(itertools.product([0.0, 1.0], repeat=N)))
GAME = coverage.game_of(SMALL)


def covered(members):
    """The set function itself, element by element."""
    return sum(w for row, w in zip(SMALL.contains, SMALL.weights, strict=True) if (row * members).any())


def with_and_without(members, *wanted):
    changed = members.copy()
    for i, present in wanted:
        changed[i] = present
    return covered(changed)


def test_derivatives_at_a_rounding_are_differences_of_the_set_function():
    members = np.array([1.0, 0, 1, 0, 0])
    batch = Moving(tf.constant(1 - members), tf.constant(0.5, tf.float64), tf.zeros(N, tf.float64))
    x = tf.constant(np.full(N, 0.4))  # u is 0 for members and 1 for the others, so this x is rounded to members
    game = GAME.at(batch)
    gradient = [with_and_without(members, (i, 1)) - with_and_without(members, (i, 0)) for i in range(N)]
    np.testing.assert_allclose(-game.gradient((x,))[0], gradient, atol=1e-12)
    for i, j in itertools.permutations(range(N), 2):
        second = sum((1 if a == b else -1) * with_and_without(members, (i, a), (j, b)) for a in (0, 1) for b in (0, 1))
        column = -game.jvp((x,), (tf.one_hot(j, N, dtype=tf.float64),))[0].numpy()
        assert column[i] == pytest.approx(second, abs=1e-12)
        assert column[j] == pytest.approx(0, abs=1e-12)  # linear in each variable
    assert float(-game.losses((x,))[0]) == pytest.approx(covered(members))


def test_the_extension_its_gradient_and_the_carried_change_are_expectations_over_roundings():
    def chances(x):
        return np.where(SUBSETS == 1, x, 1 - x).prod(1)

    x, y = RNG.random(N), RNG.random(N)
    value, gradient = coverage.value_and_gradient(SMALL, x)
    assert value == pytest.approx(sum(p * covered(s) for p, s in zip(chances(x), SUBSETS, strict=True)))
    assert float(coverage.extension(SMALL, tf.constant(x))) == pytest.approx(value)
    at_subsets = coverage.value_and_gradient(SMALL, SUBSETS)[1]
    np.testing.assert_allclose(chances(x) @ at_subsets, gradient, atol=1e-12)
    # the Hessian at R(a) times x - y, averaged over R and a (a polynomial of low degree: Gauss-Legendre is exact)
    exact = tf.function(lambda r, v: coverage_gradient_change(r, v), autograph=False)
    changes = np.array([exact(tf.constant(s), tf.constant(x - y)) for s in SUBSETS])
    nodes, weights = np.polynomial.legendre.leggauss(8)
    mean = sum(w / 2 * chances(y + (node + 1) / 2 * (x - y)) @ changes for node, w in zip(nodes, weights, strict=True))
    np.testing.assert_allclose(mean, gradient - coverage.value_and_gradient(SMALL, y)[1], atol=1e-12)


def coverage_gradient_change(rounding, v):
    batch = Moving(1 - rounding, tf.constant(0.5, tf.float64), rounding)
    return -GAME.at(batch).jvp((tf.fill([N], tf.constant(0.5, tf.float64)),), (v,))[0]


def test_the_rule_uses_the_second_sample_between_the_two_points():
    rule = chain(hessian_average(decay()), continuous_greedy(cardinality_polytope(2), 4))
    x0, x1 = (tf.zeros(N, tf.float64),), (tf.constant([0.25, 0.25, 0, 0, 0], tf.float64),)
    u = tf.constant(RNG.random((3, N)))
    state = rule.init(x0)
    first = GAME.at(Moving(u[0], tf.constant(0.3, tf.float64), u[1]))
    _, state = rule.update(first.gradient(x0), state, x0, first)
    np.testing.assert_array_equal(state[0].inner.d[0], first.gradient(x0)[0])
    second = GAME.at(Moving(u[2], tf.constant(0.3, tf.float64), u[1]))
    g = second.gradient(x1)
    _, after = rule.update(g, state, x1, second)
    rounded = (u[1].numpy() < 0.3 * x1[0].numpy()).astype(float)
    change = -coverage_gradient_change(tf.constant(rounded), x1[0]).numpy()
    want = 0.5 * (state[0].inner.d[0] + change) + 0.5 * g[0]
    np.testing.assert_allclose(after[0].inner.d[0], want, atol=1e-12)


def test_enumeration_greedy_and_the_hard_instance():
    best = max(covered(s) for s in SUBSETS if s.sum() == 2)
    assert coverage.optimum(SMALL, 2) == pytest.approx(best)
    assert best == pytest.approx(1)
    for k in (2, 4):  # powers of two: ties between traps and good sets are exact, and the first set wins
        hard = coverage.hard_instance(k, 2 * k)
        assert coverage.optimum(hard, k) == pytest.approx(1)
        assert coverage.greedy(hard, k) == pytest.approx(1 - (1 - 1 / k) ** k)
        x = np.zeros(2 * k)
        for _ in range(50):  # continuous greedy, told the true gradient
            gradient = coverage.value_and_gradient(hard, x)[1]
            x += np.isin(np.arange(2 * k), np.argsort(-gradient, kind="stable")[:k]) / 50
        assert coverage.value_and_gradient(hard, x)[0] == pytest.approx(1 - (1 - 1 / k) ** k)
