"""Seeds: pairs of integers that never meet, and the numbers that archived runs were made with."""

import numpy as np
import pytest

from descent.quiet import tf
from descent.randomness import NAMED, as_seed, draw_seed, fold_seed, nth_seed, seed_beside


def test_an_integer_becomes_a_pair_and_a_pair_stays():
    assert as_seed(5).numpy().tolist() == [5, 0]
    assert as_seed(tf.constant([5, 3])).numpy().tolist() == as_seed([5, 3]).numpy().tolist() == [5, 3]


def test_streams_and_steps_give_other_draws():
    seeds = {
        tuple(fold_seed(seed, stream, k).numpy()) for seed in range(3) for stream in range(8) for k in range(-1, 9)
    }
    assert len(seeds) == 3 * 8 * 10


def test_named_draws_never_meet():
    names = [*NAMED, "bootstrap", "starts", "tuning", "held-out data", "client order"]
    pairs = [tuple(draw_seed(seed, name, k).numpy()) for seed in range(2) for name in names for k in range(2)]
    assert len(set(pairs)) == len(pairs)
    with pytest.raises(ValueError, match="a stream of its own"):
        draw_seed(0, "starts", 1000)


def test_replicates_never_share_their_runs():
    assert len({nth_seed(seed, k) for seed in range(4) for k in range(1000)}) == 4000
    assert nth_seed(3, 2, of=5) == 17
    with pytest.raises(ValueError, match="k must lie in 0 to 4"):
        nth_seed(0, 5, of=5)
    beside = [seed_beside(seed, name) for seed in range(50) for name in ("tuning", "scratch", "order of clients")]
    assert len(set(beside)) == 150 and max(beside) < 2**31


def test_archived_runs_keep_their_numbers():
    assert draw_seed(3, "reference samples", 4).numpy().tolist() == [3, 7004]
    assert seed_beside(3, "tuning") == 1003
    np.testing.assert_array_equal(fold_seed(3, 0, 5), tf.random.experimental.stateless_fold_in([3, 0], 5))
