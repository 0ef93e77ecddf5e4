"""Linearised rules against matrices written by hand, thresholds against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.games import Game
from descent.problems.quadratic import bilinear, four_player, plane, quadratic_game
from descent.quiet import tf
from descent.rules import (
    alternating,
    cgd,
    chain,
    consensus,
    extragradient,
    gradient_descent,
    lookahead,
    momentum,
    optimistic,
    sga,
)
from descent.stability import closed_forms
from descent.stability.linearisation import Linearisation, threshold

GAME = quadratic_game([1, 1])
ORIGIN = (np.zeros(1), np.zeros(1))

CASES = {
    "gradient descent": (gradient_descent, closed_forms.gradient_descent),
    "alternating": (lambda eta: alternating(gradient_descent(eta)), closed_forms.alternating_gradient_descent),
    "momentum": (lambda eta: momentum(eta, 0.5), lambda mu, sigma: closed_forms.momentum(mu, sigma, 0.5)),
    "negative momentum": (lambda eta: momentum(eta, -0.3), lambda mu, sigma: closed_forms.momentum(mu, sigma, -0.3)),
    "alternating negative momentum": (
        lambda eta: alternating(momentum(eta, -0.3)),
        lambda mu, sigma: closed_forms.alternating_momentum(mu, sigma, -0.3),
    ),
    "alternating momentum": (
        lambda eta: alternating(momentum(eta, 0.2)),
        lambda mu, sigma: closed_forms.alternating_momentum(mu, sigma, 0.2),
    ),
    "OMD": (optimistic, closed_forms.optimistic),
    "alternating OMD": (lambda eta: alternating(optimistic(eta)), closed_forms.alternating_optimistic),
    "extragradient": (extragradient, closed_forms.extragradient),
    "LookAhead": (lookahead, closed_forms.lookahead),
    "SGA": (lambda eta: chain(sga(0.7), gradient_descent(eta)), lambda mu, sigma: closed_forms.sga(mu, sigma, 0.7)),
    "consensus": (
        lambda eta: chain(consensus(0.4), gradient_descent(eta)),
        lambda mu, sigma: closed_forms.consensus(mu, sigma, 0.4),
    ),
    "CGD": (cgd, closed_forms.competitive),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    make_rule, formula = CASES[request.param]
    linearised = Linearisation(GAME, make_rule, ORIGIN)

    def spectral(mu, sigma):
        batch = plane(mu, sigma)[None]
        return threshold(lambda eta: linearised.spectral_radii(eta, np.repeat(batch, len(eta), axis=0)), smallest=1e-4)

    return request.param, spectral, formula


@pytest.mark.parametrize(("mu", "sigma"), [(0.0, 1.0), (0.0, 0.4), (0.3, 1.0), (1.0, 10.0), (1.0, 0.5), (2.0, 0.1)])
def test_bisection_finds_the_closed_form(case, mu, sigma):
    _, spectral, formula = case
    expected = formula(mu, sigma)
    found = spectral(mu, sigma)
    if math.isinf(expected) or expected == 0.0:
        assert found == expected
    else:
        assert found == pytest.approx(expected, rel=1e-9)


def modulus(coefficients):
    return np.abs(np.roots(coefficients)).max()


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 3), st.floats(0.05, 3), st.floats(-0.95, 0.9))
def test_alternating_edges_are_those_of_the_characteristic_polynomials(mu, sigma, beta):
    """Players in turn: p(z)^2 + eta^2 sigma^2 z^3 for momentum, and the same with (2 - 1/z) on the gradient for OMD."""
    mu, beta = (0.0 if abs(x) < 0.05 else x for x in (mu, beta))  # next to them, convergence drowns in rounding

    def momentum_radius(eta):
        p = np.poly1d([1, -(1 + beta - eta * mu), beta])
        return modulus((p**2 + np.poly1d([eta**2 * sigma**2, 0, 0, 0])).coeffs)

    def optimistic_radius(eta):  # times z^2
        p = np.poly1d([1, -(1 - 2 * eta * mu), -eta * mu])
        return modulus((p**2 + eta**2 * sigma**2 * np.poly1d([2, -1]) ** 2 * np.poly1d([1, 0])).coeffs)

    for edge, radius in (
        (closed_forms.alternating_momentum(mu, sigma, beta), momentum_radius),
        (closed_forms.alternating_optimistic(mu, sigma), optimistic_radius),
    ):
        if edge == 0.0:
            assert radius(1e-2 / sigma) >= 1 - 1e-9
            continue
        assert all(radius(share * edge) < 1 for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999))
        assert radius(1.001 * edge) > 1


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 10), st.floats(0.01, 10))
def test_formulas_scale_as_one_over_curvature_and_meet_gradient_descent_without_rotation(mu, sigma):
    for formula in (
        closed_forms.optimistic,
        closed_forms.extragradient,
        closed_forms.lookahead,
        closed_forms.competitive,
    ):
        assert formula(3 * mu, 3 * sigma) == pytest.approx(formula(mu, sigma) / 3, rel=1e-9)
    # on a bowl: OMD 2 / (3 mu), extragradient 1 / mu, LookAhead and CGD as gradient descent
    assert closed_forms.optimistic(mu, 0.0) == pytest.approx(2 / (3 * mu))
    assert closed_forms.extragradient(mu, 0.0) == pytest.approx(1 / mu)
    assert closed_forms.lookahead(mu, 0.0) == pytest.approx(2 / mu)
    # lambda mu = 1 gives SGA gradient descent's threshold
    assert closed_forms.sga(mu, sigma, 1 / mu) == pytest.approx(closed_forms.gradient_descent(mu, sigma))


def test_matrices_are_those_written_by_hand():
    mu, sigma, eta = 0.3, 0.8, 0.25
    j = plane(mu, sigma)
    one = np.array([eta])
    plain = Linearisation(GAME, gradient_descent, ORIGIN).matrices(one, j[None])[0]
    np.testing.assert_allclose(plain, np.eye(2) - eta * j, rtol=1e-14)
    # optimistic: z = (w, g_previous)
    matrix = Linearisation(GAME, optimistic, ORIGIN).matrices(one, j[None])[0]
    by_hand = np.block([[np.eye(2) - 2 * eta * j, eta * np.eye(2)], [j, np.zeros((2, 2))]])
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(matrix)), np.sort_complex(np.linalg.eigvals(by_hand)))


def test_adjustment_is_differentiated_also_through_the_vector_it_turns():
    # Were A^T xi taken as constant in xi, SGA would look like gradient descent at a fixed point.
    matrix = Linearisation(GAME, CASES["SGA"][0], ORIGIN).matrices(np.array([0.1]), plane(0.0, 1.0)[None])[0]
    np.testing.assert_allclose(matrix, np.eye(2) - 0.1 * (np.eye(2) + 0.7 * plane(0, -1.0)) @ plane(0, 1.0), atol=1e-15)


def test_linearises_a_game_that_is_not_quadratic():
    game = Game(lambda p, batch: (tf.reduce_sum(tf.sin(p[0]) * p[1] + p[0] ** 4), -tf.reduce_sum(tf.sin(p[0]) * p[1])))
    matrix = Linearisation(game, gradient_descent, ORIGIN).matrices(np.array([0.1]))[0]
    np.testing.assert_allclose(matrix, np.eye(2) - 0.1 * plane(0.0, 1.0), atol=1e-15)


def test_singular_values_and_four_players():
    a = np.random.default_rng(0).normal(size=(2, 3))
    smallest = min(closed_forms.sga(0.0, s, 0.7) for s in np.linalg.svd(a, compute_uv=False))
    linearised = Linearisation(quadratic_game([2, 3]), CASES["SGA"][0], (np.zeros(2), np.zeros(3)))

    def radius(eta):
        z = linearised.eigenvalues(eta, np.repeat(bilinear(a)[None], len(eta), axis=0))
        return np.abs(np.where(abs(z - 1) < 1e-9, 0, z)).max(-1)

    assert threshold(radius) == pytest.approx(smallest, rel=1e-9)
    four = Linearisation(quadratic_game([1] * 4), optimistic, tuple(np.zeros(1) for _ in range(4)))
    edge = threshold(lambda eta: four.spectral_radii(eta, np.repeat(four_player(0.0)[None], len(eta), axis=0)))
    assert edge == pytest.approx(1 / (math.sqrt(3) * (1 + math.sqrt(2))), rel=1e-9)


def test_threshold_at_the_ends_of_its_search():
    assert threshold(lambda eta: 0.5 + 0 * eta) == math.inf
    assert threshold(lambda eta: 1 + eta) == 0.0
    assert threshold(lambda eta: eta / 3) == pytest.approx(3, rel=1e-14)
