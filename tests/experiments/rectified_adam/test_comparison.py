"""Lanes are single runs, parts make RAdam, and the measures of a comparison are what they say."""

from dataclasses import replace

import numpy as np
import pytest

from descent.experiments.rectified_adam import comparison
from descent.experiments.rectified_adam.comparison import Comparison, Task, good_width
from descent.experiments.rectified_adam.parts import CORNERS, main_effects, radam_in_parts
from descent.games import Game
from descent.quiet import tf
from descent.rules import adam, radam, scheduled, warm_up
from descent.rules.radam import rectification
from descent.rules.schedules import Schedule
from descent.simulate import Simulator
from descent.sweep import Sweep

TASK = Task("digits", 8, 30, 16, 0.9)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DESCENT_CACHE_DIR", str(tmp_path))


def bowl_path(rule, steps=40):
    bowl = Game(lambda params, batch: (tf.reduce_sum(tf.cosh(params[0]) + params[0] ** 4),))
    start = (tf.constant([1.0, -2.0, 0.5], tf.float64),)
    return Simulator(bowl, rule, record=lambda params, state, game: params[0]).run(start, steps).records


def test_a_lane_of_the_comparison_is_a_run_of_its_own(cache):
    rates, seeds = [0.01, 0.05], [3, 4]
    found = comparison.compare(TASK, rates, seeds)
    assert set(found.accuracy) == set(comparison.NAMES) and found.accuracy["adam"].shape == (2, 2, 2, 2)
    fit, kept, test = TASK.split()
    assert len(fit) + len(kept) + len(test) == 1797 and len(kept) == (len(fit) + len(kept)) // 5
    problem, post = TASK.problem(fit), TASK.schedule()

    def alone(rule, seed, images):
        simulator = Simulator(problem.game, rule, batch=problem.minibatches(16))
        return problem.evaluate(simulator.run(problem.start(seed), 30, seed).params, images).accuracy

    line = adam(warm_up(0.05, 19, 0.05 / 20), beta2=0.9, epsilon=1e-8)
    curve = radam(Schedule(lambda s: 0.01 * post(s + 1)), beta2=0.9)
    for rule, name, place, seed in ((line, "linear", (0, 1), 1), (curve, "radam", (1, 0), 0)):
        for k, images in enumerate((kept, test)):
            # float32 in another order of operations: one or two images may fall to the other side
            assert found.accuracy[name][(k, *place, seed)] == pytest.approx(alone(rule, seeds[seed], images), abs=0.01)


def test_the_comparison_is_one_program_for_any_rates(cache, monkeypatch):
    traced = []
    whole = comparison.four_rules

    def counted(task):
        return {
            name: lambda h, make=make, name=name: traced.append(name) or make(h) for name, make in whole(task).items()
        }

    made = []
    monkeypatch.setattr(comparison, "four_rules", counted)
    monkeypatch.setattr(comparison, "Sweep", lambda *a, **k: made.append(Sweep(*a, **k)) or made[-1])
    comparison.compare(replace(TASK, steps=3), [0.01, 0.02, 0.04], [0, 1])
    assert [sweep.traces for sweep in made] == [1]


def test_all_three_parts_make_radam_and_each_is_what_it_is_called():
    whole = bowl_path(radam(0.03, beta2=0.9))
    np.testing.assert_allclose(bowl_path(radam_in_parts(0.03, 1.0, 1.0, 1.0, beta2=0.9)), whole, rtol=1e-12)
    no_momentum = bowl_path(radam_in_parts(0.03, 0.0, 1.0, 1.0, beta2=0.9))
    np.testing.assert_allclose(no_momentum, bowl_path(radam(0.03, beta2=0.9, first_steps="skip")), rtol=1e-12)
    bare = bowl_path(radam_in_parts(0.03, 0.0, 0.0, 1.0, beta2=0.9))
    late = Schedule(lambda s: tf.where(rectification(s + 1, 0.9) > 0, 0.03 * tf.ones_like(s), 0.0))
    np.testing.assert_allclose(
        bare, bowl_path(scheduled(lambda eta: adam(eta, beta2=0.9, epsilon=1e-8), late)), rtol=1e-12
    )
    # v that begins at the first adaptive step, k + 1, is the square of that step's gradient alone
    fresh = bowl_path(radam_in_parts(0.03, 0.0, 0.0, 0.0, beta2=0.9))
    k = int((rectification(np.arange(1, 20), 0.9).numpy() == 0).sum())
    np.testing.assert_array_equal(fresh[: k + 1], fresh[:1].repeat(k + 1, 0))
    np.testing.assert_allclose(fresh[k + 1] - fresh[k], -0.03 * np.sign(fresh[k]), rtol=1e-6)


def test_main_effects_of_a_linear_response_are_its_coefficients():
    effects = main_effects(CORNERS @ np.array([[1.0], [2.0], [-3.0]]))
    assert {name: float(x[0]) for name, x in effects.items()} == {"momentum": 1, "warmup": 2, "carried": -3}


def test_without_leaves_out_one_part():
    values = np.arange(8.0)[None, :, None] ** 2
    found = comparison.Factorial([0.1], values).without(0)
    # corners are numbered in binary: momentum 4, warm-up 2, carried 1
    assert {name: float(x[0]) for name, x in found.items()} == {
        "momentum": 49 - 9,
        "warmup": 49 - 25,
        "carried": 49 - 36,
    }


def test_scaling_the_loss_by_a_power_of_two_changes_nothing_for_adam(cache):
    found = comparison.loss_scales(replace(TASK, steps=15), 0.02, [0, 1])
    measured = comparison.scale_measurements(found)
    assert measured["scale.adam.change"] == measured["scale.skipping.change"] == 0
    assert np.abs(measured["scale.radam.up"]).max() > 0


def hand_made(test, kept=None):
    """A comparison whose rules reach given accuracies, shape [rates, seeds], under both schedules."""
    both = np.stack([[test, test - 0.1], [test, test - 0.1]])
    if kept is not None:
        both[0] = kept
    return Comparison(TASK, np.array([1e-3, 1e-2, 1e-1]), dict.fromkeys(comparison.NAMES, both))


def test_the_rate_is_chosen_on_other_images_by_other_seeds():
    test = np.array([[0.5, 0.6], [0.7, 0.8], [0.9, 1.0]])
    kept = np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])
    found = hand_made(test, kept)
    np.testing.assert_array_equal(found.best("adam"), [0.9, 0.6])  # each by the other's choice
    np.testing.assert_array_equal(found.at(2e-2, "adam"), [0.7, 0.8])


def test_decomposition_adds_up():
    test = np.array([[0.5, 0.6], [0.7, 0.8], [0.9, 1.0]])
    parts = hand_made(test).decomposition(1e-3)
    np.testing.assert_allclose(parts["schedule"], 0.1)
    np.testing.assert_allclose(parts["optimiser"], 0)
    np.testing.assert_allclose(parts["schedule"] + parts["optimiser"], parts["gap"])


def test_both_orders_of_change_count_in_the_decomposition():
    adam_, radam_ = np.array([[0.9], [0.6]]), np.array([[0.8], [0.3]])  # constant rate, the post's schedule
    accuracy = {name: np.stack([x[:, None]] * 2) for name, x in (("adam", adam_), ("radam", radam_))}
    parts = Comparison(TASK, np.array([1e-3]), accuracy).decomposition(1e-3)
    found = {name: float(x[0]) for name, x in parts.items()}
    assert found == pytest.approx({"gap": 0.6, "schedule": 0.4, "optimiser": 0.2, "difference": 0.2})


def test_widths_are_pseudovalues_of_the_jackknife():
    test = np.array([[0.8, 0.89, 0.7], [0.9, 0.9, 0.9], [0.895, 0.8, 0.85]])
    rates = np.array([1e-3, 1e-2, 1e-1])
    whole = good_width(rates, test.mean(1))
    without = [good_width(rates, test[:, keep].mean(1)) for keep in ([1, 2], [0, 2], [0, 1])]
    np.testing.assert_allclose(hand_made(test).widths("adam"), [3 * whole - 2 * w for w in without])


def test_width_is_measured_along_straight_lines():
    rates = np.array([1e-4, 1e-3, 1e-2, 1e-1])
    assert good_width(rates, np.array([0.8, 0.9, 0.9, 0.8]), drop=0.01) == pytest.approx(1.2, abs=0.005)
    assert good_width(rates, np.full(4, 0.5)) == pytest.approx(3)
    test = np.array([[0.8, 0.8], [0.9, 0.9], [0.8, 0.8]])
    np.testing.assert_allclose(hand_made(test).widths("radam"), 0.2, atol=0.005)  # equal seeds, equal pseudovalues
