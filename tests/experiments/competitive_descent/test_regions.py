"""Closed forms of regions against simulated steps and dense solves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.experiments.competitive_descent import regions


def matrix(method, c, p, q, alpha=1.0):
    """One step on x^2 + c x y + y^2, as code that knows no formula: columns are the images of the axes."""

    def step(w):
        x, y = w
        gx, gy = (lambda x, y: 2 * x + c * y), (lambda x, y: c * x + 2 * y)
        if method == "alternating":
            x = x - p * gx(x, y)
            return x, y + q * gy(x, y)
        if method == "linearised":  # each player's gradient where the other would be, the other's motion given
            return x - p * (gx(x, y) + c * q * gy(x, y)), y + q * (gy(x, y) - c * p * gx(x, y))
        alpha_ = 0.0 if method == "simultaneous" else alpha
        dx = np.linalg.solve([[1, p * c], [-alpha_ * q * c, 1]], [-p * gx(x, y), alpha_ * q * gy(x, y)])[0]
        dy = np.linalg.solve([[1, alpha_ * p * c], [-q * c, 1]], [-alpha_ * p * gx(x, y), q * gy(x, y)])[1]
        return x + dx, y + dy

    return np.array([step((1.0, 0.0)), step((0.0, 1.0))]).T


@pytest.mark.parametrize("method", regions.METHODS)
@settings(max_examples=60, deadline=None)
@given(st.floats(0, 20), st.floats(0.001, 0.6), st.floats(0.001, 0.6), st.floats(0, 1.5))
def test_traces_and_determinants_are_those_of_the_steps(method, c, p, q, alpha):
    m = matrix(method, c, p, q, alpha)
    found = regions.trace_and_determinant(method, c, p, q, alpha)
    np.testing.assert_allclose(found, (np.trace(m), np.linalg.det(m)), rtol=1e-9, atol=1e-9)


def test_the_librarys_steps_have_these_spectra():
    spectra, draw = regions.Spectra(), np.random.default_rng(0)
    c, p, q, alpha = draw.uniform([0, 0.001, 0.001, 0], [15, 0.5, 0.5, 1.4], (40, 4)).T
    for method in regions.METHODS:
        wanted = [
            np.abs(np.linalg.eigvals(matrix(method, *one))).max()
            for one in zip(c, p, q, alpha if method == "competitive" else 0 * alpha, strict=True)
        ]
        given_alpha = alpha if method == "competitive" else None
        np.testing.assert_allclose(spectra.radii(method, regions.matrices(c, p, q), given_alpha), wanted, rtol=1e-7)


@pytest.mark.parametrize("c", [2.2, 5.0, 20.0])
@pytest.mark.parametrize("eta", [1e-3, 0.1, 0.49])
def test_the_awareness_threshold_is_the_edge(c, eta):
    least = regions.awareness_threshold(c, eta)
    below, above = (regions.margin("competitive", c, eta, eta, least * (1 + side * 1e-6)) for side in (-1, 1))
    assert below < 0 < above
    assert least < 0.5


def test_published_rates_lie_inside_and_edges_are_roots():
    assert regions.margin("simultaneous", 10, 0.09, 0.01) > 0
    (edge,) = regions.edges("simultaneous", 10, 0.09)
    assert edge == pytest.approx(2 * 0.09 / (2 + 96 * 0.09), rel=1e-10)  # (c^2 - 4) P Q = 2 (P - Q)


def test_radii_on_the_bilinear_game():
    found = regions.bilinear_radii([1, 3, 6], 0.2)
    np.testing.assert_allclose(found["competitive"], [0.981, 0.857, 0.640], atol=1e-3)
    np.testing.assert_allclose(found["optimistic"], [0.979, 1.057, 2.345], atol=1e-3)
