import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import cg

from descent import vectors
from descent.quiet import tf
from descent.solvers.krylov import conjugate_gradients, extreme_eigenvalues


def symmetric(eigenvalues, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues), len(eigenvalues))))
    return q @ np.diag(eigenvalues) @ q.T


def apply(matrix):
    return lambda v: tf.linalg.matvec(matrix, v)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 12), st.integers(0, 10**6))
def test_solution_equals_dense_solve(size, seed):
    rng = np.random.default_rng(seed)
    a, b = symmetric(rng.uniform(0.1, 10, size), seed), rng.normal(size=size)
    solution = conjugate_gradients(apply(a), tf.constant(b), tolerance=1e-13, max_iterations=200)
    np.testing.assert_allclose(solution.x, np.linalg.solve(a, b), rtol=1e-8, atol=1e-10)
    assert not solution.negative_curvature


def test_iterates_equal_scipys_and_so_does_the_warm_start():
    rng = np.random.default_rng(1)
    a, b, x0 = symmetric(np.geomspace(1, 100, 20)), rng.normal(size=20), rng.normal(size=20)
    for k in (1, 2, 7):
        ours = conjugate_gradients(apply(a), tf.constant(b), tf.constant(x0), tolerance=0.0, max_iterations=k)
        theirs, _ = cg(a, b, x0, rtol=0, atol=0, maxiter=k)
        np.testing.assert_allclose(ours.x, theirs, rtol=1e-10)
        assert ours.iterations == k
        np.testing.assert_allclose(ours.residual, np.linalg.norm(b - a @ ours.x.numpy()) / np.linalg.norm(b), rtol=1e-9)


def test_it_needs_one_product_for_each_distinct_eigenvalue():
    a = symmetric([1.0] * 5 + [3.0] * 5 + [10.0] * 5)
    solution = conjugate_gradients(apply(a), tf.ones([15], tf.float64), tolerance=1e-10)
    assert solution.iterations == 3


def test_nested_structures_and_compiled_lanes_agree_with_flat_singles():
    a = symmetric(np.linspace(1, 5, 6))
    like = (tf.zeros([2], tf.float64), [tf.zeros([2, 2], tf.float64)])
    rights = tf.constant(np.random.default_rng(2).normal(size=(4, 6)))

    def nested(b):
        product = lambda v: vectors.like(tf.linalg.matvec(a, vectors.flatten(v)), like)  # noqa: E731
        return vectors.flatten(conjugate_gradients(product, vectors.like(b, like), tolerance=1e-12).x)

    lanes = tf.function(lambda: tf.vectorized_map(nested, rights))()
    np.testing.assert_allclose(lanes, np.linalg.solve(a, rights.numpy().T).T, rtol=1e-9)


def test_zero_right_hand_side_costs_nothing():
    solution = conjugate_gradients(apply(np.eye(3)), tf.zeros([3], tf.float64))
    assert solution.iterations == 0
    assert solution.residual == 0
    np.testing.assert_array_equal(solution.x, np.zeros(3))


def test_negative_curvature_is_seen_and_the_last_iterate_leads_downhill():
    # SciPy solves the same system and reports success.
    a, b = symmetric([-2.0, 0.5, 1.0, 3.0, 7.0]), np.random.default_rng(3).normal(size=5)
    assert cg(a, b, rtol=1e-10)[1] == 0
    stopped = conjugate_gradients(apply(a), tf.constant(b), tolerance=1e-12)
    assert stopped.negative_curvature
    assert stopped.iterations > 1
    assert np.dot(stopped.x, b) > 0
    ignored = conjugate_gradients(apply(a), tf.constant(b), tolerance=1e-12, stop_on_negative_curvature=False)
    assert not ignored.negative_curvature
    np.testing.assert_allclose(ignored.x, np.linalg.solve(a, b), rtol=1e-8)


def test_negative_curvature_in_the_first_direction_leaves_the_start():
    solution = conjugate_gradients(apply(-np.eye(3)), tf.ones([3], tf.float64))
    assert solution.negative_curvature
    assert solution.iterations == 1
    np.testing.assert_array_equal(solution.x, np.zeros(3))


@pytest.mark.parametrize("eigenvalues", [np.linspace(-3, 8, 12), [2.0] * 7, [0.0] * 6 + [5.0], [4.0]])
def test_extreme_eigenvalues_equal_eigvalsh(eigenvalues):
    a = symmetric(np.asarray(eigenvalues, float))
    low, high = extreme_eigenvalues(apply(a), tf.zeros([len(a)], tf.float64), steps=len(a))
    np.testing.assert_allclose([low, high], [min(eigenvalues), max(eigenvalues)], atol=1e-10)


def test_extreme_eigenvalues_approach_from_inside():
    a = symmetric(np.geomspace(1e-2, 1e2, 60))
    spans = [extreme_eigenvalues(apply(a), tf.zeros([60], tf.float64), steps=k) for k in (2, 5, 15)]
    lows, highs = np.array(spans).T
    assert (np.diff(lows) < 0).all() and (np.diff(highs) > 0).all()
    assert lows[-1] >= 1e-2
    assert highs[-1] == pytest.approx(100, rel=1e-6) and highs[-1] <= 100 * (1 + 1e-12)
