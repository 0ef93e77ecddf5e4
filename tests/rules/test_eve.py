import numpy as np
import pytest
import torch

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.eve import eve
from descent.simulate import Simulator

TARGET = np.array([1.0, -2.0, 0.5])
SCALE = np.array([1.0, 30.0, 0.1])


def loss(w):
    return (SCALE * (w - TARGET) ** 2).sum() + 0.3


def gradient(w):
    return 2 * SCALE * (w - TARGET)


GAME = Game(lambda params, batch: (tf.reduce_sum(SCALE * (params[0] - TARGET) ** 2) + 0.3,))
START = np.array([0.0, 1.0, 3.0])


def path(rule, steps, record=lambda params, state, game: (params[0], state.d)):
    return Simulator(GAME, rule, record=record).run((tf.constant(START),), steps).records


def test_with_no_room_for_feedback_it_is_torchs_adam():
    # c = 1 clips d to 1; PyTorch adds epsilon to the root of the corrected moment, as Eve does.
    w = torch.tensor(START, requires_grad=True)
    optimizer, want = torch.optim.Adam([w], lr=0.05, eps=1e-3), [START]
    for _ in range(40):
        optimizer.zero_grad()
        ((torch.tensor(SCALE) * (w - torch.tensor(TARGET)) ** 2).sum() + 0.3).backward()
        optimizer.step()
        want.append(w.detach().numpy().copy())
    np.testing.assert_allclose(path(eve(0.05, epsilon=1e-3, c=1.0), 40)[0], want, rtol=1e-10, atol=1e-12)


def test_version_3_is_the_papers_algorithm():
    eta, b1, b2, b3, eps, c, least = 0.05, 0.8, 0.9, 0.7, 1e-4, 10.0, 0.1
    w, m, v, d, before, want = START.copy(), 0.0, 0.0, 1.0, None, [START]
    for t in range(1, 31):
        f, g = loss(w), gradient(w)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        if t > 1:
            d_hat = np.clip(abs(f - before) / (min(f, before) - least), 1 / c, c)
            d = b3 * d + (1 - b3) * d_hat
        before = f
        w = w - eta / d * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        want.append(w)
    ours, ds = path(eve(eta, b1, b2, b3, eps, c, least), 30)
    np.testing.assert_allclose(ours, want, rtol=1e-9)
    assert ds[1] == 1
    assert ds[-1] == pytest.approx(d, rel=1e-9)


def test_version_1_is_what_the_course_project_ran():
    eta, b1, b2, b3, eps, k, big = 0.05, 0.9, 0.999, 0.6, 1e-8, 0.1, 10.0
    w, m, v, d, tracked, want = START.copy(), 0.0, 0.0, 1.0, None, [START]
    rises = 0
    for t in range(1, 61):
        f, g = loss(w), gradient(w)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        if tracked is None:
            tracked = f
        else:
            rises += f >= tracked
            low, high = (k + 1, big + 1) if f >= tracked else (1 / (big + 1), 1 / (k + 1))
            new = min(max(low, f / tracked), high) * tracked
            r, tracked = abs(new - tracked) / min(new, tracked), new
            d = b3 * d + (1 - b3) * r
        w = w - eta * (m / (1 - b1**t)) / (d * np.sqrt(v / (1 - b2**t)) + eps)
        want.append(w)
    assert 0 < rises < 59  # both branches
    np.testing.assert_allclose(path(eve(eta, b1, b2, b3, eps, version=1), 60)[0], want, rtol=1e-8)


def test_feedback_stays_within_its_bounds_and_starts_at_one():
    ds = path(eve(1.0, beta3=0.0, c=4.0), 80)[1]
    assert ds[0] == ds[1] == 1
    assert (ds >= 0.25).all() and (ds <= 4).all()
    assert ds.min() == 0.25 and ds.max() > 1


def test_a_loss_at_its_minimum_divides_nothing_by_nothing():
    game = Game(lambda params, batch: (tf.reduce_sum(params[0] ** 2),))
    end = Simulator(game, eve(0.1)).run((tf.zeros([2]),), 5)
    np.testing.assert_array_equal(end.params[0], [0, 0])


def test_it_keeps_structure_and_precision_and_is_refused_for_more_players():
    params = ({"w": tf.ones([2]), "b": tf.constant(1.0)},)
    game = Game(lambda p, _: (tf.reduce_sum(p[0]["w"] ** 2) + p[0]["b"] ** 2,))
    simulator = Simulator(game, eve(0.1))
    end = simulator.run(params, 3)
    simulator.run(params, 3)
    assert simulator.traces == 1
    assert {leaf.dtype for leaf in tf.nest.flatten(end.params)} == {tf.float32}
    assert vectors.norm(end.params) < vectors.norm(params)
    with pytest.raises(ValueError, match="for one player"):
        eve().init((tf.constant(1.0), tf.constant(2.0)))
    with pytest.raises(ValueError, match="version is 3 or 1"):
        eve(version=2)
