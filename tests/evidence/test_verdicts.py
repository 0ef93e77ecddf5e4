"""Verdicts: every outcome, intervals against SciPy and simulation, and files that can't be judged."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap

from descent.evidence import ClaimError, Measurements, judge, load_claims
from descent.evidence.files import dump_json, write_atomically, write_if_changed
from descent.evidence.verdicts import interval, merge

CLAIM = """
- id: {id}
  source: {{cite: somebody2020, place: section 1}}
  statement: It holds.
  decided_by: {decided_by}
  min_seeds: {min_seeds}
  checks:
    - {{measurement: a, comparison: at-least, expected: 16, reason: a count}}
    - {{measurement: b, comparison: close, expected: 2.0, relative: 0.1, reason: three seeds}}
"""


def claims(tmp_path, decided_by="quick", min_seeds=1, id="one"):
    (tmp_path / "chapter.yml").write_text(CLAIM.format(id=id, decided_by=decided_by, min_seeds=min_seeds))
    return load_claims(tmp_path)


@pytest.mark.parametrize(
    ("a", "b", "profile", "verdict"),
    [
        ([16.0], [2.2], "quick", "reproduced"),
        ([16.0], [2.21], "quick", "partly"),
        ([15.0], [1.7], "quick", "not reproduced"),
        ([15.0, 17.0, 16.5, 15.5], [2.0], "quick", "undecided"),
        ([16.0], [2.0], "smoke", "undecided"),
        ([16.0], [2.0], "paper", "reproduced"),
        ([16.0], [], "quick", "not run"),
    ],
)
def test_every_outcome(tmp_path, a, b, profile, verdict):
    (result,) = judge(claims(tmp_path), {"chapter": {"a": a, "b": b}}, profile)
    assert result.verdict == verdict
    assert bool(result.why) == (verdict != "reproduced")
    fields = {"id", "chapter", "source", "statement", "expected", "measured", "interval", "seeds", "verdict", "profile"}
    assert fields <= result.as_dict().keys()
    json.loads(dump_json(result.as_dict()))


def test_too_few_seeds_are_undecided(tmp_path):
    measured = {"chapter": {"a": [16.0, 17.0], "b": [2.0, 2.0]}}
    assert judge(claims(tmp_path, min_seeds=2), measured, "quick")[0].verdict == "reproduced"
    assert judge(claims(tmp_path, min_seeds=3), measured, "quick")[0].verdict == "undecided"


def test_an_interval_wider_than_the_allowance_on_both_sides_is_undecided(tmp_path):
    measured = {"chapter": {"a": [16.0], "b": [1.0, 3.0, 1.0, 3.0]}}
    assert judge(claims(tmp_path), measured, "quick")[0].verdict == "undecided"


@pytest.mark.parametrize(
    ("comparison", "expected", "inside", "outside"),
    [
        ("close", 1.0, [1.0, 1.25, 0.75], [1.26, 0.74]),
        ("at-most", 1.0, [1.25, -9.0], [1.26]),
        ("at-least", 1.0, [0.75, 99.0], [0.74]),
        ("above", 1.0, [0.76], [0.75]),
        ("below", 1.0, [1.24], [1.25]),
        ("between", [1.0, 2.0], [0.75, 2.25], [0.74, 2.26]),
    ],
)
def test_comparisons_and_their_edges(tmp_path, comparison, expected, inside, outside):
    (tmp_path / "c.yml").write_text(
        "- id: x\n  source: {cite: y, place: z}\n  statement: s\n  checks:\n"
        f"    - {{measurement: m, comparison: {comparison}, expected: {expected}, tolerance: 0.25, reason: r}}\n"
    )
    (check,) = load_claims(tmp_path)[0].checks
    assert all(check.contains(x) for x in inside)
    assert not any(check.contains(x) for x in outside)


def test_interval_is_scipys_and_degenerate_samples_are_themselves():
    values = list(np.random.default_rng(1).normal(size=12))
    expected = bootstrap((values,), np.mean, method="BCa", rng=np.random.default_rng(0)).confidence_interval
    assert interval(values) == [expected.low, expected.high]
    assert interval([3.0]) == interval([3.0, 3.0]) == [3.0, 3.0]
    assert interval(values) == interval(values)  # a verdict must not change from one build to the next


def test_interval_covers_the_mean_about_as_often_as_it_says():
    # 300 samples of 10 normal values. A small-sample bootstrap under-covers: about 0.90 for a nominal 0.95. The bound
    # 0.85 is 3 standard errors (0.0173) below 0.90: false alarms about once in 700 at worst; the seed is fixed anyway.
    rng = np.random.default_rng(2)
    hits = sum(low <= 0 <= high for low, high in (interval(list(rng.normal(size=10))) for _ in range(300)))
    assert 0.85 <= hits / 300 <= 0.985


@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=4), min_size=1, max_size=4))
def test_merging_replicates_keeps_every_value_in_order(lists):
    merged = merge([{"k": values} for values in lists] + [{"other": 1.0}])
    assert merged == {"k": [x for values in lists for x in values], "other": [1.0]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("comparison: at-least", "comparison: bigger", "must be one of"),
        ("expected: 16", "expected: many", "must be a number"),
        ("reason: a count", "cause: a count", "missing reason"),
        ("measurement: a,", "measurement: a, colour: red,", "unknown field colour"),
        ("decided_by: quick", "decided_by: slow", "must be one of smoke, quick, paper"),
        ("place: section 1", "page: 1", "missing place"),
        ("- id: one", "- id: [", "not valid YAML"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused_by_name(tmp_path, old, new, message):
    text = CLAIM.format(id="one", decided_by="quick", min_seeds=1)
    assert old in text
    (tmp_path / "chapter.yml").write_text(text.replace(old, new))
    with pytest.raises(ClaimError, match=message) as error:
        load_claims(tmp_path)
    assert "chapter.yml" in str(error.value) and "\n" not in str(error.value)


def test_ids_are_unique_across_files(tmp_path):
    claims(tmp_path)
    (tmp_path / "other.yml").write_text((tmp_path / "chapter.yml").read_text())
    with pytest.raises(ClaimError, match="stands twice"):
        load_claims(tmp_path)


def test_measurements_are_exact_on_disk_and_refuse_what_is_not_finite(tmp_path):
    record = Measurements(tmp_path)
    record("x", np.float32(0.1))
    record("y", np.array([1.0, math.pi]))
    record.timing("seconds", 2)
    assert json.loads((tmp_path / "measurements.json").read_text()) == {
        "x": float(np.float32(0.1)),
        "y": [1.0, math.pi],
    }
    assert json.loads((tmp_path / "timings.json").read_text()) == {"seconds": 2.0}
    for bad in (math.nan, [1.0, math.inf], []):
        with pytest.raises(ValueError, match="finite"):
            record("z", bad)


def test_files_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "f"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")  # can't be encoded
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    stamp = path.stat().st_mtime_ns
    assert not write_if_changed(path, "old") and path.stat().st_mtime_ns == stamp
    assert write_if_changed(path, "new") and path.read_text() == "new"
