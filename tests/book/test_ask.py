"""A reader's own question: refused before any work, run no second time, judged as the book judges."""

import json
import re
import shutil
import sys
from itertools import product
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from descent.book import ask
from descent.book.asking import ask as asking
from descent.book.asking.question import MOST, Question, known_parameters, options, several
from descent.book.asking.words import summary
from descent.book.cli import main
from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.run.integrity import seal
from descent.book.run.parameters import Parameter
from descent.book.run.run import Run
from descent.evidence import judge
from descent.evidence.files import dump_json

REPOSITORY = Path(__file__).parents[2]
CLAIMS = """- id: first.value
  kind: finding
  exact: true
  because: it is steps times rate
  source: {cite: letcher2019, place: nowhere}
  statement: It is ten.
  checks: [{measurement: value, label: steps times rate, comparison: close, expected: 10, reason: it is}]
- id: first.draws
  kind: finding
  min_seeds: 3
  source: {cite: letcher2019, place: nowhere}
  statement: They lie in the unit interval.
  checks: [{measurement: draw, label: a draw, comparison: between, expected: [-5, 5], reason: they do}]
- id: first.rate
  kind: control
  exact: true
  because: it is set
  source: {cite: letcher2019, place: nowhere}
  statement: The rate is at most one.
  checks: [{measurement: rate, label: the rate, comparison: at-most, expected: 1, reason: it is}]
"""


def made(run, measurements, figure=False):
    """Put a finished run where a real one would be."""
    run.path.mkdir(parents=True)
    environment = {
        "fingerprint": run.fingerprint, "parts": run.parts, "parameters": run.parameters, "replicate": run.replicate,
        "commit": "c0ffee" * 6, "dirty": False, "started": "2026-11-27T20:00:00+00:00", "wall_seconds": 2.0,
        "threads": 1, "devices": ["CPU"], "processor": "a <processor>", "machine": "x", "versions": {"python": "3"},
    }  # fmt: skip
    for name, content in (("environment", environment), ("measurements", measurements), ("timings", {})):
        (run.path / f"{name}.json").write_text(dump_json(content))
    if figure:
        (run.path / "figures").mkdir()
        (run.path / "figures" / "a-line.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    seal(run.path)


def measure(run):
    """What the made-up chapter measures."""
    values = {"steps": 20, "rate": 0.5, **run.parameters}
    return {"value": values["steps"] * values["rate"], "draw": values["seed"] / 1e3, "rate": values["rate"]}


@pytest.fixture
def here(book, monkeypatch):
    """The small book as the current folder; its runs are made up, and counted."""
    runs = []

    def run_chapters(project, where, due, lock):
        for run in due:
            runs.append(str(run))
            made(run, measure(run), figure=True)
        return True

    monkeypatch.chdir(book.root)
    monkeypatch.setattr(asking, "run_chapters", run_chapters)
    path = book.root / "chapters" / "claims" / "first.yml"
    before = path.read_text()
    path.write_text(CLAIMS)
    (book.root / "results").mkdir(exist_ok=True)
    yield runs
    path.write_text(before)
    shutil.rmtree(book.root / "_build", ignore_errors=True)
    shutil.rmtree(book.root / "results")


def the_books():
    """Make the book's own run."""
    run = Run(Project.find(), "quick", "first")
    made(run, measure(run))


def test_verdicts_are_those_of_judge_in_twelve_settings(here):
    answer = ask("first", steps=[5, 10, 20, 40], rate=[0.25, 0.5, 2.0], seeds=4)
    claims = [claim for claim in Project.find().claims() if claim.chapter == "first"]
    assert len(answer.replies) == 12 and len(here) == 48
    for reply, (steps, rate) in zip(answer.replies, product([5, 10, 20, 40], [0.25, 0.5, 2.0]), strict=True):
        measured = {"value": [steps * rate] * 4, "draw": [seed / 1e3 for seed in range(7, 11)], "rate": [rate] * 4}
        assert reply.verdicts == judge(claims, {"first": measured}, "quick")
        assert dict(reply.setting.values) == {"steps": steps, "rate": rate}


def test_a_planted_setting_flips_exactly_one_claim_and_says_why(here, capsys):
    the_books()
    answer = ask("first", steps=40)
    (change,) = answer.replies[0].changes
    assert (change.claim.id, change.book.verdict, change.claim.verdict) == (
        "first.value",
        "reproduced",
        "not reproduced",
    )
    assert change.why == (
        "steps times rate: holds at 10 in the book, fails at 20 here (expected 10); exact, so one run decides",
    )
    assert "1 claim flipped" in str(answer) and change.why[0] in str(answer) and "←" in str(answer)
    assert "1 claim flipped" in BeautifulSoup(answer._repr_html_(), "html.parser").get_text()


def test_what_seeds_would_have_noticed_is_told(here):
    for replicate, draw in enumerate((0.1, 0.2, 0.3)):
        run = Run(Project.find(), "quick", "first", replicate)
        made(run, measure(run) | {"draw": draw})
    (Path("profiles") / "three.yml").write_text("counts_as: quick\nchapters: {first: {replicates: 3}}\n")
    try:
        for replicate in range(3):
            run = Run(Project.find(), "three", "first", replicate)
            made(run, measure(run))
        answer = ask("first", seed=9000, profile="three")
    finally:
        Path("profiles/three.yml").unlink()
    (change,) = answer.replies[0].changes
    assert change.claim.id == "first.draws"
    assert re.search(
        r"holds at 0.008 .* fails at 9.001 .* it moved by 9, more than the 0\.\d+ that 3 seeds", change.why[0]
    )


def test_an_unchanged_question_runs_nothing_and_no_run_is_made_twice(here):
    the_books()
    assert not ask("first").replies[0].changes and here == []
    ask("first", steps=20, rate=0.5, seed=7)  # which the book sets anyway
    assert here == []
    ask("first", steps=[20, 40], seeds=2)
    assert len(here) == 3
    ask("first", steps=[40, 20], seeds=1)
    ask("first", seed=8)
    ask("first", seed=[7, 8], steps=40)
    assert len(here) == 3
    ask("first", seeds=3)
    assert len(here) == 4


def archive_alone():
    """Archive the book's run and forget it."""
    the_books()
    run = Run(Project.find(), "quick", "first")
    environment = json.loads((run.path / "environment.json").read_text())
    replicate = {"measurements": measure(run), "timings": {}, "environment": environment}
    Path("results/quick").mkdir(parents=True)
    Path("results/quick/first.json").write_text(
        dump_json({"chapter": "first", "profile": "quick", "replicates": [replicate]})
    )
    shutil.rmtree("_build")


def test_an_archived_run_is_not_made_again(here):
    archive_alone()
    answer = ask("first")
    assert here == [] and answer.source == "archived runs" and answer.replies[0].verdicts == answer.book


def test_an_archived_run_answers_for_its_own_parameters_and_code_only(here):
    archive_alone()
    ask("first", steps=40)
    assert len(here) == 1
    page = Path("chapters/first.md")
    page.write_text(page.read_text() + "\n```{code-cell} ipython3\nafterthought = 1\n```\n")
    ask("first")
    assert len(here) == 2


def test_a_damaged_run_is_made_again(here):
    ask("first", steps=40)
    (path,) = Path("_build/runs").glob("asked-*/first/7/measurements.json")
    path.write_text("{}")
    ask("first", steps=40)
    assert len(here) == 2


def test_fewer_seeds_than_a_claim_takes_leave_it_undecided(here):
    few, enough = (ask("first", seeds=seeds).replies[0].verdicts[1] for seeds in (2, 3))
    assert few.verdict == "undecided" and few.why == "2 of the 3 seeds that it takes at least"
    assert enough.verdict == "reproduced"


def test_what_one_side_alone_decides_is_told_and_is_no_flip(here):
    the_books()
    (reply,) = ask("first", seeds=3).replies
    (change,) = reply.changes
    assert (change.book.verdict, change.claim.verdict) == ("undecided", "reproduced") and not change.flips
    assert summary(reply) == "no claim flipped, 1 decided on one side only"


def test_a_failed_run_is_told_of_and_not_judged(here, monkeypatch, capsys):
    monkeypatch.setattr(asking, "run_chapters", lambda *_: False)
    assert main(["ask", "first", "-p", "steps", "40"]) == 1
    said = capsys.readouterr().out
    assert "failed: " in said and "– not run" in said


def test_the_page_to_send_needs_nothing_else_and_says_whose_run_it_is(here, tmp_path, capsys):
    the_books()
    to = tmp_path / "mine.html"
    assert main(["ask", "first", "-p", "steps", "20,40", "-p", "rate", "0.5", "--seeds", "2", "--send", str(to)]) == 0
    page = BeautifulSoup(to.read_text(), "html.parser")
    text = " ".join(page.get_text().split())
    assert "This is a reader's run, not the book's." in text
    assert page.code.get_text() == "descent ask first -p steps '[20, 40]' -p rate 0.5 --seeds 2"
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.find_all("img"))
    assert len(page.find_all("img")) == 1  # the book's own run, made up, has none
    assert not page.find_all(["script", "iframe"]) and not page.find_all("link", rel="stylesheet")
    assert "c0ffeec0ff" in text and "a <processor>" in text and '"steps": 40' in text


def test_the_command_on_the_page_asks_the_same():
    known = {"a": Parameter("a", 1, ""), "b": Parameter("b", [1, 2], ""), "c": Parameter("c", "x", "")}
    asked = {"a": [3, 4], "b": [[1], [2, 3]], "c": ["y z", "w"]}
    project = Project(REPOSITORY)
    question = Question.__new__(Question)
    for name, value in (
        ("project", project),
        ("chapter", "d"),
        ("profile", "quick"),
        ("pairs", asked),
        ("seeds", None),
    ):
        object.__setattr__(question, name, value)
    pairs = re.findall(r"-p (\w+) (?:'([^']*)'|(\S+))", question.command)
    assert options([(name, quoted or bare) for name, quoted, bare in pairs], known, "") == asked


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("steps", "16,32", [16, 32]),
        ("steps", "[16, 32]", [16, 32]),
        ("rate", "1e-3, 2", [1e-3, 2.0]),
        ("sizes", "[1, 2]", [[1, 2]]),
        ("sizes", "[[1], [1, 2]]", [[1], [1, 2]]),
        ("data", "digits", ["digits"]),
        ("data", "digits,mnist", ["digits", "mnist"]),
        ("data", "[digits, mnist]", ["digits", "mnist"]),
        ("flag", "true,false", [True, False]),
        ("more", "null", [None]),
        ("more", "2,3", [2, 3]),
        ("none", "[[a], [b]]", [["a"], ["b"]]),
    ],
)
def test_several_values_make_a_grid_and_a_list_may_be_one_value(name, text, values):
    defaults = {
        "steps": 20, "rate": 0.5, "sizes": [3], "data": "digits", "flag": False, "more": None, "none": [],
    }  # fmt: skip
    known = {key: Parameter(key, value, "") for key, value in defaults.items()}
    assert options([(name, text)], known, "here")[name] == values
    assert several({name: values if len(values) > 1 else values[0]}, known, "here")[name] == values


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["secnd"], "no chapter 'secnd'; there are first, second"),
        (["first", "-p", "step", "3"], "unknown parameter 'step'; known are seed, steps, rate"),
        (["first", "-p", "steps", "many"], "takes a value of type int"),
        (["first", "-p", "steps", "20,many"], "takes a value of type int"),
        (["first", "-p", "steps", "0"], "a count, at least 1"),
        (["first", "-p", "steps", "[]"], "takes a value of type int"),
        (["first", "-p", "steps", "3,3"], "one value twice"),
        (["first", "-p", "steps", "[3"], "not valid YAML"),
        (["first", "-p", "steps", "3", "-p", "steps", "4"], "is set twice"),
        (["first", "-p", "seed", "2000000", "--seeds", "2"], "whole number from 0 to 2,000,000"),
        (["first", "-p", "steps", ",".join(map(str, range(1, MOST + 2)))], "ask in parts"),
        (["first", "--seeds", "0"], "--seeds is 0"),
        (["first", "--seeds", "two"], "invalid int value"),
        (["first", "--cores", "0"], "--cores is 0"),
        (["first", "--profile", "quik"], "unknown profile 'quik'"),
        (["first", "--send", "mine.txt"], "ends in .html"),
        (["first", "--send", "nowhere/mine.html"], "not a folder that can be written"),
        (["first", "--send", "chapters"], "ends in .html"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line_before_any_work(here, capsys, arguments, says):
    try:
        status = main(["ask", *arguments])
    except SystemExit as error:  # argparse's own
        status = error.code
    said = capsys.readouterr().err
    assert status == 2 and says in said and len(said.strip().splitlines()) == 1 and here == []


def test_python_refuses_the_same(here):
    with pytest.raises(UserError, match="unknown parameter 'stepz'"):
        ask("first", stepz=3)
    with pytest.raises(UserError, match="no chapter"):
        known_parameters(Project.find(), "index")


def test_the_example_of_the_help_runs(tmp_path, monkeypatch, capsys):
    for name in ("_toc.yml", "_config.yml", "chapters", "lib", "profiles", "requirements.lock", "results"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["ask", "--help"])
    example = re.search(r"^ +descent (ask .+)$", capsys.readouterr().out, re.MULTILINE)[1].split()
    archive = json.loads((REPOSITORY / "results" / "quick" / f"{example[1]}.json").read_text())

    def run_chapters(project, where, due, lock):
        assert len(due) == 2
        for run in due:
            made(run, archive["replicates"][0]["measurements"])
        return True

    monkeypatch.setattr(asking, "run_chapters", run_chapters)
    assert main(example) == 0
    assert "no claim flipped under 2" in capsys.readouterr().out and (tmp_path / example[-1]).is_file()


def test_a_real_run_through_the_pipeline(book):
    done = book.run("ask", "first", "-p", "steps", "40", "--cores", "1")
    assert "✘ not reproduced" in done.stdout and "/first/7: running" in done.stderr
    again = book.run("ask", "first", "-p", "steps", "40", "--cores", "1")
    assert again.stdout == done.stdout and again.stderr == "" and sys.executable
