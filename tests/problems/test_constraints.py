"""Constraint sets: linear oracles against linear programmes and enumeration, projections against solvers, gaps."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from descent.problems.constraints import (
    box,
    cardinality_polytope,
    gap,
    l1_ball,
    l2_ball,
    nuclear_ball,
    simplex,
)
from descent.quiet import tf

N = 6
UNIT = np.eye(N)
SUBSETS = np.array(list(itertools.product([0.0, 1.0], repeat=N)))
POLYTOPES = {
    "l1": (l1_ball(1.7), np.concatenate([1.7 * UNIT, -1.7 * UNIT])),
    "simplex": (simplex(1.7), 1.7 * UNIT),
    "box": (box(-0.5, 2.0), 2.5 * SUBSETS - 0.5),
    "cardinality": (cardinality_polytope(3), SUBSETS[SUBSETS.sum(1) <= 3]),
}
# The same polytopes as inequalities A x <= b, equalities and bounds, written apart from their vertices.
SIGNS = np.array(list(itertools.product([-1.0, 1.0], repeat=N)))
INEQUALITIES = {
    "l1": {"A_ub": SIGNS, "b_ub": np.full(2**N, 1.7), "bounds": (None, None)},
    "simplex": {"A_eq": np.ones((1, N)), "b_eq": [1.7], "bounds": (0, None)},
    "box": {"bounds": (-0.5, 2.0)},
    "cardinality": {"A_ub": np.ones((1, N)), "b_ub": [3.0], "bounds": (0, 1)},
}
REGIONS = {name: region for name, (region, _) in POLYTOPES.items()} | {"l2": l2_ball(1.7)}
PROJECT = {name: tf.function(region.project, autograph=False) for name, region in REGIONS.items()}
seeds = st.integers(0, 10**6)


@pytest.mark.parametrize("name", POLYTOPES)
def test_linear_oracle_against_linprog_and_enumeration(name):
    region, vertices = POLYTOPES[name]
    directions = np.random.default_rng(0).normal(size=(20, N))
    found = region.vertex(tf.constant(directions)).numpy()
    for d, v in zip(directions, found, strict=True):
        assert (np.abs(vertices - v).max(1) < 1e-12).any()  # an extreme point
        assert v @ d == pytest.approx((vertices @ d).min(), abs=1e-12)
        assert v @ d == pytest.approx(linprog(d, **INEQUALITIES[name]).fun, abs=1e-9)


@pytest.mark.parametrize("name", POLYTOPES)
def test_projection_against_slsqp(name):
    _, vertices = POLYTOPES[name]
    rng, form = np.random.default_rng(1), INEQUALITIES[name]
    constraints = []
    if "A_ub" in form:
        constraints.append({"type": "ineq", "fun": lambda p: form["b_ub"] - form["A_ub"] @ p})
    if "A_eq" in form:
        constraints.append({"type": "eq", "fun": lambda p: form["A_eq"] @ p - form["b_eq"]})
    points = np.concatenate([rng.normal(size=(3, N)) * 3, vertices[:1], vertices.mean(0, keepdims=True)])
    for x, found in zip(points, PROJECT[name](tf.constant(points)).numpy(), strict=True):
        nearest = minimize(
            lambda p, x=x: ((p - x) ** 2).sum(),
            vertices.mean(0),
            jac=lambda p, x=x: 2 * (p - x),
            bounds=[form["bounds"]] * N,
            constraints=constraints,
            options={"maxiter": 500, "ftol": 1e-12},
        )
        np.testing.assert_allclose(found, nearest.x, atol=1e-5)


@settings(deadline=None, max_examples=25)
@given(seeds, st.sampled_from(sorted(REGIONS)))
def test_projection_is_characterised_by_its_variational_inequality(seed, name):
    # p = P(x) exactly when <x - p, v - p> <= 0 for all v in C; the linear oracle, tested apart, finds the worst v
    region = REGIONS[name]
    x = tf.constant(np.random.default_rng(seed).normal(size=(4, N)) * 4)
    p = PROJECT[name](x)
    assert region.excess(p).numpy().max() < 1e-12
    worst = tf.reduce_sum((x - p) * (region.vertex(p - x) - p), -1)
    assert worst.numpy().max() < 1e-10
    np.testing.assert_allclose(PROJECT[name](p), p, atol=1e-12)


@settings(deadline=None, max_examples=15)
@given(seeds, st.sampled_from(sorted(REGIONS)))
def test_gap_bounds_the_suboptimality_and_is_never_negative(seed, name):
    region, rng = REGIONS[name], np.random.default_rng(seed)
    target = tf.constant(rng.normal(size=N) * 2)
    best = PROJECT[name](target)
    x = PROJECT[name](tf.constant(rng.normal(size=N)))
    loss = lambda y: 0.5 * tf.reduce_sum((y - target) ** 2)  # noqa: E731
    found = float(gap(region, (x,), (x - target,)))
    assert found >= -1e-12
    assert found >= float(loss(x) - loss(best)) - 1e-10
    assert float(gap(region, (best,), (best - target,))) == pytest.approx(0, abs=1e-9)


def test_l2_and_nuclear_balls_have_their_closed_forms():
    rng = np.random.default_rng(2)
    d = rng.normal(size=N)
    np.testing.assert_allclose(l2_ball(2.0).vertex(tf.constant(d)), -2 * d / np.linalg.norm(d), rtol=1e-12)
    assert not l2_ball(2.0).vertex(tf.zeros(N, tf.float64)).numpy().any()
    ball, g = nuclear_ball(2.0), rng.normal(size=(5, 4))
    v = ball.vertex(tf.constant(g)).numpy()
    assert np.linalg.svd(v, compute_uv=False) == pytest.approx([2, 0, 0, 0], abs=1e-12)
    assert (v * g).sum() == pytest.approx(-2 * np.linalg.svd(g, compute_uv=False)[0])  # its dual norm
    p = ball.project(tf.constant(g)).numpy()
    assert np.linalg.svd(p, compute_uv=False).sum() == pytest.approx(2)
    assert ((g - p) * (ball.vertex(tf.constant(p - g)).numpy() - p)).sum() <= 1e-10
    assert float(ball.excess(tf.constant(g))) == pytest.approx(np.linalg.svd(g, compute_uv=False).sum() - 2)


def test_what_breaks_a_constraint_is_seen():
    assert float(l1_ball(1.0).excess(tf.constant([0.6, -0.5]))) == pytest.approx(0.1, abs=1e-6)
    assert float(simplex().excess(tf.constant([1.2, -0.2]))) == pytest.approx(0.2, abs=1e-6)
    assert float(box(0.0, 1.0).excess(tf.constant([0.5, -0.3]))) == pytest.approx(0.3, abs=1e-6)
    assert float(cardinality_polytope(1).excess(tf.constant([0.7, 0.6]))) == pytest.approx(0.3, abs=1e-6)
    assert float(cardinality_polytope(1).excess(tf.constant([-0.1, 0.6]))) == pytest.approx(0.1, abs=1e-6)
    assert repr(l1_ball(8.0)) == "l1_ball(8.0)"
