"""What the published scale takes on many devices, from made-up runs whose schedule is known in closed form."""

import json
import re

import pytest

from descent.book.project import Project
from descent.book.report.scaling import Cost, costs, enough, scaling_tables, times


def cost(jobs, *seconds, inside=None):
    return Cost("chapter", jobs, seconds, 1800.0, inside)


@pytest.mark.parametrize("devices", [1, 7, 8, 29, 30, 64])
def test_equal_jobs_go_in_rounds(devices):
    rounds = -(-30 // devices)
    needed, speedup, efficiency = times([100.0] * 30, devices)
    assert needed == 100 * rounds
    assert speedup == pytest.approx(30 / rounds) and efficiency == pytest.approx(30 / rounds / devices)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([100.0] * 30, 30),  # each its own
        ([600.0] + [100.0] * 29, 6),  # 29 short ones fit beside the long one in five rows of six, with one left over
        ([600.0] + [100.0] * 31, 7),
        ([3.0, 2.0, 2.0, 2.0, 2.0], 5),  # by work 4 would do, but two of 2 don't fit into 3
        ([50.0], 1),
        ([0.1] * 3 + [0.3], 2),  # 0.1 + 0.1 + 0.1 > 0.3 in floating point
    ],
)
def test_it_stops_scaling_where_the_longest_job_is_all_there_is_to_wait_for(jobs, expected):
    assert enough(jobs) == expected
    assert times(jobs, expected)[0] == pytest.approx(max(jobs)) == times(jobs, expected + 50)[0]
    assert expected == 1 or times(jobs, expected - 1)[0] > max(jobs) * 1.01


def test_replicates_that_were_not_made_take_the_median_of_those_that_were():
    assert cost(5, 900.0, 100.0, 110.0).each() == [900, 100, 110, 110, 110]
    assert cost(1, 900.0, 100.0, 110.0).each() == [900]
    assert cost(30).each() == []


def test_seeds_inside_lengthen_a_job_and_do_not_multiply_it():
    assert cost(1, 100.0, inside=3).each(30) == [1000]
    assert cost(1, 100.0, inside=40).each(30) == [100]
    assert cost(30, 100.0).each(30) == [100] * 30


def environment(seconds, parameters, processor="A processor"):
    return {
        "wall_seconds": seconds, "parameters": parameters, "devices": ["CPU"], "processor": processor, "machine": "x",
        "threads": 1, "cores": 2, "commit": "0123456789abcdef", "dirty": False,
    }  # fmt: skip


def numbers(text, first):
    """The cells of the row that begins so."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \| (.*) \|$", text, re.MULTILINE)
    return row.split(" | ")


@pytest.fixture
def project(book):
    """The small book; at published scale it replicates its second chapter, and the first runs seeds inside."""
    text = book.chapter("first").read_text()
    book.chapter("first").write_text(text.replace("steps = 20 ", "seeds = 10  # how many\nsteps = 20 "))
    recipes = "chapters:\n  first: {parameters: {steps: 40}}\n  second: {replicates: 2, resources: {runtime: 10}}\n"
    (book.root / "profiles/paper.yml").write_text(recipes)
    yield Project(book.root)
    book.chapter("first").write_text(text)


def archive(project, chapter, *runs):
    path = project.root / "results" / "paper" / f"{chapter}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    archive = {"chapter": "c", "profile": "paper", "replicates": [{"measurements": {}, "environment": r} for r in runs]}
    path.write_text(json.dumps(archive))


def test_the_page_computes_from_runs_and_names_what_was_never_measured(project):
    assert "nothing to compute from" in scaling_tables(project)
    archive(project, "first", environment(1200.0, {"seed": 7, "steps": 40}))
    first, second = costs(project, "paper", 30)
    assert (first.jobs, first.seconds, first.inside) == (1, (1200.0,), 10)
    assert (second.jobs, second.seconds, second.limit) == (30, (), 600.0)
    text = scaling_tables(project)
    assert "CPU: A processor, 1 of 2 cores, `0123456789`" in text and "with changes" not in text
    archive(project, "first", environment(1200.0, {"seed": 7, "steps": 40}) | {"dirty": True})
    assert "`0123456789` with changes" in scaling_tables(project)
    assert "never measured; at most 10 min" in text and "second (30 × 10 min)" in text
    # alone it takes its 20 minutes anywhere; thrice its seeds, an hour; with 30 jobs of 10 minutes, 320 minutes of work
    assert numbers(text, "1") == ["20 min", "1", "100%", "60 min", "5.3 h"]
    assert numbers(text, "8") == ["20 min", "1", "12%", "60 min", "40 min"]
    assert numbers(text, "64") == ["20 min", "1", "2%", "60 min", "20 min"]


def test_thirty_replicates_fill_the_devices_until_one_job_is_the_limit(project):
    archive(project, "first", environment(1200.0, {"seed": 7, "steps": 40}))
    archive(project, "second", environment(600.0, {"seed": 7}), environment(600.0, {"seed": 8}))
    text = scaling_tables(project)
    assert "31 jobs and 5.3 h of work" in text and "**16 devices**" in text  # 20 minutes, and fifteen pairs of 10
    assert "never measured" not in text and "with other parameters" not in text
    assert [numbers(text, n)[:3] for n in ("1", "8", "16", "64")] == [
        ["5.3 h", "1", "100%"],
        ["40 min", "8", "100%"],
        ["20 min", "16", "100%"],
        ["20 min", "16", "25%"],
    ]
    assert numbers(text, "$n$, each $s$ times as fast")[0] == "$T(n)/s$"


@pytest.mark.parametrize(("seconds", "said"), [((600.0, 600.0), "10 min"), ((900.0, 600.0), "10 min to 15 min")])
def test_jobs_of_a_chapter_are_given_with_their_range(project, seconds, said):
    archive(project, "second", *(environment(s, {"seed": 7 + k}) for k, s in enumerate(seconds)))
    (row,) = [line for line in scaling_tables(project).splitlines() if line.startswith("| [second]")]
    assert row.split(" | ")[2] == said


def test_a_cost_of_other_parameters_or_of_a_last_part_only_says_so(project):
    archive(project, "second", environment(600.0, {"seed": 7, "steps": 99}))
    assert "with other parameters than the profile has now" in scaling_tables(project)
    archive(project, "second", environment(600.0, {"seed": 7}) | {"resumed": True})
    text = scaling_tables(project)
    assert "with other parameters" not in text and "went on from what an earlier attempt had kept" in text
