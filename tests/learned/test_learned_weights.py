"""Weights files give back every bit, and whatever does not fit is refused in one clear line."""

import json

import numpy as np
import pytest

from descent.learned import k_momentums, lstm_optimizer
from descent.learned.weights import WeightsError, load_weights, read_provenance, save_weights
from descent.quiet import tf

OPTIMIZER = lstm_optimizer(units=3)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "lstm.json"
    save_weights(path, OPTIMIZER, OPTIMIZER.init(7), {"seed": 7, "meta_steps": 0})
    return path


def refused(path, match, optimizer=OPTIMIZER):
    with pytest.raises(WeightsError, match=match) as caught:
        load_weights(path, optimizer)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message


def test_weights_come_back_bit_for_bit(path):
    weights = load_weights(path, OPTIMIZER)
    tf.nest.assert_same_structure(weights, OPTIMIZER.init(7))
    for a, b in zip(tf.nest.flatten(weights), tf.nest.flatten(OPTIMIZER.init(7)), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
    assert read_provenance(path) == {"seed": 7, "meta_steps": 0}


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "none.json", "no such weights file; meta-train")


def test_weights_of_another_optimiser_are_refused(path):
    refused(path, r"weights of lstm_optimizer\(.*\), not of k_momentums\(.*\); name the file", k_momentums(3))


def test_weights_of_other_settings_are_refused(path):
    refused(path, r"units=3.*not of .*units=4", lstm_optimizer(units=4))


@pytest.mark.parametrize("cut", [0, 10, 400])
def test_a_truncated_file_is_refused(path, cut):
    path.write_text(path.read_text()[:cut])
    refused(path, "damaged")


def test_one_flipped_bit_is_noticed(path):
    content = json.loads(path.read_text())
    text = content["tensors"][0]["base64"]
    content["tensors"][0]["base64"] = text[:8] + ("B" if text[8] == "A" else "A") + text[9:]
    path.write_text(json.dumps(content))
    refused(path, "checksum")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c.pop("sha256"), "lacks sha256"),
        (lambda c: c.update(format=2), "format 2"),
        (lambda c: c["tensors"][0].update(shape=[1]), "damaged"),
        (lambda c: c["tensors"][0].update(base64="*"), "damaged"),
        (lambda c: c["tensors"][0].update(dtype="no"), "damaged"),
        (lambda c: c["tensors"].pop(), "checksum|shapes"),
    ],
)
def test_a_changed_file_is_refused(path, change, match):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    refused(path, match)


def test_a_list_is_no_weights_file(path):
    path.write_text("[1]")
    refused(path, "not a weights file")


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    optimizer = k_momentums(2)
    broken = tf.nest.map_structure(lambda w: w * float("nan"), optimizer.init(0))
    with pytest.raises(WeightsError, match="NaN or infinite"):
        save_weights(tmp_path / "x.json", optimizer, broken, {})
    assert not list(tmp_path.iterdir())
