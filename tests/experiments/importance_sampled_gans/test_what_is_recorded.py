"""Which way every recorded comparison points: arms whose curves are made up, so that the answer is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from descent.experiments.importance_sampled_gans import measured
from descent.experiments.importance_sampled_gans.arms import ARMS, Setup
from descent.experiments.importance_sampled_gans.image_study import ImageStudy
from descent.experiments.importance_sampled_gans.study import GAINS_OF, MIXTURES, Study, tuned
from descent.quiet import tf

STEPS = np.arange(5) * 100.0
ONES = np.ones((3, 2))
OF_SCORES = [f"{what}.{score}" for what in ("exact", "rank") for score in measured.SCORES]
GAINS = dict.fromkeys(["ceiling", "dead", "gain", "chi2", "ess", *OF_SCORES], ONES)
COST = 2.0  # of each arm's step, in uniform ones


@pytest.fixture(autouse=True)
def cheap(monkeypatch):
    monkeypatch.setattr(measured, "step_cost", lambda setup, arm: COST)
    monkeypatch.setattr(measured, "unbiased", lambda *args, **kwargs: np.zeros(2))


def lanes(*curve):
    """The same curve in two lanes, [records, 2]."""
    return np.repeat(np.array(curve, float)[:, None], 2, 1)


def test_an_arm_that_comes_nearer_sooner_is_faster_on_images():
    study = ImageStudy.__new__(ImageStudy)
    slow, fast = lanes(90, 80, 60, 40, 20), lanes(90, 40, 20, 10, 5)
    other = {key: lanes(1, 1, 1, 1, 1) for key in ("classes", "kl", "sharp")}
    study.kept = {
        arm: other
        | {"frechet": fast if arm == "fis" else slow, "bias": np.ones(2)}
        | {f"gains {key}": values for key, values in GAINS.items()}
        for arm in ARMS
    }
    study.level, study.steps, study.setup = 3.0, STEPS, None
    study.rates = dict.fromkeys(ARMS, np.ones(2))
    study.__dict__["judge"] = SimpleNamespace(accuracy=1.0, of_real={"frechet": 1.0})

    out = study._measurements()
    np.testing.assert_allclose(out["steps.uniform"], 400)
    np.testing.assert_allclose(out["steps.fis"], 200)
    np.testing.assert_allclose(out["faster.fis"], np.log(2))
    np.testing.assert_allclose(out["nearer.fis"], np.log(20 / 5))
    np.testing.assert_allclose(out["nearer_at_work.fis"], np.log(20 / 20))  # at step 200, of 400
    np.testing.assert_allclose(out["nearer_at_work.theta"], np.log(20 / 60))  # the same curve, for twice the price


@pytest.mark.parametrize(("name", "steps"), [("ring", (300, 200)), ("grid", (400, 100))])
def test_the_level_is_a_share_near_modes_on_the_ring_and_a_distance_on_the_grid(name, steps):
    study = Study.__new__(Study)
    rest = {"modes": lanes(1, 1, 1, 1, 1), "kl": lanes(1, 1, 1, 1, 1)}
    slow = {"good": lanes(0, 0.2, 0.6, 0.8, 0.9), "w1": lanes(3, 2.5, 2, 1.5, 0.9)}
    fast = {"good": lanes(0, 0.2, 0.8, 0.8, 0.9), "w1": lanes(3, 0.9, 0.5, 0.5, 0.5)}
    study.samples = {arm: rest | (fast if arm == "fis" else slow) for arm in ARMS}
    study.setup, study.level, study.seed, study.steps = Setup(MIXTURES[name], (1, 2)), 0.7, 0, STEPS
    study.runs, study.rates = dict.fromkeys(ARMS), dict.fromkeys(ARMS, np.ones(2))
    study.gains = SimpleNamespace(bias=lambda run, record: np.ones(2))
    study.found = dict.fromkeys(GAINS_OF, GAINS)

    out = study._measurements()
    np.testing.assert_allclose([out["steps.uniform"][0], out["steps.fis"][0]], steps)
    np.testing.assert_allclose(out["faster.fis"], np.log(steps[0] / steps[1]))
    np.testing.assert_allclose(out["work.fis"], np.log(steps[0] / steps[1] / COST))
    np.testing.assert_allclose(out["final.w1.fis"], fast["w1"][-1] - slow["w1"][-1])


@pytest.mark.parametrize(("name", "key", "better"), [("ring", "good", 0.9), ("grid", "w1", 0.1)])
def test_the_rate_with_the_better_curve_is_taken(name, key, better, monkeypatch):
    setup = Setup(MIXTURES[name], (1, 2, 3), rates=(1e-3, 1e-2))
    misleading = {"good": 0.5, "w1": 0.5}
    values = misleading | {key: np.r_[np.full(3, 0.5), np.full(3, better)]}  # the second rate's lanes
    monkeypatch.setattr(
        measured, "sample_measures", lambda *args: {k: np.broadcast_to(v, (4, 6)) for k, v in values.items()}
    )
    start = tf.nest.map_structure(lambda x: np.stack([x] * 2), setup.start(ARMS["uniform"]))
    made = SimpleNamespace(params=start, steps=STEPS[:2], samples=np.zeros((2, 6, 1, 2)), seconds=1.0)
    monkeypatch.setattr(measured, "run", lambda *args: made)
    monkeypatch.setattr(
        "descent.experiments.importance_sampled_gans.study.cached", lambda name, settings, compute: compute()
    )
    run, rates = tuned(setup, "uniform", 1, 1, 0)
    np.testing.assert_allclose(rates, 1e-2)
    assert run.samples.shape[1] == 3
