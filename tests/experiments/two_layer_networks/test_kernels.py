"""The kernel and its spectrum: against Monte Carlo, quadrature, FFT, and the theorem that the zeros come from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from descent.experiments.two_layer_networks.circle import amplitudes, cosines, grid, grid_eigenvalues
from descent.experiments.two_layer_networks.kernels import (
    circle_eigenvalues,
    circle_inputs,
    circle_kernel,
    finite_gram,
    kappa,
    limit_gram,
    tail_of_eigenvalues,
)


def sphere(n, d, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_the_limit_is_what_many_units_average_to():
    # 400,000 units: each entry's standard error is below .5/sqrt(4e5) = 8e-4; five of them, 64 entries: once in 3e4
    x = sphere(8, 3)
    w = np.random.default_rng(1).normal(size=(3, 400_000))
    np.testing.assert_allclose(finite_gram(x, w), limit_gram(x), atol=4e-3)


def test_kappa_survives_inner_products_that_rounding_put_beyond_one():
    assert kappa(1 + 1e-15) == 0.5
    assert kappa(-1 - 1e-15) == 0.0


@pytest.mark.parametrize("bias", [False, True])
def test_eigenvalues_are_scipys_integrals(bias):
    found = circle_eigenvalues(9, bias)
    for k in range(10):
        integral, _ = quad(lambda delta: circle_kernel(delta, bias), 0, np.pi, weight="cos", wvar=k, epsabs=1e-13)
        assert found[k] == pytest.approx(integral / np.pi, abs=1e-12)


@pytest.mark.parametrize("bias", [False, True])
def test_the_grids_eigenvalues_are_the_dense_matrixs_and_tend_to_the_circles(bias):
    n = 33
    dense = np.linalg.eigvalsh(limit_gram(circle_inputs(grid(n), bias)) / n)
    lam = grid_eigenvalues(n, bias)
    np.testing.assert_allclose(
        np.sort(np.concatenate([lam, lam[1:]])), dense, atol=1e-8
    )  # arccos near 1 costs half the digits
    fine = [np.abs(grid_eigenvalues(2**p, bias)[:9] - circle_eigenvalues(8, bias)).max() for p in (8, 9, 10)]
    order = np.log2(np.array(fine[:-1]) / fine[1:])
    np.testing.assert_allclose(order, 2, atol=0.05)  # a kink: the trapezoidal rule is of second order


def test_odd_frequencies_above_one_vanish_without_a_bias_and_only_then():
    assert (circle_eigenvalues(21, bias=False)[3::2] == 0).all()
    assert (circle_eigenvalues(21, bias=True) > 1e-5).all()


def test_with_a_bias_the_tail_is_the_kinks():
    k = np.array([50, 100, 200])
    gap = circle_eigenvalues(200, bias=True)[k] / tail_of_eigenvalues(k) - 1
    assert (abs(gap) < 2 / k**2).all()


@pytest.mark.parametrize("n", [9, 17, 33, 65])
def test_on_odd_grids_the_smallest_eigenvalue_halves_and_on_even_ones_it_is_zero(n):
    smallest, next_one = (np.linalg.eigvalsh(limit_gram(circle_inputs(grid(k), False)))[0] for k in (n, 2 * n - 1))
    assert 1.9 < smallest / next_one < 2.6
    assert abs(np.linalg.eigvalsh(limit_gram(circle_inputs(grid(n - 1), False)))[0]) < 1e-8


@given(st.integers(0, 2**31), st.integers(1, 40))
def test_a_bias_free_network_is_a_linear_plus_an_even_function(seed, width):
    rng = np.random.default_rng(seed)
    w, a = rng.normal(size=(2, width)), rng.normal(size=width)
    f = np.maximum(circle_inputs(grid(64), bias=False) @ w, 0) @ a
    odd = np.arange(3, 31, 2)
    assert abs(amplitudes(f, odd)).max() < 1e-14 * (1 + abs(a).sum() * abs(w).max())


def test_amplitudes_undo_cosines():
    wanted = {0: 0.3, 1: -1.0, 5: 2.0}
    values = cosines(grid(16), wanted)
    np.testing.assert_allclose(amplitudes(values, np.arange(6)), [0.3, -1, 0, 0, 0, 2.0], atol=1e-14)
