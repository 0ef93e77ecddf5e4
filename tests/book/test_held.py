"""Sentences held to runs: silent where they are true, noted where this build refutes them, refused by the check."""

import json

import pytest

from descent.book.errors import UserError
from descent.book.pages.held import check_held, expand_held, read, refuted, without_notes
from descent.book.project import Project
from descent.book.report.results import Evidence

ENVIRONMENT = {"commit": "c0ffee" * 6, "started": "2026-11-01T05:28:47+00:00", "parameters": {}}


def measured(chapter):
    return {"first": {"a": [1.0, 2.0, 6.0], "b.c_0.1": [5.0]}, "other": {"a": [9.0]}}[chapter]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a = 3; quick", ""),
        ("a <= 3; quick", ""),
        ("a <= 4; quick", ""),
        ("a <= 2; quick", "a is 3"),
        ("a >= 3; quick", ""),
        ("a >= 4; quick", "a is 3"),
        ("a < 3; quick", "a is 3"),
        ("a > 3; quick", "a is 3"),
        ("a = 4; quick", "a is 3"),
        ("mean(a) > 2.9; quick", ""),
        ("min(a) >= 1 and max(a) <= 6; quick", ""),
        ("max(a) < 6; quick", "max(a) is 6"),
        ("min(a) > 1; quick", "min(a) is 1"),
        ("min(a) >= 1 and max(a) < 6; quick", "max(a) is 6"),
        ("a < b.c_0.1; quick", ""),
        ("a > b.c_0.1; quick", "a is 3 and b.c_0.1 is 5"),
        ("max(a) > other/a; quick", "max(a) is 6 and other/a is 9"),
        ("a >= -1e-3; quick", ""),
        ("missing > 1; quick", "missing is not measured"),
    ],
)
def test_conditions_mean_what_they_say(text, found):
    assert refuted(read(text, "first"), "first", measured) == found


@pytest.mark.parametrize(
    "text", ["a > 1", "a > 1;", "a ? 1; quick", "max(a > 1; quick", "a; quick", "A > 1; quick", "a) > 1; quick"]
)
def test_what_is_no_condition_is_one_clear_line(text):
    with pytest.raises(UserError, match=r"chapters/first.md: {holds}`.*` can't be read"):
        read(text, "first")


@pytest.fixture
def runs(book):
    """The small book with a run written by hand, and archived ones."""
    project = Project(book.root)

    def write(here, there, profile="quick"):
        folder = book.result("first").parent
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "environment.json").write_text(json.dumps(ENVIRONMENT))
        (folder / "measurements.json").write_text(json.dumps(here))
        path = book.root / "results" / profile / "first.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        run = {"measurements": there, "environment": ENVIRONMENT}
        path.write_text(json.dumps({"chapter": "first", "profile": profile, "replicates": [run]}))
        return Evidence(project, project.profile("quick"))

    return write


SENTENCE = "It is more than ten\n{holds}`value > 10; quick`, and {value}`value:.1f`."


def test_a_sentence_that_holds_shows_nothing_but_itself(runs):
    assert expand_held(SENTENCE, "first", runs({"value": 11.0}, {"value": 12.0})) == "It is more than ten, and 11.0."


def test_a_sentence_that_this_build_refutes_names_the_run_it_was_written_of(runs):
    text = expand_held(SENTENCE, "first", runs({"value": 9.0}, {"value": 12.0}))
    assert "(written of the run of 1 November 2026, commit c0ffeec0ff; in this build value is 9)" in text
    assert text.endswith(", and 9.0.") and "{holds}" not in text


def test_a_sentence_about_another_chapter_is_held_to_that_chapters_build(runs):
    evidence = runs({"value": 9.0}, {"value": 12.0})
    text = expand_held("It is large{holds}`first/value > 10; quick`.", "second", evidence)
    assert "(written of the run of 1 November 2026, commit c0ffeec0ff; in this build first/value is 9)" in text
    assert "in this build value is 9)" in expand_held("{holds}`10 < value; quick`", "first", evidence)


def test_of_several_archived_runs_the_first_is_named(runs, book):
    evidence = runs({"value": 9.0}, {"value": 12.0})
    path = book.root / "results" / "quick" / "first.json"
    data = json.loads(path.read_text())
    later = {"measurements": {"value": 12.0}, "environment": ENVIRONMENT | {"started": "2026-11-09T05:28:47+00:00"}}
    path.write_text(json.dumps(data | {"replicates": [*data["replicates"], later]}))
    assert "the run of 1 November 2026" in expand_held(SENTENCE, "first", evidence)
    path.write_text(json.dumps(data | {"replicates": [{"measurements": {"value": 12.0}, "environment": {}}]}))
    assert "the run of an earlier day, commit unknown;" in expand_held(SENTENCE, "first", evidence)


def test_a_notebook_that_leaves_the_book_has_the_numbers_and_no_notes(runs):
    assert without_notes(SENTENCE, "first", runs({"value": 9.0}, {"value": 12.0})) == "It is more than ten, and 9.0."


def test_a_chapter_that_has_not_run_refutes_nothing(runs):
    assert expand_held(SENTENCE, "second", runs({"value": 9.0}, {"value": 12.0})) == "It is more than ten, and –."


def test_a_sentence_of_another_profile_is_not_held_to_this_build(runs):
    text = SENTENCE.replace("quick", "paper")
    assert "build" not in expand_held(text, "first", runs({"value": 9.0}, {"value": 12.0}, "paper"))


def test_a_number_comes_from_this_build_or_else_from_the_published_scale(runs):
    evidence = runs({"value": 9.0}, {"value": 12.0, "rate": [0.25, 0.75]}, "paper")
    assert expand_held("{value}`value:.0f` {value}`rate:.2f` {value}`none:g`", "first", evidence) == "9 0.50 –"
    with pytest.raises(UserError, match="format 'q'"):
        expand_held("{value}`value:q`", "first", evidence)


def test_a_number_of_a_profile_comes_from_its_archive_whatever_was_built(runs):
    evidence = runs({"value": 9.0}, {"value": 12.0, "rate": [0.25, 0.75]}, "paper")
    text = "{value}`value:.0f; paper` {value}`max(rate):.0%; paper` {value}`min(first/rate):.2f; paper`"
    assert expand_held(text, "first", evidence) == "12 75% 0.25"
    assert expand_held("{value}`value:g; none`", "first", evidence) == "–"
    with pytest.raises(UserError, match=r"can't be read"):
        expand_held("{value}`min(rate:.2f; paper`", "first", evidence)


def test_the_check_names_a_number_that_its_archive_lacks(runs, book):
    evidence = runs({"value": 9.0}, {"value": 12.0}, "paper")
    page = book.chapter("first")
    before = page.read_text()
    try:
        page.write_text(before + "\n{value}`value:g; paper` {value}`none:g` {value}`rate:.1f; paper`\n")
        (line,) = check_held(evidence.project)
    finally:
        page.write_text(before)
    assert line.startswith("chapters/first.md: {value}`rate:.1f; paper` is not in results/paper")


def test_the_check_names_every_sentence_that_kept_runs_refute(runs, book):
    evidence = runs({"value": 9.0}, {"value": 9.5})
    page = book.chapter("first")
    before = page.read_text()
    try:
        page.write_text(
            before
            + f"\n{SENTENCE}\nAnd {{holds}}`value > 1; paper`.\n"
            + "Or {holds}`value`.\nYes {holds}`value < 10; quick`.\n"
        )
        (book.root / "results" / "paper" / "first.json").unlink(missing_ok=True)
        lines = check_held(evidence.project)
    finally:
        page.write_text(before)
    assert len(lines) == 3 and all(line.startswith("chapters/first.md: ") for line in lines)
    assert "value is 9.5" in lines[0] and "not measured" in lines[1] and "can't be read" in lines[2]
    assert check_held(evidence.project) == []
