"""The driver keeps what the benchmarks print, and the page shows it with machine and commit."""

import importlib.util
import json
from pathlib import Path

import pytest

from descent.book.benchmarks import benchmark_tables
from descent.book.project import Project

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def driver():
    spec = importlib.util.spec_from_file_location("benchmark_driver", ROOT / "benchmarks" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STUB = """import argparse, json, pathlib
parser = argparse.ArgumentParser()
parser.add_argument("--json", type=pathlib.Path)
parser.add_argument("--blocks")
parser.add_argument("--seconds")
options = parser.parse_args()
options.json.write_text(json.dumps([
    {"row": "simulator", "setting": "2x64", "milliseconds": 0.5},
    {"row": "peer / simulator", "setting": "2x64", "milliseconds": 1.0, "ratio": 2.0, "low": 1.9, "high": 2.25},
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
    assert "| 2x64 | simulator | 0.5 | – | – |" in shown
    assert "| 2x64 | peer / simulator | 1 | 2.00 | 1.90 to 2.25 |" in shown
    about["tiny"] = True
    (tmp_path / "results" / "benchmarks" / "latest.json").write_text(json.dumps(about))
    assert "mean nothing" in benchmark_tables(Project(tmp_path))


def test_a_benchmark_that_fails_keeps_nothing(driver, monkeypatch, tmp_path):
    (tmp_path / "sga.py").write_text("raise SystemExit(3)  # --json\n")
    monkeypatch.setattr(driver, "HERE", tmp_path)
    with pytest.raises(SystemExit, match="nothing is kept"):
        driver.collect(["sga"], tiny=True)


def test_what_the_other_programs_print_becomes_rows(driver):
    (row,) = driver.products({"figures": {"5 Hessian": {"gradients": 12.0, "middle_half": [11.0, 13.0]}}})
    assert (row["ratio"], row["low"], row["high"]) == (12.0, 11.0, 13.0) and row["row"].startswith("5 Hessian")
    rows = driver.seconds({"seconds": {"draw": 0.25}, "peak_mb": 700})
    assert rows[0]["milliseconds"] == 250 and rows[1]["megabytes"] == 700
    found = {"LSTM": {"compiled": {"wall s": 0.002, "cpu s": 1}, "times faster per task: x": {"wall": 9, "cpu": 8}}}
    rows = driver.meta_steps(found | {"peak memory, MB": 900})
    assert (rows[0]["milliseconds"], rows[1]["ratio"], rows[2]["megabytes"]) == (2, 9, 900)
    assert rows[1]["row"] == "eager / x" and rows[1]["setting"] == "LSTM"


def test_every_benchmark_is_a_program_that_is_there(driver):
    programs = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {"run"}
    assert programs == driver.BENCHMARKS.keys()


def test_without_a_measurement_the_page_says_how_to_get_one(tmp_path):
    assert "make bench" in benchmark_tables(Project(tmp_path))
