"""Alternatives: declared before they run, each a run of its own, never judged together; the report's strips."""

import json
import shutil

import pytest
from test_ask import CLAIMS, made, measure

from descent.book.alternatives import MOST, Alternative, read_alternatives
from descent.book.cli import main
from descent.book.errors import UserError
from descent.book.pages.blocks import expand
from descent.book.project import Project
from descent.book.report.archive import archive
from descent.book.report.results import Evidence
from descent.book.report.strips import Strip, strips
from descent.book.run.run import Run, runs
from descent.evidence import Verdict

DECLARED = """- {name: another seed, parameters: {seed: 9}}
- {name: twice the steps, parameters: {steps: 40}}
- {name: a large rate, parameters: {rate: 2.0}}
"""


@pytest.fixture
def declared(book, monkeypatch):
    """The small book, whose first chapter declares three alternatives; the book's own run has been made."""
    files = {
        "chapters/claims/first.yml": CLAIMS,
        "chapters/claims/alternatives/first.yml": DECLARED,
        "profiles/alternatives.yml": "counts_as: quick\nalternatives_of: quick\n",
    }
    claims = (book.root / "chapters/claims/first.yml").read_text()
    for name, content in files.items():
        (book.root / name).parent.mkdir(exist_ok=True)
        (book.root / name).write_text(content)
    monkeypatch.chdir(book.root)
    project = Project.find()
    run = Run(project, "quick", "first")
    made(run, measure(run))
    yield project
    for name in files:
        (book.root / name).unlink()
    (book.root / "chapters/claims/first.yml").write_text(claims)
    for name in ("_build", "results"):
        shutil.rmtree(book.root / name, ignore_errors=True)


def run_all(project):
    for run in runs(project, "alternatives", "first"):
        made(run, measure(run))


def strips_of(project):
    return strips(project, project.claims(), "first")


def test_each_alternative_is_one_run_of_its_own(declared):
    assert [run.parameters for run in runs(declared, "alternatives", "first")] == [
        {"seed": 9}, {"seed": 7, "steps": 40}, {"seed": 7, "rate": 2.0},
    ]  # fmt: skip
    assert not list(runs(declared, "alternatives", "second"))


def test_a_strip_tells_in_which_a_claim_holds_and_what_flips_it_first(declared):
    run_all(declared)
    found, changed = strips_of(declared)
    assert changed == ()
    assert [strip.says for strip in found] == [
        "reproduced in 1 of 3; first flipped by twice the steps",
        "reproduced in 0 of 3, undecided in 3; undecided in quick",  # a run has one draw, and the claim takes three
        "reproduced in 2 of 3; first flipped by a large rate",
    ]


def test_a_strip_says_what_it_can_of_each_pair_of_outcomes():
    def says(book, *outcomes):
        first = Verdict("a", "b", "finding", "c", "d", "e", "f", 1.0, None, 1, None, book, "quick", "", False, [])
        others = (Verdict(**{**first.as_dict(), "verdict": outcome}) if outcome else None for outcome in outcomes)
        names = tuple(Alternative(name=f"choice {k}", parameters={"seed": k}) for k in range(len(outcomes)))
        return Strip(first, names, tuple(others)).says

    assert says("reproduced", None) == "none has run yet"
    assert says("not run", "not run") == "not measured in this profile"
    assert says("reproduced", "undecided", "undecided") == "reproduced in 0 of 2, undecided in 2; no choice decides it"
    assert says("undecided", "reproduced") == "reproduced in 1 of 1; undecided in quick"
    assert (
        says("not reproduced", "undecided", "partly")
        == "reproduced in 0 of 2, undecided in 1; first flipped by choice 1"
    )
    assert says("reproduced", "reproduced", "undecided") == "reproduced in 1 of 2, undecided in 1; never flipped"


def test_half_of_them_made_are_shown_and_the_rest_is_not_run(declared, capsys):
    run = next(runs(declared, "alternatives", "first"))
    made(run, measure(run))
    assert strips_of(declared)[0][0].says == "reproduced in 1 of 1; never flipped"
    table = expand("```{strips}\n```\n", "report", Evidence(declared, declared.profile("quick")))
    assert 'title="another seed: reproduced"' in table and 'title="a large rate: not run"' in table
    assert main(["claims", "--profile", "alternatives"]) == 0
    assert "✔ | ✔ · ·  first.value: reproduced in 1 of 1; never flipped" in capsys.readouterr().out


def test_before_any_has_run_the_page_says_so(declared):
    assert expand("```{strips}\n```\n", "report", Evidence(declared, declared.profile("quick"))) == (
        "*No alternative has run yet.*\n"
    )


def test_archived_ones_are_shown_with_what_has_changed_since(declared, book):
    run_all(declared)
    before = [strip.says for strip in strips_of(declared)[0]]
    path = archive(Evidence(declared, declared.profile("alternatives")), "first")
    assert len(json.loads(path.read_text())["replicates"]) == 3
    shutil.rmtree(declared.build / "runs" / "alternatives")
    found, changed = strips_of(declared)
    assert [strip.says for strip in found] == before and changed == ()
    book.edit("chapters/first.md", "print(", "print('more', ")
    try:
        found, changed = strips_of(Project.find())
    finally:
        book.edit("chapters/first.md", "print('more', ", "print(")
    assert [strip.says for strip in found] == before and changed == ("code cell 2",)


def test_claims_and_fingerprints_do_not_see_the_declarations(declared):
    run = Run(declared, "quick", "first")
    (declared.root / "chapters/claims/alternatives/first.yml").write_text(DECLARED.replace("40", "80"))
    assert Run(Project.find(), "quick", "first").fingerprint == run.fingerprint
    assert {claim.chapter for claim in declared.claims()} == {"first", "second"}


def test_what_cannot_be_judged_together_is_not(declared, capsys):
    assert main(["certify", "first", "--profile", "alternatives"]) == 2
    assert main(["archive", "second", "--profile", "alternatives"]) == 2
    assert main(["ask", "first", "--profile", "alternatives"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert "not judged together" in said[0] and "no alternatives" in said[1] and "no profile to ask" in said[2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {name: a, parameters: {}}", "parameters"),
        ("- {name: a}", "parameters is missing"),
        ("- {name: a, parameters: {seed: 1}, why: b}", "why is unknown"),
        ("- {name: a, parameters: {seed: 1}}\n- {name: a, parameters: {seed: 2}}", "stands twice"),
        ("name: a", "a list of 1 to 12"),
        ("\n".join(f"- {{name: a{k}, parameters: {{seed: {k}}}}}" for k in range(MOST + 1)), "a list of 1 to 12"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(tmp_path, text, says):
    (tmp_path / "first.yml").write_text(text)
    with pytest.raises(UserError, match=says):
        read_alternatives(tmp_path / "first.yml")


def test_a_declaration_of_no_chapter_is_refused(declared):
    path = declared.root / "chapters/claims/alternatives/frist.yml"
    path.write_text(DECLARED)
    try:
        with pytest.raises(UserError, match=r"frist\.yml belongs to no chapter"):
            Project.find().profile("alternatives")
    finally:
        path.unlink()


def test_every_chapter_with_claims_declares_some_and_the_book_thirty():
    project = Project.find()
    declared = {chapter: len(project.alternatives.get(chapter, ())) for chapter in project.chapters}
    assert all(declared[claim.chapter] for claim in project.claims()) and sum(declared.values()) >= 30


def test_a_build_of_alternatives_runs_each_and_shows_the_book(declared, book):
    shutil.rmtree(declared.build)
    done = book.run("book", "--profile", "alternatives", "--cores", "1")
    assert [f"alternatives/first/{k}: done" in done.stderr for k in range(3)] == [True] * 3
    assert "twice the steps" in book.run("claims", "--profile", "alternatives").stdout
    assert "up to date" in book.run("book", "--profile", "alternatives", "--cores", "1").stderr
