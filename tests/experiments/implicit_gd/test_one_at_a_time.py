import numpy as np

from descent.experiments.implicit_gd.one_at_a_time import RateSweep
from descent.games import Game
from descent.quiet import tf
from descent.rules import gradient_descent, implicit

BOWL = Game(lambda params, batch: (params[0] * params[0] / 2,))


def test_each_rate_and_start_has_its_own_run_and_divergence_is_infinite():
    starts = [(tf.constant(1.0, tf.float64),), (tf.constant(-3.0, tf.float64),)]
    record = lambda params, state, game: {"w": params[0], "sign": tf.cast(tf.sign(params[0]), tf.int32)}  # noqa: E731
    runner = RateSweep(BOWL, gradient_descent, record, every=2)
    out = runner.run([0.5, 1.5, 1e200], starts, 6, seeds=(0, 1))
    assert out["w"].shape == (3, 2, 4) and out["seconds"].shape == (3, 2)
    for r, rate in enumerate((0.5, 1.5)):
        for s, w in enumerate((1.0, -3.0)):
            np.testing.assert_allclose(out["w"][r, s], w * (1 - rate) ** np.arange(0, 7, 2), rtol=1e-14)
    np.testing.assert_array_equal(out["w"][2, 0], [1, np.inf, np.inf, np.inf])
    np.testing.assert_array_equal(out["sign"][2], [[1] * 4, [-1] * 4])


def test_seeds_reach_the_batches_and_rules_with_loops_are_fine():
    noisy = Game(lambda params, batch: ((params[0] - batch) ** 2 / 2,))
    starts = [(tf.constant(1.0),)] * 2
    batch = lambda seed, step: tf.random.stateless_normal([], seed)  # noqa: E731
    runner = RateSweep(noisy, implicit, lambda params, state, game: {"w": params[0]}, batch=batch)
    out = runner.run([0.5], starts, 3, seeds=(4, 5))["w"][0]
    np.testing.assert_array_equal(runner.run([0.1, 0.5], starts, 3, seeds=(4, 5))["w"][1], out)
    assert out[0, 0] == out[1, 0] == 1
    assert out[0, 1] != out[1, 1]
