"""What a frozen kernel predicts: against matrix powers, against a network that can't leave it."""

import numpy as np
import pytest

from descent.experiments.two_layer_networks.circle import grid, grid_eigenvalues
from descent.experiments.two_layer_networks.kernels import circle_inputs, finite_gram, limit_gram
from descent.experiments.two_layer_networks.network import Lanes, draw
from descent.experiments.two_layer_networks.prediction import FrozenKernel, du_bound, du_radius, du_width

RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, 4))
X /= np.linalg.norm(X, axis=1, keepdims=True)
R = RNG.normal(size=7)


@pytest.mark.parametrize("weight", [1.0, 1 / 7])
def test_residuals_are_powers_of_the_matrix(weight):
    frozen, steps = FrozenKernel(limit_gram(X), weight), np.array([0, 1, 10, 40])
    step = np.eye(7) - 0.5 * weight * limit_gram(X)
    powers = np.stack([np.linalg.matrix_power(step, k) @ R for k in steps])
    np.testing.assert_allclose(frozen.residuals(R, 0.5, steps), powers, atol=1e-13)
    np.testing.assert_allclose(frozen.squares(R, 0.5, steps), weight * (powers**2).sum(1), rtol=1e-12)


def test_on_the_grid_a_cosine_decays_by_its_own_eigenvalue():
    n, k = 33, 4
    frozen = FrozenKernel(limit_gram(circle_inputs(grid(n), False)), 1 / n)
    start = np.cos(k * grid(n))
    found = frozen.residuals(start, 4.0, np.array([30]))[0]
    np.testing.assert_allclose(found, (1 - 4 * grid_eigenvalues(n, False)[k]) ** 30 * start, atol=1e-13)


def test_the_theorems_bound_is_above_every_frozen_kernels_loss():
    frozen, steps = FrozenKernel(limit_gram(X)), np.arange(50)
    eta = 1 / frozen.eigenvalues[-1]
    assert (frozen.squares(R, eta, steps) <= du_bound(frozen.eigenvalues[0], eta, steps) * (R @ R)).all()


def test_width_and_radius_scale_as_printed():
    assert du_width(20, 0.25) / du_width(10, 0.25) == pytest.approx(2**6)
    assert du_width(10, 0.25) / du_width(10, 0.5) == pytest.approx(2**4)
    assert du_radius(R, 0.25, 100) == pytest.approx(4 * np.sqrt(7) * np.linalg.norm(R) / (10 * 0.25))


def test_a_network_tends_to_its_own_kernels_prediction_as_it_grows_wide():
    # the distance from the network's own H(0) is its movement alone, of order m^-1/2 to m^-1: 1/4 to 1/16 here
    y, steps, gaps = R / np.linalg.norm(R), np.arange(6), []
    lanes = Lanes(X)
    for width in (128, 4096):
        starts = [draw(seed, 4, width, antisymmetric=True) for seed in range(6)]
        u = lanes.run(y, starts, 2.0, 6)
        frozen = [FrozenKernel(finite_gram(X, w), 1 / 7).residuals(-y, 2.0, steps) for w, _ in starts]
        gaps.append(np.sqrt(np.mean((u - y - np.stack(frozen, 1)) ** 2)))
    assert gaps[1] < 0.4 * gaps[0]
    assert gaps[1] < 0.01
