"""The weights that come with the book are those of its recipes, and whoever wants can make them again."""

import json
from functools import partial

import numpy as np
import pytest

from descent.experiments.learning_to_optimize import learned_recipes
from descent.experiments.learning_to_optimize.learned_races import (
    BASELINES,
    TRAIN,
    Tuned,
    Workload,
    at_once,
    decades,
    race_tuned,
    tune,
)
from descent.experiments.learning_to_optimize.learned_recipes import (
    RECIPES,
    inner_gradients,
    main,
    shipped_path,
    shipped_weights,
)
from descent.learned.weights import load_weights, read_provenance
from descent.quiet import tf


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_weights_fit_their_recipe_and_say_where_they_are_from(name):
    weights = shipped_weights(name)
    tf.nest.assert_same_structure(weights, RECIPES[name].make().init(0))
    told = read_provenance(shipped_path(name))
    assert told["recipe"] == json.loads(json.dumps(RECIPES[name].plain()))
    assert not told["dirty"] and len(told["commit"]) == 40
    assert told["inner_gradients"] == inner_gradients(RECIPES[name])
    assert told["wall_seconds"] > 0 and told["peak_memory_mb"] > 0 and np.isfinite(told["meta_loss"]).all()


def test_shipped_weights_train_a_network_in_seconds():
    losses = Workload().learned(RECIPES["rnnprop"].make(), {"rnnprop": shipped_weights("rnnprop")}, 60, 60, 11, 3)
    assert (losses["rnnprop"][0, :, TRAIN] > 2).all()
    assert (losses["rnnprop"][1, :, TRAIN] < 1).all()


def test_the_command_writes_weights_and_clears_its_checkpoint(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DESCENT_CACHE_DIR", str(tmp_path / "cache"))
    assert main(["multiscale-average", "--meta-steps", "3", "--seed", "5", "--folder", str(tmp_path)]) == 0
    path = tmp_path / "multiscale-average.json"
    weights = load_weights(path, RECIPES["multiscale-average"].make())
    assert weights.shape == [6]
    told = read_provenance(path)
    assert told["seed"] == 5 and told["recipe"]["meta_steps"] == 3
    assert "meta-step 3/3, meta-loss" in capsys.readouterr().out
    assert not list((tmp_path / "cache").iterdir())
    with pytest.raises(SystemExit):
        main(["no-such-recipe"])
    assert "choose from k-momentums" in capsys.readouterr().err


def test_other_code_and_other_recipes_are_not_taken_for_the_same():
    plain = [json.dumps(recipe.plain(), sort_keys=True) for recipe in RECIPES.values()]
    assert len(set(plain)) == len(plain)
    assert set(learned_recipes.code_state()) == {"commit", "dirty", "versions", "machine"}


def test_tuning_takes_the_best_trial_of_a_horizon_and_never_one_that_diverged():
    trials = np.array([[0.1, 0.9], [0.2, 0.9], [0.3, 0.9]])
    scores = np.array([[0.0, 0.0, 0.0], [-1.0, -2.0, np.inf], [-3.0, -2.5, np.inf]])
    tuned = Tuned("Adam", trials, np.stack([scores, scores - 0.1], -1), 10, 0)
    np.testing.assert_array_equal(tuned.at(10).best, trials[1])
    np.testing.assert_array_equal(tuned.at(20).best, trials[0])
    found = tune(Workload(), "momentum", 40, 20, seed=3, seeds=2)
    assert found.gradients == len(found.trials) * 2 * 40
    best = race_tuned(Workload(), found, [40], 40, 20, 3, 2)[40]
    assert decades(best[-1, :, TRAIN]).mean() == pytest.approx(found.at(40).means.min(), abs=1e-4)


def test_all_families_have_as_many_trials():
    assert len({len(second) for _, second in BASELINES.values()}) == 1


def test_races_at_once_are_the_races_one_by_one_to_the_last_bit():
    jobs = {name: partial(tune, Workload(), name, 20, 20, seed=3, seeds=2) for name in ("momentum", "Adam")}
    together = at_once(jobs)
    assert list(together) == list(jobs)
    for name, job in jobs.items():
        np.testing.assert_array_equal(together[name].scores, job().scores)


def test_an_error_in_one_of_several_races_is_raised():
    with pytest.raises(ZeroDivisionError):
        at_once({"well": lambda: 1, "badly": lambda: 1 // 0})
