"""A mapped sweep is the same trajectories, side by side."""

import numpy as np
import pytest

from descent.problems.quadratic import plane, quadratic_game
from descent.quiet import tf
from descent.rules import cgd, chain, gradient_descent, optimistic, sga
from descent.simulate import Simulator
from descent.sweep import Sweep

RULES = {
    "gradient descent": gradient_descent,
    "OMD": optimistic,
    "SGA": lambda eta: chain(sga(1.0), gradient_descent(eta)),
}
GAME = quadratic_game([1, 1])
ETAS = np.array([0.05, 0.2, 0.4, 0.7])
SIGMAS = np.array([1.0, 0.5, 2.0, 1.5])


@pytest.fixture(scope="module")
def sweep():
    return Sweep(GAME, RULES, lambda params, state, game: tf.concat(params, 0), every=3)


def run(sweep, records=8):
    batches = np.array([plane(0.1, sigma) for sigma in SIGMAS])
    return sweep.run(ETAS, (np.ones((4, 1)), np.arange(4.0)[:, None]), records, batches)


def test_each_lane_is_the_trajectory_of_its_own_step_size_game_and_start(sweep):
    swept = run(sweep)
    for name, make_rule in RULES.items():
        for lane, (eta, sigma) in enumerate(zip(ETAS, SIGMAS, strict=True)):
            alone = Simulator(
                GAME.at(tf.constant(plane(0.1, sigma))),
                make_rule(eta),
                record=lambda params, state, game: tf.concat(params, 0),
                every=3,
            ).run((np.ones(1), np.full(1, float(lane))), 21)
            np.testing.assert_allclose(swept[name][:, lane], alone.records, rtol=1e-12, atol=1e-15)


def test_a_diverging_lane_leaves_the_others_alone(sweep):
    batches = np.array([plane(0.1, sigma) for sigma in SIGMAS])
    start = (np.ones((4, 1)), np.ones((4, 1)))
    calm = sweep.run(ETAS, start, 8, batches)["gradient descent"].numpy()
    wild = sweep.run(np.array([1e200, *ETAS[1:]]), start, 8, batches)["gradient descent"].numpy()
    assert not np.isfinite(wild[-1, 0]).all()
    np.testing.assert_array_equal(wild[:, 1:], calm[:, 1:])


def test_one_program_serves_every_call(sweep):
    run(sweep)
    before = sweep.traces
    run(sweep, records=20)
    assert sweep.traces == before == 1


def test_xla_makes_the_same_sweep(sweep):
    compiled = Sweep(GAME, RULES, sweep.record, every=3, jit_compile=True)
    plain, fast = run(sweep), run(compiled)
    for name in RULES:
        np.testing.assert_allclose(fast[name], plain[name], rtol=1e-12, atol=1e-15)
    run(compiled, records=5)
    assert compiled.traces == 1


def test_what_xla_cannot_compile_is_one_clear_line(sweep):
    with pytest.raises(ValueError, match=r"these rules: CGD; .* want jit_compile=False"):
        run(Sweep(GAME, {"CGD": cgd}, sweep.record, jit_compile=True))


def test_nonsense_is_refused_and_lanes_may_be_left_open(sweep):
    with pytest.raises(ValueError, match="every must be a whole number"):
        Sweep(GAME, RULES, sweep.record, every=0)
    with pytest.raises(ValueError, match="records must be at least 1"):
        run(sweep, records=0)
    free = Sweep(GAME.at(tf.constant(plane(0.1, 1.0))), RULES, sweep.record, any_lanes=True)
    for lanes in (4, 2):
        found, (params, *_) = free.run_to_end(ETAS[:lanes], (np.ones((lanes, 1)), np.ones((lanes, 1))), 3)["OMD"]
        np.testing.assert_array_equal(found[-1], np.concatenate(params, 1))
    assert free.traces == 1
