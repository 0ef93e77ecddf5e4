"""The driver keeps what the benchmarks print, and the page shows it with machine and commit."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from descent.book.project import Project
from descent.book.report.benchmarks import GOALS, benchmark_tables, goals_table

ROOT = Path(__file__).parents[2]


def loaded(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def driver():
    return loaded("run")


STUB = """import argparse, json, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--json", type=pathlib.Path)
parser.add_argument("--tiny", action="store_true")
options, _ = parser.parse_known_args()
options.json.write_text(json.dumps([
    {"row": "simulator", "setting": "2x64", "milliseconds": 0.5},
    {"row": "peer / simulator", "setting": "2x64", "milliseconds": 1.0, "ratio": 2.0, "low": 1.9, "high": 2.25},
    {"row": "loop / simulator", "setting": "2x64", "ratio": 54321.0, "low": 5e4, "high": 6e4, "counted": 2.5},
    {"row": "time over width", "setting": "2x64", "exponent": 1.75, "error": 0.125},
    {"row": "peak memory", "setting": "", "megabytes": 700.0},
]))
"""


def test_a_run_becomes_a_table_with_machine_and_commit(driver, monkeypatch, tmp_path):
    (tmp_path / "sga.py").write_text(STUB)
    monkeypatch.setattr(driver, "HERE", tmp_path)
    tables = driver.collect(["sga"], tiny=False)
    about = {"started": "2030-01-02T03:04:05", "load": 0.1, "commit": "c0ffee" * 6, "dirty": True, "cores": 2}
    about |= {"processor": "", "machine": "riscv", "versions": {"jax": "9.9"}, "tiny": False, "tables": tables}
    (tmp_path / "results" / "benchmarks").mkdir(parents=True)
    (tmp_path / "results" / "benchmarks" / "latest.json").write_text(json.dumps(about))
    shown = benchmark_tables(Project(tmp_path))
    assert "2030-01-02" in shown and "`c0ffeec0ff` with uncommitted changes" in shown
    assert "riscv, 2 cores" in shown and "jax 9.9" in shown and "mean nothing" not in shown
    assert "| 2x64 | simulator | 0.5 | – | – | – | – | – |" in shown
    assert "| 2x64 | peer / simulator | 1 | 2.00 | 1.90 to 2.25 | – | – | – |" in shown
    assert "| 2x64 | loop / simulator | – | 54,321 | 50,000 to 60,000 | 2.50 | – | – |" in shown
    assert "| 2x64 | time over width | – | – | – | – | 1.75 ± 0.1" in shown
    assert "| – | peak memory | – | – | – | – | – | 700 |" in shown
    assert shown.count("not measured") == len(GOALS)
    about["tiny"] = True
    (tmp_path / "results" / "benchmarks" / "latest.json").write_text(json.dumps(about))
    assert "mean nothing" in benchmark_tables(Project(tmp_path))


def test_a_benchmark_that_fails_keeps_nothing(driver, monkeypatch, tmp_path):
    (tmp_path / "sga.py").write_text("raise SystemExit(3)\n")
    monkeypatch.setattr(driver, "HERE", tmp_path)
    with pytest.raises(SystemExit, match="its rows are not kept"):
        driver.collect(["sga"], tiny=True)


def tables_with(**ratios):
    """Return tables in which the first goal of either kind (upper bound, lower bound) has these figures."""
    tables = []
    for at_most, figures in ((True, ratios["upper"]), (False, ratios["lower"])):
        goal = next(goal for goal in GOALS if goal.at_most is at_most)
        ratio, low, high = (goal.bound + away for away in figures)
        row = {"row": goal.row, "setting": goal.setting, "ratio": ratio, "low": low, "high": high}
        tables.append({"name": goal.program, "rows": [row]})
    return tables


@pytest.mark.parametrize(
    ("upper", "lower", "expected"),
    [
        ((-0.5, -0.6, -0.4), (0.5, 0.4, 0.6), ["| met |", "| met |"]),
        ((0.5, 0.4, 0.6), (-0.5, -0.6, -0.4), ["| **not met** |", "| **not met** |"]),
        ((0.0, 0.0, 0.1), (0.0, -0.1, 0.0), ["| met |", "| met |"]),  # a bound that is just kept
        # the median decides, not the better end of the spread
        (
            (0.1, -0.2, 0.2),
            (-0.1, -0.2, 0.2),
            ["| **not met**, within the spread |", "| **not met**, within the spread |"],
        ),
        ((-0.1, -0.2, 0.1), (-0.1, -0.2, 0.1), ["| met, within the spread |", "| **not met**, within the spread |"]),
    ],
)
def test_a_goals_verdict_is_computed_from_its_row(upper, lower, expected):
    shown = goals_table(tables_with(upper=upper, lower=lower))
    judged = [line for line in shown.splitlines()[2:] if "not measured" not in line]
    kinds = ["at most" in line for line in judged]
    assert sorted(kinds) == [False, True]
    for line, is_upper in zip(judged, kinds, strict=True):
        assert line.endswith(expected[0] if is_upper else expected[1])


def test_every_benchmark_is_a_program_that_is_there(driver):
    """What is in the folder either is named by the driver, or is imported by what is."""
    folder = ROOT / "benchmarks"
    programs = {path.stem for path in folder.glob("*.py") if "program(__doc__" in path.read_text()}
    assert programs == driver.BENCHMARKS.keys()
    shared = {path.stem for path in folder.glob("*.py")} - programs - {"run"}
    text = "".join((folder / f"{name}.py").read_text() for name in programs | shared)
    assert all(f"from {name} import" in text for name in shared)


def test_every_goal_names_a_program_and_no_row_twice(driver):
    assert {goal.program for goal in GOALS} <= driver.BENCHMARKS.keys()
    assert len({goal[1:4] for goal in GOALS}) == len(GOALS)


@pytest.fixture(scope="module")
def turns():
    return loaded("turns")


def test_the_fitted_exponent_is_that_of_a_power_law_and_its_error_scipys(turns):
    sizes, times = [1.0, 2.0, 4.0, 8.0], [np.array([t]) for t in (3.0, 12.5, 47.0, 193.0)]
    exact = turns.exponent(sizes, [np.array([3 * size**1.5]) for size in sizes])
    assert exact == pytest.approx({"exponent": 1.5, "error": 0.0}, abs=1e-12)
    line = stats.linregress(np.log(sizes), np.log(np.concatenate(times)))
    assert turns.exponent(sizes, times) == pytest.approx({"exponent": line.slope, "error": line.stderr})


def test_a_ratio_is_taken_block_by_block(turns):
    """A machine that is twice as slow in some blocks changes no ratio."""
    slow = np.array([1.0, 2.0, 1.0, 8.0])
    assert turns.ratio(3 * slow, slow) == pytest.approx({"ratio": 3, "low": 3, "high": 3})


def test_contenders_take_turns_there_and_back(turns):
    clock, calls = [0.0], []

    def contender(name, call, repetition):
        def run(n):
            calls.append((name, n))
            clock[0] += call + repetition * n

        return run

    contenders = {"a": contender("a", 0.0, 0.5), "b": contender("b", 1.0, 0.25)}
    times = turns.take_turns(contenders, turns.Turns(3, 6.0, lambda: clock[0]))
    assert [name for name, _ in calls[-6:]] == ["a", "b", "b", "a", "a", "b"]
    count = calls[-1][1]
    assert 1.0 + 0.25 * count == pytest.approx(6.0, rel=0.2)  # a call's own cost does not make turns short
    np.testing.assert_allclose(times["a"], [0.5] * 3)
    np.testing.assert_allclose(times["b"], [0.25 + 1.0 / count] * 3)


def test_contenders_that_differ_are_refused(turns):
    turns.check_alike({"a": [np.ones(3), [np.ones(2)]], "b": [1.0, 1.0, 1.0, [1.0, 1.0005]]})
    with pytest.raises(AssertionError, match="b is"):
        turns.check_alike({"a": np.ones(3), "b": np.array([1.0, 1.0, 1.1])})


def test_without_a_measurement_the_page_says_how_to_get_one(tmp_path):
    assert "make bench" in benchmark_tables(Project(tmp_path))
