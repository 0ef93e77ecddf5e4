"""Closed forms: traffic by counting pieces, ridge by a dense mean over partitions, released indices by sets."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from descent.experiments.independent_subnets import measured, quadratic, released, subnets, wire
from descent.quiet import tf


@pytest.mark.parametrize("sizes", [(64, 32, 10), (20, 16, 24, 10), (4, 8, 8, 16, 3)])
@pytest.mark.parametrize("n", [1, 2, 4, 8])
def test_floats_are_those_of_the_pieces(sizes, n):
    weights = [tf.zeros([b, a]) for a, b in pairwise(sizes)]
    held = sum(int(np.prod(w.shape)) for w in subnets.pieces(weights, n))
    assert wire.floats_of_round("ist", sizes, n) == 2 * held
    assert wire.floats_of_round("local", sizes, n) == 2 * n * sum(int(np.prod(w.shape)) for w in weights)
    assert wire.piece(sizes, n) * n == held


def test_published_widths_have_the_published_ratios():
    found = measured.traffic((64, 128, 10), (2, 4, 8))
    assert [round(found[f"traffic.speech.n{n}"], 2) for n in (2, 4, 8)] == [3.0, 7.98, 19.12]
    assert found["traffic.one_layer.error"] == 0.0


def test_work_and_time_by_hand():
    assert wire.multiply_adds("sgd", (5, 4, 3), 1, 2) == 2 * (3 * (20 + 12) - 20)
    assert wire.multiply_adds("ist", (5, 4, 3), 2, 2) == 2 * (3 * (10 + 6) - 10)
    seconds = wire.seconds("local", (5, 4, 3), 2, 1, 10, 5)
    assert seconds == pytest.approx(10 * (3 * 32 - 20) / wire.SPEED + 2 * 2 * 32 * 4 / wire.BANDWIDTH)
    assert (
        wire.seconds("dropout", (5, 4, 3), 2, 1, 10, 5)
        == 10 * wire.multiply_adds("dropout", (5, 4, 3), 2, 1) / wire.SPEED
    )


def test_the_mean_over_all_partitions_is_the_ridge_s_matrix():
    """All 720 orders of six units, two and three workers."""
    matrix, b = quadratic.problem(6, 4, 3)
    for n in (2, 3):
        mean = np.zeros((6, 6))
        for order in permutations(range(6)):
            for block in np.array(order).reshape(n, 6 // n):
                mean[np.ix_(block, block)] += n * matrix[np.ix_(block, block)] / 720
        np.testing.assert_allclose(np.linalg.solve(mean, b), quadratic.ridge(matrix, b, n), atol=1e-10)


def test_one_worker_finds_the_minimum_and_more_do_not():
    matrix, b = quadratic.problem(12, 12, 0)
    assert quadratic.loss(matrix, b, quadratic.ridge(matrix, b, 1)) == pytest.approx(0, abs=1e-9)
    floors = [quadratic.loss(matrix, b, quadratic.ridge(matrix, b, n)) for n in (1, 2, 4)]
    assert floors[0] < floors[1] < floors[2] < 1


def test_means_of_rounds_by_steps_of_every_length():
    """One step: the ridge, within the error of 3,000 partitions; three steps: blocks stepped by hand."""
    matrix, b = quadratic.problem(8, 8, 1)
    one, three = quadratic.means_of_rounds(matrix, b, 2, [1, 3], 0.05, 3000, 0)
    ridge = quadratic.ridge(matrix, b, 2)
    assert np.linalg.norm(one - ridge) < 0.05 * np.linalg.norm(ridge)
    draw, mean = np.random.default_rng(0), np.zeros(8)
    for _ in range(3000):
        for block in draw.permutation(8).reshape(2, 4):
            x = three[block]
            for _ in range(3):
                x = x - 0.05 * (2 * matrix[np.ix_(block, block)] @ x - b[block])
            mean[block] += x / 3000
    np.testing.assert_allclose(mean, three, atol=1e-8)


def test_simulated_means_scatter_around_the_ridge():
    matrix, b = quadratic.problem(16, 4, 2)
    means = quadratic.simulated(matrix, b, [1, 2], 0.05, 4000, [1, 2])
    for n, found in zip((1, 2), means, strict=True):
        expected = quadratic.ridge(matrix, b, n) if n > 1 else np.linalg.pinv(matrix) @ b
        assert np.linalg.norm(found - expected, axis=1).max() < 0.05 * np.linalg.norm(expected)


def test_released_rows_are_the_first_ones_whatever_the_seed():
    for n in (2, 4):
        units = 4 * n * n
        for seed in range(5):
            assert set(released.rows_sent(units, n, seed, faulty=True).ravel()) == set(range(units // n))
            right = released.rows_sent(units, n, seed, faulty=False)
            assert sorted(right.ravel()) == list(range(units)) and right.shape == (n, units // n)
    assert measured.replayed() == {"released.rows_faulty": 1.0, "released.rows_correct": 1.0}


def test_released_counters():
    """The loops themselves, with the counters as released."""
    for epoch, every in ((110, 20), (100, 20), (7, 10)):
        pushed, since = 0, 0
        for _ in range(epoch):  # centralised: counted once by the loop, and once more where it pushes
            since += 1
            if since == every:
                pushed, since = pushed + every - 1, 0
        kept = released.kept_steps(epoch, every)
        assert (
            kept["centralised"] == pushed and kept["partitioned"] == epoch - epoch % every and kept["correct"] == epoch
        )
