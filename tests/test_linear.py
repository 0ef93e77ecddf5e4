import numpy as np
import pytest
from scipy.sparse import linalg

from descent import vectors
from descent.linear import conjugate_gradients, solve
from descent.quiet import tf

D = 7


def nested(x):
    return {"a": x[:3], "b": (x[3], x[4:])}


def spread(seed, eigenvalues):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(D, D)))
    return q * eigenvalues @ q.T


def as_map(matrix, transpose=False):
    return lambda v: nested(tf.linalg.matvec(matrix, _flat(v), transpose_a=transpose))


def _flat(v):
    return tf.concat([v["a"], v["b"][0][None], v["b"][1]], 0)


@pytest.mark.parametrize("start", [0.0, 0.7])
def test_iterates_are_scipys(start):
    matrix, b = spread(0, np.geomspace(1, 50, D)), np.random.default_rng(1).normal(size=D)
    x0 = np.full(D, start)
    for k in (1, 2, 4):
        x, count = conjugate_gradients(
            as_map(tf.constant(matrix)), nested(tf.constant(b)), nested(tf.constant(x0)), 0.0, k
        )
        theirs, _ = linalg.cg(matrix, b, x0=x0, rtol=0, maxiter=k)
        np.testing.assert_allclose(_flat(x), theirs, rtol=1e-9)
        assert count == k


def test_as_many_iterations_as_distinct_eigenvalues():
    matrix, b = spread(2, [1, 1, 5, 5, 5, 9, 9]), np.random.default_rng(3).normal(size=D)
    x, count = conjugate_gradients(
        as_map(tf.constant(matrix)), nested(tf.constant(b)), vectors.zeros_like(nested(tf.constant(b))), 1e-12, 100
    )
    assert count == 3
    np.testing.assert_allclose(_flat(x), np.linalg.solve(matrix, b), rtol=1e-10)


def test_tolerance_is_a_relative_residual():
    matrix, b = spread(4, np.geomspace(1, 1e3, D)), 1e6 * np.random.default_rng(5).normal(size=D)
    zero = vectors.zeros_like(nested(tf.constant(b)))
    for tolerance in (1e-1, 1e-4):
        x, count = conjugate_gradients(as_map(tf.constant(matrix)), nested(tf.constant(b)), zero, tolerance, 100)
        assert np.linalg.norm(b - matrix @ _flat(x).numpy()) <= tolerance * np.linalg.norm(b)
        short, _ = conjugate_gradients(as_map(tf.constant(matrix)), nested(tf.constant(b)), zero, tolerance, count - 1)
        assert np.linalg.norm(b - matrix @ _flat(short).numpy()) > tolerance * np.linalg.norm(b)


def test_a_right_hand_side_of_zero_needs_no_iteration():
    zero = nested(tf.zeros(D, tf.float64))
    x, count = conjugate_gradients(as_map(tf.eye(D, dtype=tf.float64)), zero, zero, 1e-6, 100)
    assert count == 0
    np.testing.assert_array_equal(_flat(x), np.zeros(D))


@pytest.mark.parametrize("symmetric", [True, False])
def test_derivatives_are_those_of_the_inverse(symmetric):
    rng = np.random.default_rng(6)
    general = np.eye(D) + 0.3 * rng.normal(size=(D, D))
    matrix = tf.constant(spread(7, np.linspace(1, 3, D)) if symmetric else general)
    b, weights = tf.constant(rng.normal(size=D)), tf.constant(rng.normal(size=D))

    def value(matrix, b, inverse):
        if inverse:
            return tf.tensordot(weights, tf.linalg.matvec(tf.linalg.inv(matrix), b), 1)
        transpose = None if symmetric else as_map(matrix, transpose=True)
        x, _ = solve(as_map(matrix), nested(b), nested(tf.zeros_like(b)), 1e-14, 100, transpose)
        return tf.tensordot(weights, _flat(x), 1)

    results = []
    for inverse in (True, False):
        with tf.GradientTape() as tape:
            tape.watch((matrix, b))
            result = value(matrix, b, inverse)
        results.append((result, *tape.gradient(result, (matrix, b))))
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)


def test_lanes_stop_each_in_its_own_time():
    matrices = np.stack([np.eye(D), spread(8, [1, 1, 5, 5, 5, 9, 9]), spread(9, np.arange(1.0, 8))])
    b = np.random.default_rng(10).normal(size=D)
    zero = nested(tf.zeros(D, tf.float64))
    x, counts = tf.vectorized_map(
        lambda m: conjugate_gradients(as_map(m), nested(tf.constant(b)), zero, 1e-10, 100), tf.constant(matrices)
    )
    np.testing.assert_array_equal(counts, [1, 3, 7])
    solved = np.concatenate([x["a"], x["b"][0][:, None], x["b"][1]], axis=1)
    np.testing.assert_allclose(solved, [np.linalg.solve(m, b) for m in matrices], rtol=1e-8)
