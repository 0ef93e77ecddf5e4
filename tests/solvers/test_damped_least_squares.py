"""Damped least squares: against SciPy's LSMR, dense solves, and the dense solve's derivatives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import lsmr

from descent.quiet import tf
from descent.solvers.least_squares import damped_least_squares

F64 = tf.float64


def system(seed, rows, columns):
    draw = np.random.default_rng(seed)
    return draw.normal(size=(rows, columns)), draw.normal(size=columns), draw.normal(size=rows)


def solved(k, a, c, start=None, **options):
    k, a, c = (tf.convert_to_tensor(x, F64) for x in (k, a, c))
    return damped_least_squares(
        lambda s: (tf.linalg.matvec(k, s[0]),),
        lambda z: (tf.linalg.matvec(k, z[0], transpose_a=True),),
        (a,),
        (c,),
        (tf.zeros_like(a) if start is None else tf.constant(start, F64),),
        **options,
    )


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_it_is_the_dense_solution_and_scipys(seed, rows, columns):
    k, a, c = system(seed, rows, columns)
    (s,), (z,), count = solved(k, a, c, tolerance=1e-13)
    wanted = np.linalg.solve(np.eye(columns) + k.T @ k, a - k.T @ c)
    by_scipy = a + lsmr(k, -c - k @ a, damp=1.0, atol=1e-14, btol=1e-14)[0]  # |t|^2 + |K t + K a + c|^2, s = a + t
    np.testing.assert_allclose(s, wanted, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(s, by_scipy, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(z, k @ s.numpy() + c, rtol=1e-9, atol=1e-10)
    assert int(count) <= min(rows, columns) + 3


def test_the_start_counts_and_so_do_both_tolerances():
    k, a, c = system(1, 30, 20)
    exact = np.linalg.solve(np.eye(20) + k.T @ k, a - k.T @ c)
    assert int(solved(k, a, c, start=exact, tolerance=1e-9)[2]) == 0
    assert int(solved(k, a, c, tolerance=0.0, max_iterations=3)[2]) == 3
    for options, bound in (
        ({"tolerance": 1e-4}, 1e-4 * np.linalg.norm(a - k.T @ c)),
        ({"tolerance": 0.0, "absolute": 1e-3}, 1e-3),
        ({"tolerance": 1e-4, "absolute": 1e9}, 1e9),
    ):
        (s,), _, count = solved(k, a, c, **options)
        residual = np.linalg.norm(a - k.T @ c - (np.eye(20) + k.T @ k) @ s.numpy())
        assert residual <= 1.001 * bound
        (before,), _, _ = solved(k, a, c, **options | {"max_iterations": max(int(count) - 1, 0)})
        assert int(count) == 0 or np.linalg.norm(a - k.T @ c - (np.eye(20) + k.T @ k) @ before.numpy()) > bound


@pytest.mark.parametrize("which", [0, 1])
def test_its_derivatives_are_the_dense_solves(which):
    k, a, c = (tf.constant(x) for x in system(2, 4, 3))
    weights = tf.constant(np.arange(1.0, 5.0)[: 3 if which == 0 else 4])

    def dense(k, a, c):
        s = tf.linalg.solve(tf.eye(3, dtype=F64) + tf.transpose(k) @ k, (a - tf.linalg.matvec(k, c, True))[:, None])[
            :, 0
        ]
        return s, tf.linalg.matvec(k, s) + c

    found = []
    for function in (lambda *x: tf.nest.flatten(solved(*x, tolerance=1e-13)[:2]), dense):
        with tf.GradientTape() as tape:
            tape.watch((k, a, c))
            value = tf.reduce_sum(weights * function(k, a, c)[which] ** 2)
        found.append(tape.gradient(value, (k, a, c)))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
