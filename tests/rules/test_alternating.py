"""Turns against loops written out by hand."""

import numpy as np
import pytest

from descent import rules, vectors
from descent.games import Game
from descent.quiet import tf

GAME = Game(
    lambda p, b: (
        tf.sin(p[0] * p[1]["a"]) + p[0] * p[1]["b"] * p[2],
        p[0] ** 2 * p[1]["a"] + tf.cos(p[1]["b"]) * p[2],
        0.5 * p[2] ** 2 * p[1]["a"] - p[0] * p[2],
    )
)
START = (0.7, -0.4, 1.2, 0.3)


def xi(player, w):
    """Gradient of a player's loss in its own coordinates, by hand."""
    x, a, b, z = w
    if player == 0:
        return np.array([a * np.cos(x * a) + b * z])
    if player == 1:
        return np.array([x**2, -np.sin(b) * z])
    return np.array([z * a - x])


OWN = [slice(0, 1), slice(1, 3), slice(3, 4)]


def by_hand(step, turns):
    """Run a rule given as ``step(xi, memory) -> (change, memory)`` in turns."""
    w, memories, path = np.array(START), [None] * 3, []
    for order in turns:
        for i in order:
            change, memories[i] = step(xi(i, w), memories[i])
            w[OWN[i]] += change
        path.append(w.copy())
    return np.array(path)


def ours(rule, steps):
    x, a, b, z = (tf.constant(v, tf.float64) for v in START)
    params = (x, {"a": a, "b": b}, z)
    state, path = rule.init(params), []
    for _ in range(steps):
        change, state = rule.update(GAME.gradient(params), state, params, GAME)
        tf.nest.assert_same_structure(change, params)
        params = vectors.add(params, change)
        path.append(vectors.flatten(params).numpy())
    return np.array(path)


def descend(g, memory):
    return -0.1 * g, None


def heavy_ball(g, u):
    u = -0.1 * g + (0 if u is None else -0.5 * u)
    return u, u


def optimistic(g, last):
    return -0.1 * (2 * g - (g if last is None else last)), g


CASES = {
    "gradient_descent": (rules.gradient_descent(0.1), descend),
    "momentum": (rules.momentum(0.1, -0.5), heavy_ball),
    "optimistic": (rules.optimistic(0.1), optimistic),
}


@pytest.mark.parametrize("name", CASES)
def test_players_move_in_turn(name):
    rule, step = CASES[name]
    np.testing.assert_allclose(ours(rules.alternating(rule), 6), by_hand(step, [(0, 1, 2)] * 6), rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_order_of_turns(name):
    rule, step = CASES[name]
    order = (2, 1, 1, 0)
    np.testing.assert_allclose(ours(rules.alternating(rule, order), 4), by_hand(step, [order] * 4), rtol=1e-12)


def test_it_is_not_simultaneous():
    rule = rules.gradient_descent(0.1)
    assert np.abs(ours(rules.alternating(rule), 2) - ours(rule, 2)).max() > 1e-3


def test_the_last_player_may_ask_for_its_own_curvature():
    # extragradient in turns: the trial step is the player's own
    def extragradient(i, w):
        trial = w.copy()
        trial[OWN[i]] -= 0.1 * xi(i, w)
        return -0.1 * xi(i, trial)

    w = np.array(START)
    for i in range(3):
        w[OWN[i]] += extragradient(i, w)
    np.testing.assert_allclose(ours(rules.alternating(rules.extragradient(0.1)), 1)[0], w, rtol=1e-12)
