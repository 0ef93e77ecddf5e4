"""Kept results: computed once, never half, never believed when damaged, and forgotten when their code changes."""

import importlib.util
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from descent.evidence.kept import code_hash, kept


class Counted:
    """A computation that counts how often it is made."""

    def __init__(self, value=1.0):
        self.value, self.times = value, 0

    def __call__(self):
        self.times += 1
        return {"x": np.full(3, self.value), "n": np.array(7)}


def test_the_same_settings_are_computed_once(tmp_path):
    compute = Counted()
    first = kept(tmp_path, "run", {"eta": 0.1, "steps": 5}, compute)
    again = kept(tmp_path, "run", {"steps": 5, "eta": 0.1}, compute)
    assert compute.times == 1
    assert first.keys() == again.keys() == {"x", "n"}
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert first[name].dtype == again[name].dtype


def test_other_settings_are_another_result(tmp_path):
    assert kept(tmp_path, "run", {"eta": 0.1}, Counted(1.0))["x"][0] == 1.0
    assert kept(tmp_path, "run", {"eta": 0.2}, Counted(2.0))["x"][0] == 2.0
    assert kept(tmp_path, "run", {"eta": 0.1}, Counted(3.0))["x"][0] == 1.0


def test_nothing_is_kept_of_a_computation_that_fails(tmp_path):
    def fails():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(tmp_path, "run", {}, fails)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_chapter_goes_on_after_what_it_had_finished(tmp_path):
    chapter = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        import numpy as np
        from descent.evidence.kept import kept

        folder, deadly = Path(sys.argv[1]), sys.argv[2] == "killed"

        def compute(name):
            print("computing", name, flush=True)
            if deadly and name == "second":
                os.kill(os.getpid(), signal.SIGKILL)
            return {"x": np.arange(4)}

        print([int(kept(folder, name, {}, lambda: compute(name))["x"].sum()) for name in ("first", "second")])
    """)
    killed, resumed = (
        subprocess.run([sys.executable, "-c", chapter, tmp_path, fate], capture_output=True, text=True, check=False)
        for fate in ("killed", "resumed")
    )
    assert killed.returncode == -9
    assert killed.stdout.splitlines() == ["computing first", "computing second"]
    assert resumed.stdout.splitlines() == ["computing second", "[6, 6]"]


def test_no_damaged_byte_is_believed(tmp_path):
    kept(tmp_path, "run", {}, Counted())
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    believed = []
    for k in range(len(content)):
        path.write_bytes(content[:k] + bytes([content[k] ^ 0x55]) + content[k + 1 :])
        found = kept(tmp_path, "run", {}, Counted())
        if found.keys() != {"x", "n"} or found["x"].tolist() != [1.0] * 3 or found["n"] != 7:
            believed.append(k)
    assert believed == []


def test_the_file_is_one_that_numpy_reads(tmp_path):
    kept(tmp_path, "run", {}, Counted())
    (path,) = tmp_path.iterdir()
    with np.load(path) as file:
        np.testing.assert_array_equal(file["x"], np.ones(3))


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_computed_again(tmp_path, share):
    kept(tmp_path, "run", {}, Counted())
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    compute = Counted(2.0)
    assert kept(tmp_path, "run", {}, compute)["x"][0] == 2.0
    assert kept(tmp_path, "run", {}, compute)["x"][0] == 2.0
    assert compute.times == 1


def test_a_file_that_may_not_be_read_is_no_reason_to_compute_for_hours(tmp_path):
    kept(tmp_path, "run", {}, Counted())
    (path,) = tmp_path.iterdir()
    path.unlink()
    path.mkdir()
    compute = Counted()
    with pytest.raises(IsADirectoryError):
        kept(tmp_path, "run", {}, compute)
    assert compute.times == 0


# What counts as the same code

PLAIN = """
def step(w, eta):
    return w - eta * w
"""
TOLD = '''
"""A module."""


def step(w, eta):
    """Return one step."""
    return (w
            - eta * w)  # down
'''
CHANGED = PLAIN.replace("w - eta", "w + eta")


@pytest.fixture
def module(tmp_path):
    made = []

    def make(name, source):
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
        made.append(name)
        return sys.modules[name]

    yield make
    for name in made:
        del sys.modules[name]


def test_comments_docstrings_and_layout_do_not_change_the_hash(module):
    plain, told, changed = module("plain", PLAIN), module("told", TOLD), module("changed", CHANGED)
    assert code_hash(plain) == code_hash(told) != code_hash(changed)
    assert code_hash(plain.step) == code_hash(told.step) != code_hash(changed.step)
    assert len({code_hash(plain, changed), code_hash(changed, plain), code_hash(plain)}) == 3


def test_a_lambda_stands_for_its_constants_and_for_what_it_names(module):
    rules = """
from {step} import step
make = lambda eta: step(1.0, eta)
same = lambda eta: step(1.0, eta)
other = lambda eta: step(2.0, eta)
nested = lambda eta: [step(1.0, x) for x in (eta, 3.0)]
deeper = lambda eta: [step(1.0, x) for x in (eta, 4.0)]
"""
    for name, source in [("step_plain", PLAIN), ("step_told", TOLD), ("step_changed", CHANGED)]:
        module(name, source)
    plain, told, changed = (
        module(f"rules_{kind}", rules.format(step=f"step_{kind}")) for kind in ("plain", "told", "changed")
    )
    for name in ("make", "nested"):
        assert code_hash(getattr(plain, name)) == code_hash(getattr(told, name)) != code_hash(getattr(changed, name))
    assert code_hash(plain.make) == code_hash(plain.same)
    assert len({code_hash(x) for x in (plain.make, plain.other, plain.nested, plain.deeper)}) == 4


def test_a_lambda_whose_values_its_code_does_not_hold_is_refused():
    outside = 3.0
    with pytest.raises(ValueError, match="stand in its body"):
        code_hash(lambda eta: eta * outside)
    with pytest.raises(ValueError, match="stand in its body"):
        code_hash(lambda eta, factor=2.0: eta * factor)
