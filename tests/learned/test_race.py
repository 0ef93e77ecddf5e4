"""A race is the same trajectories, side by side: each lane against a plain loop, and all of them on the same draws."""

import numpy as np
import pytest

from descent.learned import k_momentums
from descent.learned.race import Race
from descent.learned.tasks import quadratic
from descent.quiet import tf
from descent.randomness import BATCHES, fold_seed
from descent.rules import adam, gradient_descent

TASK = quadratic(tf.constant([1.0, 3.0]), noise=0.3)


def position(params, context):
    return params


def test_each_lane_is_a_plain_loop_with_its_own_hyper_and_seed():
    rates = np.float32([0.01, 0.1])
    race = Race(TASK, adam, position, every=2)
    records = race.run(rates, 6, seed=5, seeds=3)
    assert records.shape == (4, 2, 3, 2)
    for c, rate in enumerate(rates):
        for s in range(3):
            x, rule = tf.ones([2]), adam(rate)
            state = rule.init((x,))
            for t in range(6):
                batch = TASK.batch(fold_seed(5, BATCHES, t), 3)[s]
                game = TASK.game.at(((), batch))
                step, state = rule.update(game.gradient((x,)), state, (x,), game)
                x = x + step[0]
                if (t + 1) % 2 == 0:
                    np.testing.assert_allclose(records[(t + 1) // 2, c, s], x, rtol=1e-5)
    race.run(rates, 4, seed=6, seeds=3)
    assert race.traces == 1


def test_competitors_meet_the_same_minibatches_and_seeds_others():
    records = Race(TASK, gradient_descent, position, every=1).run(np.float32([0.1, 0.1]), 3, seeds=2)
    np.testing.assert_array_equal(records[:, 0], records[:, 1])
    assert (records[1:, 0, 0] != records[1:, 0, 1]).all()


def test_learned_weights_are_a_hyper_like_any_other():
    optimizer = k_momentums(3, hidden=4)
    both = tf.nest.map_structure(lambda *w: tf.stack(w), optimizer.init(1), optimizer.init(2))
    records = Race(TASK, optimizer.rule, position, every=5).run(both, 10)
    alone = tf.nest.map_structure(lambda w: w[None], optimizer.init(2))
    np.testing.assert_allclose(
        records[:, 1:], Race(TASK, optimizer.rule, position, every=5).run(alone, 10), rtol=1e-4, atol=1e-6
    )
    assert (records[-1, 0] != records[-1, 1]).any()


def test_a_lane_that_diverges_does_not_disturb_the_others():
    records = Race(TASK, gradient_descent, position, every=50).run(np.float32([0.1, 3.0]), 200)
    assert not np.isfinite(records[-1, 1]).any()
    assert np.isfinite(records[:, 0]).all()


def test_steps_are_a_multiple_of_every():
    with pytest.raises(ValueError, match="multiple of every"):
        Race(TASK, gradient_descent, position, every=4).run(np.float32([0.1]), 6)
