"""A chapter shows what runs at published scale measured, seed by seed, as they were kept."""

import json
from pathlib import Path

import pytest

from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.report.archived import archived_table

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path):
    runs = [
        {
            "measurements": {"modes": 16.0, "share": 0.125} | ({"several": [1.0, 2.5]} if seed else {}),
            "environment": {"parameters": {"seed": seed}, "commit": "c0ffee" * 6},
        }
        for seed in (0, 1)
    ]
    (tmp_path / "results" / "paper").mkdir(parents=True)
    (tmp_path / "results" / "paper" / "chapter.json").write_text(
        json.dumps({"chapter": "chapter", "profile": "paper", "replicates": runs})
    )
    return Project(tmp_path)


def test_one_row_a_measurement_and_one_column_a_seed(project):
    shown = archived_table(project, "chapter", {"modes seen": "modes", "share of *all*": "share", "lists": "several"})
    lines = shown.splitlines()
    assert lines[0] == "|  | seed 0 | seed 1 |"
    assert lines[2:5] == ["| modes seen | 16 | 16 |", r"| share of \*all\* | 0.125 | 0.125 |", "| lists | – | 1, 2.5 |"]
    assert "commit `c0ffeec0ff`" in shown


def test_runs_that_measured_none_of_it_have_no_column(project):
    assert archived_table(project, "chapter", {"lists": "several"}).splitlines()[0] == "|  | seed 1 |"


def test_what_was_tuned_at_one_seed_stands_in_one_column():
    """Runs that tuned nothing once recorded the same names, and looked like tuned ones in the table."""
    shown = archived_table(Project(REPOSITORY), "sga-vs-gmm", {"SGA": "tuned_sga_modes_seen"}).splitlines()
    assert shown[0] == "|  | seed 0 |" and shown[2] == "| SGA | 16 |"


def test_a_name_that_no_run_measured_is_one_clear_line(project):
    with pytest.raises(UserError, match=r"chapters/chapter.md: no run in .* measured 'modus'; check the spelling"):
        archived_table(project, "chapter", {"modes": "modus"})


def test_without_archived_runs_it_says_so(project):
    assert "No run at published scale" in archived_table(project, "other", {"modes": "modes"})
