"""Claims, measurements and archives as files: what a check says, and that what can't be right is refused by name."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import yaml

from descent.evidence import ClaimError, Measurements, load_claims
from descent.evidence.archives import ArchiveError, plain_archive, read_archive
from descent.evidence.files import dump_json
from descent.evidence.measurements import KEY, plain_key
from descent.evidence.migrate import RENAMED, STRUCK, migrate
from descent.evidence.schemas import FOLDER, schemas

REPOSITORY = Path(__file__).parents[2]
CLAIM = """
- id: one
  kind: finding
  source: {cite: somebody2020, place: section 1}
  statement: It holds.
  min_seeds: 3
  checks:
    - {measurement: a, label: the first, comparison: at-least, expected: 16, reason: a count}
    - {measurement: b, label: the second, comparison: close, expected: 2.0, tolerance: 0.1, reason: three seeds}
"""


def check(tmp_path, **keys):
    entry = yaml.safe_load(CLAIM)
    entry[0]["checks"] = [{"measurement": "m", "label": "l", "reason": "r", **keys}]
    (tmp_path / "c.yml").write_text(yaml.safe_dump(entry))
    return load_claims(tmp_path)[0].checks[0]


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
    found = check(tmp_path, comparison=comparison, expected=expected, tolerance=0.25)
    assert all(found.contains(x) for x in inside)
    assert not any(found.contains(x) for x in outside)


@pytest.mark.parametrize("expected", [2.0, -2.0])
def test_a_relative_tolerance_widens_whatever_the_sign(tmp_path, expected):
    found = check(tmp_path, comparison="close", expected=expected, relative=0.1, tolerance=0.05)
    assert found.region == pytest.approx((expected - 0.25, expected + 0.25))


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"comparison": "close", "expected": 1.386294, "tolerance": 0.05}, "1.3863 ± 0.05"),
        ({"comparison": "at-least", "expected": 16}, "≥ 16"),
        ({"comparison": "at-most", "expected": 1e-8}, "≤ 1e-08"),
        ({"comparison": "above", "expected": 0, "over": "most"}, "> 0 in most runs"),
        ({"comparison": "below", "expected": -0.2}, "< -0.2"),
        ({"comparison": "between", "expected": [1, 2.5], "tolerance": 0.5}, "1 to 2.5 ± 0.5"),
    ],
)
def test_an_expectation_reads_as_one_would_write_it(tmp_path, keys, text):
    assert check(tmp_path, **keys).expectation == text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("comparison: at-least", "comparison: bigger", "checks.0.comparison is 'bigger'"),
        ("expected: 16", "expected: many", "checks.0.expected"),
        ("expected: 16", "expected: true", "checks.0.expected"),
        ("expected: 16", "expected: .nan", "checks.0.expected"),
        ("expected: 2.0", "expected: .inf", "checks.1.expected"),
        ("expected: 2.0", "expected: [1, 2]", "checks.1 .*'between' expects a pair"),
        (
            "comparison: close, expected: 2.0",
            "comparison: between, expected: 2.0",
            "checks.1 .*'between' expects a pair",
        ),
        (
            "comparison: close, expected: 2.0",
            "comparison: between, expected: [2, 1]",
            "checks.1 .*lower bound comes first",
        ),
        (
            "comparison: close, expected: 2.0",
            "comparison: between, expected: [1, 2], relative: 1",
            "checks.1 .*'relative'",
        ),
        ("tolerance: 0.1", "tolerance: -0.1", "checks.1.tolerance is -0.1"),
        ("tolerance: 0.1", "tolerance: .nan", "checks.1.tolerance"),
        ("tolerance: 0.1", "relative: -0.1", "checks.1.relative is -0.1"),
        ("reason: a count", "cause: a count", "checks.0.reason is missing"),
        (
            "measurement: a,",
            "measurement: a, colour: red,",
            "checks.0.colour is unknown; known are comparison, expected",
        ),
        ("measurement: a,", "measurement: 'A, b',", "checks.0.measurement is 'A, b'; only a to z"),
        ("label: the first,", "", "checks.0.label is missing"),
        ("label: the first,", "label: '',", "checks.0.label"),
        ("kind: finding", "kind: rumour", "kind is 'rumour'"),
        ("min_seeds: 3", "min_seeds: 0", "min_seeds is 0"),
        ("min_seeds: 3", "decided_by: slow", "decided_by is 'slow'"),
        ("min_seeds: 3", "chapter: c", "chapter is unknown"),
        ("min_seeds: 3", "exact: true", "'because'"),
        ("min_seeds: 3", "because: of it", "'exact: true'"),
        ("place: section 1", "page: 1", "source.place is missing"),
        ("- id: one", "- id: One more", "id is 'One more'"),
        ("- id: one", "- id: [", "not valid YAML"),
        ("- id: one", "- and", "claim 'number 1'|not valid YAML"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused_by_name(tmp_path, old, new, message):
    assert old in CLAIM
    (tmp_path / "chapter.yml").write_text(CLAIM.replace(old, new))
    with pytest.raises(ClaimError, match=message) as error:
        load_claims(tmp_path)
    assert "chapter.yml" in str(error.value) and "\n" not in str(error.value)


def test_what_is_not_a_list_of_claims_is_refused(tmp_path):
    for text in ("id: one", "- 3", "- [1]"):
        (tmp_path / "chapter.yml").write_text(text)
        with pytest.raises(ClaimError, match=r"chapter\.yml"):
            load_claims(tmp_path)
    (tmp_path / "chapter.yml").write_text("")
    assert load_claims(tmp_path) == []


def test_an_exact_claim_holds_in_all_runs_not_in_most(tmp_path):
    text = CLAIM.replace("min_seeds: 3", "exact: true\n  because: it is").replace(
        "measurement: a,", "measurement: a, over: most,"
    )
    (tmp_path / "c.yml").write_text(text)
    with pytest.raises(ClaimError, match="'over: most' has no place"):
        load_claims(tmp_path)


def test_a_claim_knows_its_source(tmp_path):
    (tmp_path / "chapter.yml").write_text(CLAIM)
    (claim,) = load_claims(tmp_path)
    assert (claim.cite, claim.place, claim.chapter) == ("somebody2020", "section 1", "chapter")


def test_ids_are_unique_across_files(tmp_path):
    (tmp_path / "chapter.yml").write_text(CLAIM)
    assert load_claims(tmp_path)[0].chapter == "chapter"
    (tmp_path / "other.yml").write_text(CLAIM)
    with pytest.raises(ClaimError, match="stands twice"):
        load_claims(tmp_path)


def test_measurements_are_exact_on_disk_and_refuse_what_is_not_finite(tmp_path):
    record = Measurements(tmp_path)
    record("x", np.float32(0.1))
    record("y", np.array([1.0, math.pi]))
    record.timing("seconds", 2)
    record.update({"z": (1, 2)})
    assert json.loads((tmp_path / "measurements.json").read_text()) == {
        "x": float(np.float32(0.1)),
        "y": [1.0, math.pi],
        "z": [1.0, 2.0],
    }
    assert json.loads((tmp_path / "timings.json").read_text()) == {"seconds": 2.0}
    for bad in (math.nan, [1.0, math.inf], []):
        with pytest.raises(ValueError, match="finite"):
            record("z", bad)


@pytest.mark.parametrize("key", ["gain_over_Adam", "implicit b, W2", "gradient-descent_error", "α", "", "a\n"])
def test_keys_are_plain_or_refused(tmp_path, key):
    record = Measurements(tmp_path)
    for write in (record, record.timing):
        with pytest.raises(ValueError, match="a to z"):
            write(key, 1.0)
    assert not list(tmp_path.iterdir())


def test_a_name_makes_a_plain_key():
    assert plain_key("implicit b, W2") == "implicit_b_w2"
    assert plain_key("milliseconds per million values: Mohammadi, K1 = √n") == (
        "milliseconds_per_million_values_mohammadi_k1_sqrt_n"
    )
    assert plain_key("weak_sga_radius_0.032") == "weak_sga_radius_0.032"
    assert KEY.fullmatch(plain_key("Gauss-Newton, all"))


def archive(chapter="implicit-gd", parameters=(), **measurements):
    environment = {"parameters": dict(parameters)}
    run = {"measurements": measurements, "timings": {"ms SGD": 1.0}, "environment": environment}
    return {"chapter": chapter, "profile": "quick", "replicates": [run]}


def test_migration_renames_and_says_so_and_is_done_once(tmp_path):
    old = archive(**{"gain_over_SGD": [1.0, 2.0], "plain": 0.1})
    new = migrate(old)
    assert new["replicates"][0]["measurements"] == {"gain_over_sgd": [1.0, 2.0], "plain": 0.1}
    assert new["replicates"][0]["timings"] == {"ms_sgd": 1.0}
    assert new["changed"] == [RENAMED]
    assert migrate(new) is new
    (tmp_path / "x.json").write_text(dump_json(new))
    assert plain_archive(read_archive(tmp_path / "x.json")) == new
    with pytest.raises(ValueError, match="would become one"):
        migrate(archive(**{"A b": 1.0, "a_b": 2.0}))


def test_tuned_measurements_stay_only_where_something_was_tuned():
    keys = {"tuned_sga_good": 1.0, "sga_good": 2.0}
    tuned = {"tuning_steps": 9, "all_methods_seed": 0, "seed": 0}
    for asked in ({}, {"seed": 0}, tuned | {"seed": 1}, tuned | {"tuning_steps": 0}):
        new = migrate(archive("sga-vs-gmm", asked, **keys))
        assert new["replicates"][0]["measurements"] == {"sga_good": 2.0} and STRUCK in new["changed"]
    assert migrate(archive("sga-vs-gmm", tuned, **keys))["replicates"][0]["measurements"] == keys
    assert migrate(archive("other", {}, **keys))["replicates"][0]["measurements"] == keys


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("chapter"), "chapter is missing"),
        (lambda data: data["replicates"][0]["measurements"].update(X=1.0), "replicates.0.measurements.X"),
        (lambda data: data["replicates"][0]["measurements"].update(x="1"), "replicates.0.measurements.x"),
        (lambda data: data["replicates"][0]["measurements"].update(x=[]), "replicates.0.measurements.x"),
        (lambda data: data["replicates"][0].pop("environment"), "replicates.0.environment is missing"),
        (lambda data: data["replicates"].clear(), "replicates"),
    ],
)
def test_a_damaged_archive_names_the_key(tmp_path, change, message):
    data = migrate(archive())
    change(data)
    (tmp_path / "x.json").write_text(json.dumps(data))
    with pytest.raises(ArchiveError, match=message) as error:
        read_archive(tmp_path / "x.json")
    assert "x.json" in str(error.value) and "\n" not in str(error.value)


def test_no_archive_is_none_and_what_is_kept_is_valid(tmp_path):
    assert read_archive(tmp_path / "x.json") is None
    for path in sorted((REPOSITORY / "results").glob("*/*.json")):
        if path.parent.name != "benchmarks":
            assert migrate(json.loads(path.read_text())) == plain_archive(read_archive(path))


def test_the_schemas_in_the_repository_are_those_of_the_code():
    """Otherwise: ``python -m descent.evidence.schemas``."""
    assert {path.name for path in FOLDER.glob("*.json")} == {f"{name}.json" for name in schemas()}
    for name, schema in schemas().items():
        assert json.loads((FOLDER / f"{name}.json").read_text()) == schema, name
