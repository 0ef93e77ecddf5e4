"""The driver keeps what the benchmarks print, and the page shows it with machine and commit."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from descent.book.project import Project
from descent.book.report.benchmarks import GOALS, _columns, benchmark_tables, goals_table

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


def test_every_goal_names_a_row_that_its_program_measures():
    kept = json.loads((ROOT / "results" / "benchmarks" / "latest.json").read_text())["tables"]
    rows = {(entry["name"], row["setting"], row["row"]) for entry in kept for row in entry["rows"]}
    measured = {name for name, _, _ in rows}  # a new program waits for the next `make bench`
    goals = {(goal.program, goal.setting, goal.row) for goal in GOALS if goal.program in measured}
    assert len(goals) > 20 and goals <= rows


def test_goals_ask_for_what_they_say():
    by_name = {(goal.what, goal.setting): goal for goal in GOALS}
    bounds = {goal.what: goal.bound for goal in by_name.values()}
    steps = {what: bound for what, bound in bounds.items() if what.startswith("Implicit step of")}
    said = {what: 3.0 * int(re.search(r"of (\d+)", what)[1]) + 3.0 for what in steps}
    assert len(steps) == 3 and steps == said and sorted(steps.values()) == [6, 18, 63]
    faster = [goal for goal in GOALS if "20 times faster" in goal.what]
    assert len(faster) == 4 and all(goal.bound == 20.0 and not goal.at_most for goal in faster)


def test_a_column_is_there_if_a_row_has_it():
    rows = [
        {"row": "a", "setting": "", "milliseconds": 1.0},
        {"row": "b", "setting": "", "milliseconds": 1.0, "ratio": 2.0},
    ]
    assert _columns(rows) == ["Milliseconds", "Ratio"]
