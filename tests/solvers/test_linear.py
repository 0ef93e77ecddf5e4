import numpy as np
import pytest

from descent.quiet import tf
from descent.solvers.linear import solve

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


@pytest.mark.parametrize("warm", [True, False])
def test_general_systems_by_their_normal_equations(warm):
    rng = np.random.default_rng(0)
    matrix, b = rng.normal(size=(D, D)), rng.normal(size=D)
    start = nested(tf.constant(rng.normal(size=D))) if warm else None
    m = tf.constant(matrix)
    x, count = solve(as_map(m), nested(tf.constant(b)), start, 1e-13, 100, as_map(m, transpose=True))
    np.testing.assert_allclose(_flat(x), np.linalg.solve(matrix, b), rtol=1e-7)
    assert D <= count <= 3 * D


def test_stops_where_told_and_starts_where_told():
    matrix, b = tf.constant(spread(2, np.arange(1.0, 8))), np.random.default_rng(3).normal(size=D)
    x, count = solve(as_map(matrix), nested(tf.constant(b)), tolerance=1e-12)
    assert count == D
    assert solve(as_map(matrix), nested(tf.constant(b)), x, 1e-10)[1] == 0
    assert solve(as_map(matrix), nested(tf.constant(b)), max_iterations=2)[1] == 2


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
    x, counts = tf.vectorized_map(
        lambda m: solve(as_map(m), nested(tf.constant(b)), tolerance=1e-10), tf.constant(matrices)
    )
    np.testing.assert_array_equal(counts, [1, 3, 7])
    solved = np.concatenate([x["a"], x["b"][0][:, None], x["b"][1]], axis=1)
    np.testing.assert_allclose(solved, [np.linalg.solve(m, b) for m in matrices], rtol=1e-8)
