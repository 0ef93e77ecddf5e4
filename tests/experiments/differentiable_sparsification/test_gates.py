"""Gates on networks: what they multiply, what is deleted, who is pruned, and how zeros are counted."""

from dataclasses import replace

import numpy as np
import pytest

from descent.experiments.differentiable_sparsification import measured, network
from descent.experiments.differentiable_sparsification.measured import Race, at_sparsity, chosen_early, revived
from descent.experiments.differentiable_sparsification.network import Ends, Task
from descent.problems.classification import Classification
from descent.problems.convolution import Convolutional
from descent.problems.images import load
from descent.problems.networks import mlp
from descent.quiet import tf

TASK = Task("digits", "units", 12, 60, 16)


@pytest.fixture(scope="module")
def race(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DESCENT_CACHE_DIR", str(folder))
        first = network.race(TASK, [1, 2], ["dense", "threshold", "proximal", "magnitude", "twin"])
        patch.setattr(network, "Sweep", None)  # kept: nothing is trained again
        again = network.race(TASK, [1, 2], ["dense", "threshold", "proximal", "magnitude", "twin"])
    for name, ends in first.items():
        np.testing.assert_array_equal(ends.test, again[name].test)
    return first


def test_open_gates_are_the_library_s_networks():
    images = load("digits", "test")
    x = tf.constant(images.x[:5])
    plain = mlp([64, 12, 10])
    layers = plain.init(3)
    for place in ("pixels", "units"):
        np.testing.assert_allclose(network.logits(place, layers, 1.0, x, images.shape), plain(layers, x), atol=1e-6)
    deep = Convolutional(images.shape, (2, 4))
    layers = deep.init(3)
    np.testing.assert_allclose(network.logits("channels", layers, 1.0, x, images.shape), deep(layers, x), atol=1e-6)


@pytest.mark.parametrize("place", ["pixels", "units", "channels"])
def test_a_closed_gate_is_a_part_that_is_not_there(place):
    """Closing a gate equals setting to zero all weights that lead out of that part."""
    images = load("digits", "test")
    task = Task("digits", place, 3, 1, 1)
    x, layers = tf.constant(images.x[:7]), [[w.numpy(), b.numpy()] for w, b in task.network.init(5)]
    gate = np.ones(task.gates, np.float32)
    gate[1] = 0.0
    closed = network.logits(place, layers, tf.constant(gate), x, images.shape)
    if place == "pixels":
        layers[0][0][1] = 0.0
    elif place == "units":
        layers[1][0][1] = 0.0
    else:  # channel 1 of the first convolution is seen at nine places by the second
        layers[1][0][1 :: task.width] = 0.0
    np.testing.assert_allclose(closed, network.logits(place, layers, 1.0, x, images.shape), atol=1e-6)


def test_groups_shrink_by_their_norms():
    layers = mlp([4, 3, 10]).init(0)
    for place in ("pixels", "units"):
        before = network.group_norms(place, layers).numpy()
        after = network.group_norms(place, network.shrunk(place, layers, 0.2)).numpy()
        np.testing.assert_allclose(after, np.maximum(before - 0.2, 0), atol=1e-6)


def test_what_was_trained(race):
    dense = race["dense"]
    problem = Classification(load("digits"), TASK.network)
    scored = problem.evaluate((network._lane(dense.weights[0], 1, 0),), load("digits", "test"))
    assert scored.accuracy == pytest.approx(dense.test[1, 0], abs=1e-6)
    assert dense.zeros.max() == 0 and dense.settings.shape == (2, 2)
    pruned = race["magnitude"]
    np.testing.assert_allclose(pruned.zeros[:6, 0], np.round(np.array(network.TARGETS) * 12) / 12)
    np.testing.assert_array_equal(race["twin"].zeros, race["threshold"].zeros)
    assert race["threshold"].sizes.shape == (61, 12, 2, 12)


def test_deleting_dead_units_changes_nothing(race, monkeypatch):
    layers, parts = race["threshold"].weights
    alpha = np.random.default_rng(0).normal(0, 3, parts["alpha"].shape).astype(np.float32)
    ends = replace(race["threshold"], weights=(layers, parts | {"alpha": alpha}), zeros=np.full((12, 2), 0.5))
    assert network.change_when_removed(TASK, ends, 0.5) <= 1e-6
    small = replace(network.GATES["threshold"], value=lambda parts, u: tf.nn.softmax(parts["alpha"]) + 1e-3)
    monkeypatch.setitem(network.GATES, "threshold", small)  # nothing is zero, so nothing is deleted
    assert network.change_when_removed(TASK, ends, 0.5) == 0.0


def hand_made(zeros, held, test):
    zeros, held, test = (np.array(x, float) for x in (zeros, held, test))
    return Ends(np.zeros((len(zeros), 2)), held, test, zeros, np.ones((2, *zeros.shape, 4)), ())


def test_equal_sparsity_chooses_by_the_other_seeds():
    zeros = [[0.2, 0.2], [0.6, 0.6], [0.9, 0.9]]
    ends = hand_made(zeros, [[1.0, 1.0], [0.9, 0.5], [0.8, 0.7]], [[0.0, 0.0], [0.1, 0.2], [0.3, 0.4]])
    # seed 0 is told by seed 1, which likes the third setting; seed 1 by seed 0, which likes the second
    np.testing.assert_array_equal(at_sparsity(ends, 0.5), [0.3, 0.2])
    assert at_sparsity(ends, 0.95) is None
    race = Race("x", {"dense": ends, "threshold": ends, "proximal": hand_made(zeros[:1], [[1, 1]], [[0.5, 0.5]])})
    found = race.measurements()
    assert "x.at_50.threshold_minus.proximal" not in found and "x.at_50.threshold_minus.dense" in found
    assert "never" in str(race.table())


def test_zeros_that_come_back_are_counted_by_hand():
    sizes = np.array([[1, 1, 1, 1], [0, 0, 1, 1], [0, 2, 1, 0], [0, 0, 1, 0]], float)[:, None, None]
    np.testing.assert_allclose(revived(sizes), [1 / 3])  # three were ever 0, one of them came back
    assert revived(np.ones((3, 1, 1, 4))) == [0.0]


def test_early_choice_by_hand():
    sizes = np.ones((11, 1, 1, 4))
    sizes[1] = [4, 3, 2, 1]
    sizes[-1] = [1, 0, 1, 0]
    shared, chance = chosen_early(sizes)  # the two largest early are 0 and 1, the survivors 0 and 2
    np.testing.assert_allclose([shared, chance], [[0.5], [0.5]])


def test_tables_name_every_method(race):
    text = str(Race("digits.units", race).table())
    assert all(network.LABELS[name] in text for name in race if name != "dense")
    assert measured.returns_table({"units": Race("digits.units", race)}).rows[0][1] == "relative threshold"
