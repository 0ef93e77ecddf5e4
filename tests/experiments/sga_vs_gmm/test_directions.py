"""Adjusted gradients on many quadratic games at once against dense linear algebra, game by game."""

import numpy as np
import pytest

from descent.experiments.sga_vs_gmm.directions import directions
from descent.problems.random_games import random_jacobians
from descent.rules import consensus, sga


@pytest.mark.parametrize("sizes", [[2, 2], [1, 3, 1]])
def test_directions_are_those_of_the_matrices(sizes):
    n, d = 50, sum(sizes)
    jacobians = random_jacobians(0, n, sizes)
    w = np.random.default_rng(1).normal(size=(n, d))
    rules = {"sga": sga(0.7), "aligned": sga(0.7, "paper", epsilon=0.0), "consensus": consensus(0.3)}
    found = directions(rules, sizes, jacobians, w)
    assert found.keys() == {"xi", "grad_h", *rules}
    signs = set()
    for k, (jacobian, point) in enumerate(zip(jacobians, w, strict=True)):
        xi = jacobian @ point
        turn, grad_h = (jacobian.T - jacobian) @ xi / 2, jacobian.T @ xi
        sign = np.sign((xi @ grad_h) * (turn @ grad_h))
        signs.add(sign)
        expected = {"xi": xi, "grad_h": grad_h, "sga": xi + 0.7 * turn, "aligned": xi + 0.7 * sign * turn}
        expected["consensus"] = xi + 0.3 * grad_h
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][k], value, rtol=1e-11, atol=1e-11)
    assert signs == {-1.0, 1.0}
