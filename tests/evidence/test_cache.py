"""Kept results: computed once, never half, never believed when damaged, and forgotten when what made them changes."""

import shutil
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import numpy as np
import pytest

import descent
from descent.evidence import cache
from descent.evidence.cache import cached, key
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules import adam, chain, gradient_descent, momentum, sga
from descent.rules.base import stateless


class Counted:
    """A computation that counts how often it is made."""

    def __init__(self, value=1.0):
        self.value, self.times = value, 0

    def __call__(self):
        self.times += 1
        return {"x": np.full(3, self.value), "n": np.array(7)}


def test_the_same_settings_are_computed_once(tmp_path):
    compute = Counted()
    first = cached("run", {"eta": 0.1, "steps": 5}, compute, tmp_path)
    again = cached("run", {"steps": 5, "eta": 0.1}, compute, tmp_path)
    assert compute.times == 1
    assert first.keys() == again.keys() == {"x", "n"}
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert first[name].dtype == again[name].dtype


def test_other_settings_are_another_result(tmp_path):
    assert cached("run", {"eta": 0.1}, Counted(1.0), tmp_path)["x"][0] == 1.0
    assert cached("run", {"eta": 0.2}, Counted(2.0), tmp_path)["x"][0] == 2.0
    assert cached("run", {"eta": 0.1}, Counted(3.0), tmp_path)["x"][0] == 1.0


def test_nothing_is_kept_of_a_computation_that_fails(tmp_path):
    def fails():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached("run", {}, fails, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_chapter_goes_on_after_what_it_had_finished(tmp_path):
    chapter = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        import numpy as np
        from descent.evidence.cache import cached

        folder, deadly = Path(sys.argv[1]), sys.argv[2] == "killed"

        def compute(name):
            print("computing", name, flush=True)
            if deadly and name == "second":
                os.kill(os.getpid(), signal.SIGKILL)
            return {"x": np.arange(4)}

        print([int(cached(name, {}, lambda: compute(name), folder)["x"].sum()) for name in ("first", "second")])
    """)
    path = tmp_path / "chapter.py"
    path.write_text(chapter)
    killed, resumed = (
        subprocess.run([sys.executable, path, tmp_path / "kept", fate], capture_output=True, text=True, check=False)
        for fate in ("killed", "resumed")
    )
    assert killed.returncode == -9
    assert killed.stdout.splitlines() == ["computing first", "computing second"]
    assert resumed.stdout.splitlines() == ["computing second", "[6, 6]"]


def test_no_damaged_byte_is_believed(tmp_path):
    cached("run", {}, Counted(), tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    believed = []
    for k in range(len(content)):
        path.write_bytes(content[:k] + bytes([content[k] ^ 0x55]) + content[k + 1 :])
        found = cached("run", {}, Counted(), tmp_path)
        if found.keys() != {"x", "n"} or found["x"].tolist() != [1.0] * 3 or found["n"] != 7:
            believed.append(k)
    assert believed == []


def test_the_file_is_one_that_numpy_reads(tmp_path):
    cached("run", {}, Counted(), tmp_path)
    (path,) = tmp_path.iterdir()
    with np.load(path) as file:
        np.testing.assert_array_equal(file["x"], np.ones(3))


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_computed_again(tmp_path, share):
    cached("run", {}, Counted(), tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    compute = Counted(2.0)
    assert cached("run", {}, compute, tmp_path)["x"][0] == 2.0
    assert cached("run", {}, compute, tmp_path)["x"][0] == 2.0
    assert compute.times == 1


def test_a_file_that_may_not_be_read_is_no_reason_to_compute_for_hours(tmp_path):
    cached("run", {}, Counted(), tmp_path)
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.mkdir()
    compute = Counted()
    with pytest.raises(IsADirectoryError):
        cached("run", {}, compute, tmp_path)
    assert compute.times == 0


# What counts as the same result

GAN = "descent.experiments.sga_vs_gmm.mixture_gan"
LIBRARY = Path(descent.__file__).parent


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A copy of the library to edit; ``library(path, old, new)`` does, and returns the key of a run of the GAN."""
    copy = tmp_path / "descent"
    shutil.copytree(LIBRARY, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "LIBRARY", copy)

    def edit(path, old, new):
        text = (copy / path).read_text()
        assert old in text
        (copy / path).write_text(text.replace(old, new))
        cache._state_of_module.cache_clear()
        return key(GAN, {"rule": gradient_descent(0.1)})

    yield edit
    cache._state_of_module.cache_clear()


def test_a_change_of_code_is_another_result(library):
    last = library("rules/base.py", "a", "a")
    for path, old, new in [
        ("problems/mixtures.py", "\ndef ", "\nx = 1\n\ndef "),
        ("problems/networks.py", "x = activation(x)", "x = activation(-x)"),
        ("problems/gan.py", "real_seed, z_seed =", "z_seed, real_seed ="),  # the sampler's order
        ("vectors.py", "def add(", "def sum_of("),  # two imports away
        ("rules/gradient_descent.py", "import ", "import os, "),  # the rule's own module, which the caller never names
    ]:
        now = library(path, old, new)
        assert now != last, path
        last = now


def test_prose_comments_and_unrelated_modules_are_not(library):
    first = library("rules/base.py", "a", "a")
    assert library("problems/networks.py", "Fully connected networks", "Networks") == first
    assert library("problems/mixtures.py", "\ndef ", "\n# a comment\n\n\n\ndef ") == first
    assert library("problems/networks.py", "Return the outputs", "Give the outputs") == first
    assert library("rules/adam.py", "\ndef ", "\nx = 1\n\ndef ") == first
    assert library("noise/alpha_stable.py", "\ndef ", "\nx = 1\n\ndef ") == first


def test_each_setting_of_a_rule_is_another_result():
    def run(rule):
        return key(GAN, {"rule": rule})

    rules = [
        *(momentum(0.1, 0.9), momentum(0.1, 0.95), momentum(0.2, 0.9)),
        *(gradient_descent(0.1), adam(0.1), adam(0.1, 0.5)),
        *(chain(sga(1.0), adam(0.1)), chain(sga(2.0), adam(0.1)), chain(sga(1.0), adam(0.2))),
        *(stateless(lambda xi, params, game: 2.0 * xi), stateless(lambda xi, params, game: 3.0 * xi)),
        *(stateless(lambda xi, params, game: xi + xi), stateless(lambda xi, params, game: xi - xi)),
    ]
    assert len({run(rule) for rule in rules}) == len(rules)
    assert run(chain(sga(1.0), adam(0.1))) == run(chain(sga(1.0), adam(0.1)))
    assert run(adam(tf.constant(0.1))) == run(adam(tf.constant(0.1))) != run(adam(tf.constant(0.2)))


def test_networks_and_arrays_count_by_what_they_are():
    values = [
        mlp([2, 3], tf.nn.sigmoid),
        mlp([2, 3], tf.nn.tanh),
        mlp([2, 4], tf.nn.tanh),
        np.arange(3),
        np.arange(3.0),
        np.arange(4),
        tf.range(3.0) + 1.0,
        (1, 2),
        [1, 2],
        {"a": 1},
    ]
    assert len({key(GAN, {"x": value}) for value in values}) == len(values)
    assert key(GAN, {"x": mlp([2, 3], tf.nn.tanh)}) == key(GAN, {"x": mlp([2, 3], tf.nn.tanh)})
    assert key(GAN, {"x": np.arange(3.0)[::1]}) == key(GAN, {"x": np.arange(6.0)[::2].copy() / 2})


def test_another_tensorflow_is_another_result(monkeypatch):
    before = key(GAN, {})
    version = cache.metadata.version
    monkeypatch.setattr(cache.metadata, "version", lambda name: "9.9" if name == "tensorflow" else version(name))
    assert key(GAN, {}) != before


def test_what_cannot_be_told_is_refused():
    with pytest.raises(ValueError, match="can't tell what"):
        key(GAN, {"x": iter([])})


def test_in_a_notebook_what_has_run_counts_once(monkeypatch):
    main = types.SimpleNamespace(In=["", "from descent.rules import adam", "x = 1", "%time y = ("])
    monkeypatch.setitem(sys.modules, "__main__", main)
    first = key("__main__", {})
    main.In = [*main.In, "x = 1  # again"]
    assert key("__main__", {}) == first
    main.In = [*main.In, "x = 2"]
    assert key("__main__", {}) != first
