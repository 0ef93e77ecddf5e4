"""Measurements of two devices: which differences are rounding, which are not."""

import json

import numpy as np
import pytest
from scipy import stats

from descent.book.project import Project
from descent.book.report.agreement import DIFFERS, agreement_table, checked_alike, compare, difference
from descent.book.report.results import Evidence
from descent.evidence import judge, load_claims


def way(here, there, alike=False):
    return compare({"x": here}, {"x": there}, {"x": alike})["x"]


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ([0.5], [0.5], "bit for bit"),
        ([np.nextafter(0.5, 1)], [0.5], "by number"),
        ([200.018], [200.0], "by number"),  # as the page says, one part in ten thousand
        ([200.022], [200.0], DIFFERS),
        ([1e-15], [3e-15], "by number"),  # dust
        ([1.00011e-3], [1e-3], DIFFERS),
        ([-0.5], [0.5], DIFFERS),
        ([1.0, 2.0, 3.0], [1.1, 1.9, 3.2], "by its seeds"),
        ([1.0, 2.0, 3.0], [11.0, 12.0, 13.0], DIFFERS),
        ([3.0, 5.0, 10.0], [-0.5, 0.5] * 6, "by its seeds"),  # spreads may differ: Student's test would object
        ([1.0, 2.0], [1.1, 1.9], DIFFERS),  # of two seeds one can't tell
        ([2.0, 2.0, 2.0], [3.0, 3.0, 3.0], DIFFERS),
        ([1.0, 2.0, 3.0], [1.0, 2.0], DIFFERS),
        ([], [1.0], DIFFERS),
        ([1.0], [], DIFFERS),
    ],
)
def test_each_measurement_agrees_in_the_first_way_it_can(here, there, expected):
    assert way(here, there) == expected


def test_a_measurement_that_one_side_lacks_differs():
    assert compare({"new": [1.0], "both": [1.0]}, {"old": [1.0], "both": [1.0]}, {}) == {
        "old": DIFFERS, "both": "bit for bit", "new": DIFFERS,
    }  # fmt: skip


@pytest.mark.filterwarnings("error")
def test_values_without_a_spread_are_not_put_to_a_test_that_divides_by_it():
    assert way([2.0, 3.0, 4.0], [3.0, 3.0, 3.0]) == way([3.0], [2.0, 2.0, 2.0]) == DIFFERS


def test_a_verdict_is_the_last_resort_and_does_not_stand_in_for_what_is_missing():
    assert way([5.0], [4.0], alike=True) == "by verdict"
    assert way([5.0], [5.0], alike=True) == "bit for bit"
    assert way([], [4.0], alike=True) == DIFFERS


def test_other_seeds_of_the_same_law_pass_but_for_one_in_a_hundred():
    """2,000 pairs of five normal draws: 20 alarms expected; under 6 or over 38 once in ten thousand such tests."""
    draws = np.random.default_rng(0).normal(size=(2000, 2, 5))
    alarms = sum(way(list(a), list(b)) == DIFFERS for a, b in draws)
    assert 6 <= alarms <= 38
    assert sum(way(list(a), list(b + 5)) == DIFFERS for a, b in draws) > 1900


def test_one_seed_is_held_to_the_spread_of_more():
    def way_of(here, seeds, there=(9.0,)):
        return compare({"x": here}, {"x": list(there)}, {}, {"x": seeds})["x"]

    # t = (here - 2.5) / (s sqrt(1 + 1/4)), s^2 = 5/3; the 99.5% point of t with 3 degrees of freedom is 5.841
    limit = 2.5 + stats.t.ppf(0.995, 3) * np.sqrt(5 / 3 * 1.25)
    assert way_of([limit - 0.01], [1.0, 2.0, 3.0, 4.0]) == "by its seeds"
    assert way_of([limit + 0.01], [1.0, 2.0, 3.0, 4.0]) == DIFFERS
    assert way_of([2.0], [1.0, 3.0]) == DIFFERS  # two are too few to tell a spread
    assert way_of([2.0], [3.0, 3.0, 3.0]) == DIFFERS
    assert way_of([1.0, 2.0, 3.0], [11.0, 12.0, 13.0], [1.1, 1.9, 3.2]) == "by its seeds"  # enough of its own
    assert way_of([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [11.0, 12.0, 13.0]) == DIFFERS


def test_one_more_draw_raises_one_alarm_in_a_hundred():
    """2,000 normal draws beside five others: 20 alarms expected; under 6 or over 38 once in ten thousand such tests."""
    draws = np.random.default_rng(1).normal(size=(2000, 6))
    ways = [compare({"x": [a]}, {"x": [a + 9]}, {}, {"x": list(b)})["x"] for a, *b in draws]
    assert 6 <= ways.count(DIFFERS) <= 38


def test_differences_are_relative_and_of_the_worst_value():
    assert difference([1.0, 2.2], [1.0, 2.0]) == pytest.approx(0.1)
    assert difference([1e-6], [0.0]) == pytest.approx(1e-3)
    assert difference([1.0], [1.0, 1.0]) == float("inf")


@pytest.fixture
def evidence(book):
    """The small book with runs that were written by hand, and archived ones of the same profile."""
    project = Project(book.root)

    def written(chapter, here, there, elsewhere=None, more=()):
        parameters = {"seed": 7}
        for replicate, values in enumerate(here):
            folder = book.result(chapter, replicate=replicate).parent
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "environment.json").write_text(json.dumps({"parameters": parameters}))
            (folder / "measurements.json").write_text(json.dumps(values))
        environment = {
            "parameters": elsewhere or parameters, "devices": ["CPU", "GPU"], "processor": "Another", "machine": "x",
            "commit": "0123456789abcdef",
        }  # fmt: skip
        path = book.root / "results" / "quick" / f"{chapter}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(
                {
                    "chapter": chapter,
                    "profile": "quick",
                    "replicates": [{"measurements": v, "environment": environment} for v in there],
                }
            )
        )
        path = book.root / "results" / "quick-seeds" / f"{chapter}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        runs = [{"measurements": v, "environment": {"parameters": p}} for p, v in more]
        if runs:
            path.write_text(json.dumps({"chapter": chapter, "profile": "quick-seeds", "replicates": runs}))
        else:
            path.unlink(missing_ok=True)
        return agreement_table(Evidence(project, project.profile("quick"))).splitlines()

    return written


def test_the_report_has_one_line_per_chapter_with_the_worst_difference(evidence, book):
    project = Project(book.root)
    assert "Nothing to compare with" in agreement_table(Evidence(project, project.profile("quick")))
    *_, first = evidence("first", [{"value": 10.0, "draw": 0.25}], [{"value": 10.0, "draw": 0.25}])
    assert "agrees in all 2: 2 bit for bit | none | CPU, GPU: Another, `0123456789`" in first
    *_, first = evidence("first", [{"value": 10.0, "draw": 0.2}], [{"value": 10.00001, "draw": 0.25}])
    assert "**differs** in 1 of 2: `draw`; agrees: 1 by number" in first and "| 0.2, `draw` |" in first
    assert "other verdicts" in first  # ten exactly was claimed
    *_, first, second = evidence("second", [{"value": 11.0}, {"value": 12.0}], [{"value": 13.0}, {"value": 14.0}])
    assert "[first]" in first and "agrees in all 1: 1 by verdict" in second and "other verdicts" not in second


def test_runs_of_other_parameters_are_not_compared(evidence):
    lines = evidence("first", [{"value": 10.0}], [{"value": 10.0}], elsewhere={"seed": 7, "steps": 3})
    (first,) = [line for line in lines if "[first]" in line]
    assert "not comparable" in first and "other parameters" in first and "agrees" not in first


def test_more_seeds_count_if_they_differ_in_their_seeds_only(evidence):
    here, there = [{"draw": 5.0}], [{"draw": 4.0}]
    more = [({"seed": k}, {"draw": 3.0 + k}) for k in range(4)]
    (first,) = [line for line in evidence("first", here, there, more=more) if "[first]" in line]
    assert "1 by its seeds" in first
    others = [({**parameters, "steps": 3}, values) for parameters, values in more]
    (first,) = [line for line in evidence("first", here, there, more=others) if "[first]" in line]
    assert "**differs** in 1 of 1: `draw`" in first


def test_a_measurement_is_alike_if_every_check_of_it_is(book):
    text = "checks:\n    - {measurement: value, label: more, comparison: above, expected: 5, reason: none}\n"
    claim = (book.root / "chapters/claims/first.yml").read_text()
    folder = book.root / "claims"
    folder.mkdir()
    (folder / "first.yml").write_text(claim + claim.replace("first-holds", "other").replace("checks:\n", text))
    claims = load_claims(folder)

    def judged(value):
        return judge(claims, {"first": {"value": [value]}}, "quick")

    assert checked_alike(judged(6.0), judged(7.0)) == {"value": True}
    assert checked_alike(judged(6.0), judged(4.0)) == {"value": False}
    assert checked_alike(judged(6.0), judged(10.0)) == {"value": False}
