"""The evidence as text: best evidence first, the deciding check in words, and statements as they were written."""

import json
import shutil
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from pydantic import TypeAdapter

from descent.book.project import Project
from descent.book.report import report, tallies
from descent.book.report.report_file import document, report_data, report_html, with_mathml
from descent.book.report.results import Evidence
from descent.evidence.reports import Report
from descent.evidence.verdicts import OUTCOMES, Verdict

REPOSITORY = Path(__file__).parents[2]


def verdict(outcome="reproduced", name="a", why="", kind="finding", **changes):
    values = {
        "id": name, "chapter": "first", "kind": kind, "source": "letcher2019, nowhere", "statement": "It holds.",
        "label": "ten", "expected": "10", "measured": 10.0, "interval": [9.0, 11.0], "seeds": 3, "detectable": 0.5,
        "verdict": outcome, "profile": "quick", "why": why, "exact": False, "checks": [],
    }  # fmt: skip
    return Verdict(**values | changes)


def run(day, seed=0, **measurements):
    return {
        "measurements": measurements,
        "timings": {},
        "environment": {
            "commit": "c0ffee" * 6, "started": f"2026-11-{day:02}T05:28:47+00:00", "parameters": {"seed": seed},
            "replicate": seed,
        },
    }  # fmt: skip


CLAIMS = """
- id: {0}-found
  kind: finding
  source: {{cite: letcher2019, place: nowhere}}
  statement: 'If f = <w1, w2> | g, a_b *and* $\\lambda^2 < 1$ [sic].'
  decided_by: {1}
  checks:
    - {{measurement: draws, label: mean of draws, comparison: at-least, expected: 5, reason: r}}
    - {{measurement: counts, label: successes, comparison: at-least, expected: 1, reason: r, over: most}}
- id: {0}-proved
  kind: theorem
  exact: true
  because: it is
  source: {{cite: letcher2019, place: nowhere}}
  statement: It is so.
  checks:
    - {{measurement: value, label: "<value>", comparison: close, expected: 10, reason: "a <b> & c"}}
"""


@pytest.fixture(scope="module")
def evidence(book):
    """first: only this build ran, three seeds in each run. second: archived at published scale, and it ran here."""
    for chapter, decided_by in (("first", "quick"), ("second", "paper")):
        (book.root / f"chapters/claims/{chapter}.yml").write_text(CLAIMS.format(chapter, decided_by))
    here = {
        "first": {"draws": [4.0, 4.1, 3.9], "counts": [1.0, 1.0, 1.0], "value": 10.0},
        "second": {"draws": [6.0, 6.1, 5.9], "counts": [1.0, 0.0, 1.0], "value": 10.0},
    }
    for chapter, measured in here.items():
        folder = book.result(chapter).parent
        folder.mkdir(parents=True)
        environment = run(1)["environment"] | {
            "wall_seconds": 1.0, "peak_memory_mb": 1, "processor": "<x>", "threads": 1, "devices": ["CPU"],
            "versions": {"tensorflow": "2"}, "dirty": False, "cores": 2, "system": "Linux", "machine": "x",
            "lock_sha256": "0123456789abcdef" * 4,
        }  # fmt: skip
        (folder / "environment.json").write_text(json.dumps(environment))
        (folder / "measurements.json").write_text(json.dumps(measured))
    archived = book.root / "results" / "paper" / "second.json"
    archived.parent.mkdir(parents=True)
    runs = [run(20 + k, k, draws=6.0 + 0.1 * k, counts=1.0, value=20.0 + k) for k in range(8)]
    archived.write_text(json.dumps({"chapter": "second", "profile": "paper", "replicates": runs}))
    project = Project.find(book.root)
    return Evidence(project, project.profile("quick"))


@pytest.mark.parametrize(
    ("value", "interval", "expected", "text"),
    [
        (None, None, "10", "–"),
        (1.23456789, None, "10", "1.235"),
        (2.0, [2.0, 2.0], "10", "2"),
        (2.0, [1.5, 2.51234], "10", "2 [1.5, 2.512]"),
        (5.1125e-13, None, "10", "5.112e-13"),
        (0.75, [0.35, 0.968], "≥ 16 in most runs", "75% of runs [35%, 97%]"),
    ],
)
def test_measurements_read_short(value, interval, expected, text):
    assert report.measured(verdict(measured=value, interval=interval, expected=expected)) == text


def test_what_seeds_would_notice_reads_short():
    assert report.sight(verdict(detectable=0.51234)) == "0.51"
    assert report.sight(verdict(detectable=0.4, expected="≥ 1 in most runs")) == "40% of runs"
    assert report.sight(verdict(detectable=None)) == "–"
    assert report.sight(verdict(detectable=None, exact=True)) == "exact"


def test_every_outcome_has_a_sign_of_its_own():
    assert set(report.SIGNS) == set(OUTCOMES) and len(set(report.SIGNS.values())) == len(OUTCOMES)


def test_best_evidence_is_at_published_scale_where_that_tells(evidence):
    best = evidence.best
    assert not best["first-found"].published and best["first-found"].where == "this build, quick"
    assert best["second-found"].published and best["second-found"].verdict.profile == "paper"
    assert best["second-found"].where == "published scale, 8 seeds, 27 November 2026"
    assert best["second-found"].verdict.verdict == "reproduced"  # which quick is too small for
    assert {v.id: v.verdict for v in evidence.verdicts}["second-found"] == "undecided"
    assert best["second-proved"].where == "published scale, 27 November 2026"
    assert evidence.verdict("second-proved", "second").verdict == "not reproduced"  # 20 is not 10
    assert "before runs kept what they depend on" in best["second-found"].changed[0]
    assert best["first-found"].changed == ()


def test_archived_runs_that_do_not_tell_give_way_to_this_build(evidence):
    here, open_ = verdict("reproduced", name="x", chapter="second"), verdict("undecided", name="x", chapter="second")
    for there in (None, open_, verdict("not run", chapter="second")):
        assert not evidence._best(here, there).published
    assert evidence._best(open_, open_).published
    assert evidence._best(here, verdict("partly", chapter="second")).published


def test_a_profile_that_counts_as_another_is_judged_as_it_and_keeps_its_name(book, evidence):
    (book.root / "profiles" / "mine.yml").write_text("counts_as: quick\n")
    run = book.result("first").parent
    there = book.result("first", profile="mine").parent
    shutil.copytree(run, there)
    try:
        project = Project.find(book.root)
        mine = Evidence(project, project.profile("mine"))
        found = {v.id: (v.verdict, v.profile) for v in mine.verdicts}
        assert found["first-found"] == ("not reproduced", "mine") and found["second-found"] == ("not run", "mine")
        assert {v.profile for v in evidence.verdicts} == {"quick"}
    finally:
        (book.root / "profiles" / "mine.yml").unlink()
        shutil.rmtree(there.parents[1])


def test_the_tally_counts_findings_first_and_apart(evidence):
    assert list(tallies.tally(evidence)) == ["finding", "theorem"]
    assert tallies.tally(evidence) == {
        "finding": {"reproduced": 1, "not reproduced": 1},
        "theorem": {"reproduced": 1, "not reproduced": 1},
    }
    assert tallies.counts(evidence) == (
        "Of 2 published findings: 1 reproduced, 1 not reproduced. Of 2 theorems: 1 reproduced, 1 not reproduced."
    )
    page = BeautifulSoup(tallies.glance(evidence), "html.parser")
    assert [a.get_text() for a in page.select("li a")] == ["1 ✔ reproduced", "1 ✘ not reproduced"]
    assert [a["href"] for a in page.select("li a")][1] == "report.html?kind=finding&verdict=not-reproduced"
    assert [span["style"] for span in page.select(".glance-bar span")] == ["flex-grow: 1", "flex-grow: 1"]
    assert page.select_one(".glance-others").get_text() == "Theorems: 1 reproduced, 1 not reproduced"
    assert "✘ 1 not reproduced" in tallies.badges(evidence, "second")
    assert 'href="report.html?chapter=first&amp;verdict=reproduced"' in tallies.badges(evidence, "first", link=True)


def test_what_did_not_come_out_stands_first_and_findings_before_theorems(evidence):
    expected = ["first-found", "second-proved", "second-found", "first-proved"]
    assert [claim.id for claim in report.by_need(evidence)] == expected
    rows = report.report_table(evidence).splitlines()[3:-1]
    assert [row.split('id="claim-')[1].split('"')[0] for row in rows] == expected


def test_a_row_shows_the_check_that_decided(evidence):
    row = report.report_table(evidence).splitlines()[3].split(" | ")
    assert row[1] == "finding"
    assert "✘ not reproduced" in row[2] and "fails in 1 of 2, 1 open: mean of draws" in row[2]
    assert row[3] == '≥ 5 <span class="what">mean of draws</span>'
    assert row[4] == "4 [3.752, 4.248]" and row[5] == "3" and row[7].startswith("the same")
    second = report.report_table(evidence).splitlines()[5]
    assert "published scale, 8 seeds" in second and "is not known: it was made before" in second
    assert "? undecided" in second.split(" | ")[7]


def test_what_runs_took_and_ran_on_is_said_for_each(book, evidence):
    rows = report.status_table(evidence).splitlines()[-2:]
    assert [row.strip("| ").split(" | ") for row in rows] == [
        [f"[{chapter}](../chapters/{chapter})", runs, "1 s", "1 MB", "CPU", "`c0ffeec0ff`"]
        for chapter, runs in (("first", "1 of 1"), ("second", "1 of 2"))
    ]
    project = Project.find(book.root)
    nothing = Evidence(project, project.profile("paper"))
    assert report.status_table(nothing).splitlines()[-1] == (
        "| [second](../chapters/second) | not run | – | – | – | – |"
    )
    assert report.environment_list(nothing) == "*Nothing has run yet.*"
    rows = report.environment_list(evidence).splitlines()[-4:]
    assert rows[0].startswith("| Machine | \\<x\\>, ") or "&lt;x&gt;" in rows[0]
    assert rows[1:] == [
        "| tensorflow | 2 |",
        "| requirements.lock | SHA-256 `0123456789abcdef` |",
        "| Commit | `c0ffeec0ff` |",
    ]


def test_a_chapters_table_says_it_in_words(evidence):
    _, *lines, _ = report.verdict_table(evidence, "second").splitlines()  # within a box
    assert len(lines) == 4 and "✔ reproduced" in lines[2] and "mean of draws: 6.35" in lines[2]
    assert "? undecided" in lines[2] and "first-found" not in "".join(lines)
    assert report.verdict_table(evidence, "first").splitlines()[3].endswith("| the same |")


def test_stale_evidence_names_what_changed():
    assert report.stale(["a", "b"]) == "changed since: a, b"
    assert report.stale(list("abcdef")) == "changed since: a, b, c, d and 2 more"
    assert report.stale([report.UNKNOWN]) == f"whether its code has changed since is not known: {report.UNKNOWN}"
    assert report.UNKNOWN in (REPOSITORY / "lib/descent/book/run/why.py").read_text()


def test_the_terminals_table_is_aligned():
    lines = report.terminal_table([verdict(name="short"), verdict("not run", name="much-longer")]).splitlines()
    assert [line.index("10 ") for line in lines[1:]] == [lines[0].index("expected")] * 2
    assert lines[2].endswith("– not run")


def test_statements_come_through_as_written(evidence):
    text = report.claims_table(evidence, "first")
    html = MarkdownIt("commonmark").enable("table").render(text.replace("$\\lambda^2 < 1$", "MATHS"))
    cells = BeautifulSoup(html, "html.parser").select("tbody td")
    details = cells[0].find("details").extract()
    assert cells[0].get_text().startswith("If f = <w1, w2> | g, a_b *and* MATHS [sic]. ")
    assert details.get_text() == "What would bear it outmean of draws: ≥ 5successes: ≥ 1 in most runs"
    assert cells[1].find("a")["href"].startswith("report.html#claim-")
    assert "$\\lambda^2 < 1$" in text


def test_many_claims_are_folded_and_none_is_lost(evidence):
    few = report.claims_table(evidence, "first", shown=1)
    count = sum(claim.chapter == "first" for claim in evidence.claims)
    assert f"````{{dropdown}} {count - 1} more claims" in few
    assert few.count("report.html#claim-") == count


def test_json_is_what_its_schema_says(evidence):
    data = json.loads(json.dumps(report_data(evidence)))
    TypeAdapter(Report).validate_python(data)
    found = {claim["id"]: claim for claim in data["claims"]}
    assert found["second-found"]["by"] == "published scale" and found["second-found"]["verdict"] == "reproduced"
    assert found["second-found"]["this_build"]["verdict"] == "undecided"
    assert found["first-found"]["published_scale"] is None and found["first-found"]["by"] == "this build"
    assert data["tally"]["finding"] == {"reproduced": 1, "not reproduced": 1}
    assert data["runs"]["first"][0]["processor"] == "<x>"


def test_the_file_to_send_escapes_and_sets_formulas(evidence):
    page = BeautifulSoup(report_html(evidence, "p > b { color: red }", "f() && g();"), "html.parser")
    assert "p > b" in page.style.string and "f() && g();" in page.script.string and not page.find(src=True)
    row = page.select_one("#claim-second-found")
    assert "<w1, w2>" in row.get_text() and row.find("math") and "$" not in row.td.get_text()
    cells = [cell.get_text() for cell in row.select("td")]
    assert cells[1] == "finding" and "✔ reproduced" in cells[2] and "published scale, 8 seeds" in cells[2]
    assert "6.35" in cells[4] and cells[5] == "8" and "? undecided" in cells[7]
    proved = page.select_one("#claim-second-proved")
    assert "a <b> & c" in proved.get_text() and not proved.find("b") and "<value>" in proved.get_text()
    assert [row["id"] for row in page.select(".report-table tbody tr")] == [
        f"claim-{claim.id}" for claim in report.by_need(evidence)
    ]
    assert "<x>, 1 threads, CPU" in page.get_text()


def test_formulas_are_mathml_and_the_rest_is_escaped():
    html = str(with_mathml(r"below $2\mu/r^2$, <b> & $\tfrac12$"))
    assert html.count("<math") == 2 and "&lt;b&gt; &amp;" in html
    assert str(with_mathml("it costs 3 dollars")) == "it costs 3 dollars"


def test_a_document_escapes_its_title():
    page = BeautifulSoup(document("<a>", "<p>body</p>", "s", back="<p>back</p>"), "html.parser")
    assert page.title.string == "<a>" and [p.string for p in page.main.find_all("p")] == ["back", "body"]
    assert page.script is None


def test_damaged_archives_are_one_clear_line(book, evidence):
    from descent.book.errors import UserError

    path = book.root / "results" / "paper" / "first.json"
    path.write_text("{}")
    try:
        with pytest.raises(UserError, match=r"results/paper/first.json: chapter is missing"):
            _ = Evidence(evidence.project, evidence.profile).archives
    finally:
        path.unlink()
