"""Random games have the parts they promise, and their J is that of a game."""

import numpy as np
import pytest

from descent.problems.quadratic import quadratic_game
from descent.problems.random_games import random_jacobians
from descent.quiet import tf

SIZES = (2, 1, 3)
N, D = 4000, sum(SIZES)
INSIDE = np.equal.outer(np.repeat([0, 1, 2], SIZES), np.repeat([0, 1, 2], SIZES))  # players' own blocks


def parts(*args, **kwargs):
    j = random_jacobians(1, N, SIZES, *args, **kwargs)
    return (j + j.transpose(0, 2, 1)) / 2, (j - j.transpose(0, 2, 1)) / 2


@pytest.mark.parametrize("potential", ["any", "none", "positive", "negative"])
def test_the_rotation_lies_between_players_and_has_the_size_asked_for(potential):
    _, a = parts(potential, rotation=0.3)
    assert np.abs(a[:, INSIDE]).max() < 1e-15
    # 8 standard errors of a sample standard deviation of 11 x 4000 normal entries
    upper = np.triu(~INSIDE, 1)
    assert a[:, upper].std() == pytest.approx(0.3, abs=8 * 0.3 / np.sqrt(2 * N * upper.sum()))


def test_without_rotation_the_game_is_a_potential_game():
    assert np.abs(parts("any", rotation=0.0)[1]).max() == 0


def test_without_potential_it_is_hamiltonian():
    assert np.abs(parts("none")[0]).max() == 0


@pytest.mark.parametrize(("potential", "sign"), [("positive", 1), ("negative", -1)])
def test_definite_potentials_have_uniform_spectra_in_uniform_directions(potential, sign):
    s, _ = parts(potential)
    values = sign * np.linalg.eigvalsh(s)
    assert values.min() > 0
    assert values.max() < 1
    assert values.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * N * D))
    assert np.mean(values**2) == pytest.approx(1 / 3, abs=5 * np.sqrt(4 / 45 / (N * D)))
    # E S = I/2 if no direction is preferred; an entry's standard deviation is below 1/2
    np.testing.assert_allclose(sign * s.mean(axis=0), np.eye(D) / 2, atol=5 * 0.5 / np.sqrt(N))


def test_other_potentials_are_symmetrised_normals():
    s, _ = parts("any")
    variance = np.where(np.eye(D, dtype=bool), 1.0, 0.5)
    np.testing.assert_allclose(s.var(axis=0), variance, rtol=5 * np.sqrt(2 / N))


def test_j_is_the_jacobian_of_the_quadratic_game_with_these_players():
    jacobian = random_jacobians(2, 1, SIZES)[0]
    w = np.random.default_rng(0).normal(size=D)
    params = tuple(tf.constant(part) for part in np.split(w, np.cumsum(SIZES)[:-1]))
    game = quadratic_game(SIZES).at(tf.constant(jacobian))
    np.testing.assert_allclose(np.concatenate(game.gradient(params)), jacobian @ w, rtol=1e-12)
    np.testing.assert_allclose(game.jacobian(params), jacobian, atol=1e-14)


def test_one_seed_gives_the_draws():
    np.testing.assert_array_equal(random_jacobians(3, 5, [2, 2]), random_jacobians(3, 5, [2, 2]))
    assert not np.isin(random_jacobians(4, 5, [2, 2]), random_jacobians(3, 5, [2, 2])).all()
