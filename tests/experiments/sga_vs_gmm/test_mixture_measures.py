"""Measures on runs that are put together by hand, so that every number is known beforehand."""

import numpy as np
import pytest

from descent.experiments.sga_vs_gmm.mixture_measures import (
    COLUMNS,
    balanced,
    course,
    measures,
    negative_signs,
    seen,
)
from descent.measures.modes import exact_good
from descent.problems.mixtures import grid
from descent.quiet import tf
from descent.tables import table

GRID = grid()
N = 1600


def at(*chosen, reach=0.0, n=N):
    """A sample spread evenly over some modes, each point ``reach`` away from its centre."""
    return GRID.centres[np.resize(chosen, n)] + reach * np.array([0.6, 0.8])


def run_of(*samples, every=100):
    r = len(samples)
    losses = np.stack([np.arange(r), 10.0 * np.arange(r)], axis=1)
    return {"steps": every * np.arange(r), "samples": np.array(samples), "losses": losses, "inner": np.zeros((r, 0))}


def test_a_mode_is_seen_if_a_quarter_of_its_share_is_about():
    assert np.flatnonzero(seen(at(2, 7), GRID)).tolist() == [2, 7]
    assert seen(at(*range(16), reach=0.249), GRID).all()
    assert not seen(at(*range(16), reach=0.251), GRID).any()
    few = np.concatenate([at(0, n=N - 25), at(5, n=25)])  # a fair share is 100
    fewer = np.concatenate([at(0, n=N - 24), at(5, n=24)])
    assert np.flatnonzero(seen(few, GRID)).tolist() == [0, 5]
    assert np.flatnonzero(seen(fewer, GRID)).tolist() == [0]


def test_coverage_and_sharpness_are_told_apart():
    data = GRID.sample(1, N, stratified=True).numpy()
    blurred = measures(at(*range(16), reach=0.2), data, GRID)
    sharp = measures(GRID.sample(tf.constant([2, 2]), N).numpy(), data, GRID)
    four = measures(at(0, 1, 2, 3), data, GRID)
    assert blurred.keys() == COLUMNS.keys()
    assert (blurred["modes_seen"], blurred["modes_any"], blurred["good"]) == (16, 0, 0)
    assert (four["modes_seen"], four["modes_quarter"], four["good"]) == (4, 4, 1)
    assert sharp["good"] == pytest.approx(exact_good(), abs=0.02)
    assert four["mmd2"] > blurred["mmd2"] > 10 * abs(sharp["mmd2"])
    assert four["sliced_w1"] > blurred["sliced_w1"] > sharp["sliced_w1"]


def test_generators_that_ran_away_have_finite_measures():
    data = GRID.sample(1, N).numpy()
    wild = np.full((N, 2), np.nan)
    wild[:, 1] = np.inf
    assert all(np.isfinite(value) for value in measures(wild, data, GRID).values())


def test_the_course_of_a_run():
    everything = range(16)
    found = course(run_of(at(0), at(0, 1, 2), at(2, 3), at(*everything), at(*everything)), GRID)
    assert found == {
        "modes_most": 16,
        "modes_forgotten": 2,
        "steps_to_all": 300,
        "generator_loss": 4,
        "discriminator_loss": 40,
    }
    assert course(run_of(at(0), at(1), at(0), at(1)), GRID)["modes_forgotten"] == 3
    assert course(run_of(at(0), at(1)), GRID)["steps_to_all"] == 200  # never: one record more than there are
    assert course(run_of(*[at(0)] * 21), GRID)["generator_loss"] == 19.5  # the mean of the last two of twenty
    assert course(run_of(at(0)), GRID)["steps_to_all"] == 1  # diverged before the first record


def test_losses_are_balanced_when_both_are_back_at_the_equilibrium():
    at_start, one, both = [0.69, 1.38], [0.69, 1.2], [0.7, 1.4]

    def of(*losses):
        return balanced({"losses": np.array(losses)})

    assert of(at_start, at_start, one, [1.2, 1.39], both, one) == 4
    assert of(at_start, one, one) is None
    assert of(at_start, at_start) is None
    assert of(one, both) == 1


def test_signs_are_those_of_the_product_over_d_plus_epsilon():
    run = {"inner": np.array([[1.0, 1.0], [1.0, -1.0], [-2.0, 3.0], [-1.0, -1.0]])}
    assert negative_signs(run, 1) == 0.5
    assert negative_signs(run, 20) == 0.25  # -1/20 + 1/10 > 0 > -6/20 + 1/10
    assert negative_signs(run, 1, epsilon=7.0) == 0


def test_columns_head_the_measures():
    values = measures(at(0, 1), GRID.sample(1, N).numpy(), GRID)
    found = table({"a": values}, COLUMNS)
    assert found.head[:2] == ["", "modes seen"] and len(found.rows[0]) == len(COLUMNS) + 1
    assert found.rows[0][:2] == ["a", "2"] and "100.0%" in found.rows[0]
