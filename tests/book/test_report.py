"""The evidence as text: what tables say, and that statements come through as they were written."""

import json

import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

from descent.book.project import Project
from descent.book.report import report
from descent.book.report.plain_maths import plain
from descent.book.report.report_file import report_data, report_html
from descent.book.report.results import Evidence
from descent.evidence.verdicts import OUTCOMES, Verdict


def verdict(outcome="reproduced", name="a", why="", kind="finding"):
    return Verdict(
        id=name, chapter="first", kind=kind, source="letcher2019, nowhere", statement="It holds.", label="ten",
        expected="10", measured=10.0, interval=[9.0, 11.0], seeds=3, detectable=0.5, verdict=outcome, profile="quick",
        why=why, exact=False, checks=[],
    )  # fmt: skip


RUN = {
    "measurements": {"value": 20.0},
    "timings": {},
    "environment": {"commit": "c0ffee" * 6, "started": "2026-11-21T05:28:47+00:00", "parameters": {"seed": 0}},
}


@pytest.fixture(scope="module")
def evidence(book):
    claim = (book.root / "chapters/claims/first.yml").read_text()
    statement = "If f = <w1, w2> | g, a_b *and* $\\\\lambda^2 < 1$ [sic]."
    text = claim.replace("The chapter first measures what it should.", f"'{statement}'").replace("\\\\", "\\")
    (book.root / "chapters/claims/first.yml").write_text(text)
    archived = book.root / "results" / "paper" / "second.json"
    archived.parent.mkdir(parents=True)
    archived.write_text(json.dumps({"chapter": "second", "profile": "paper", "replicates": [RUN]}))
    project = Project.find(book.root)
    return Evidence(project, project.profile("quick"))


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (None, None, "–"),
        (1.23456789, None, "1.2346"),
        (2.0, [2.0, 2.0], "2"),
        (2.0, [1.5, 2.51234], "2 [1.5, 2.512]"),
        (5.1125e-13, None, "5.1125e-13"),
    ],
)
def test_measurements_read_short(value, interval, text):
    assert report.measured(value, interval) == text


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        (r"below $2\mu/r^2$, never", "below 2μ/r², never"),
        (r"$1/(\sqrt{3}\,\sigma)$", "1/(√3 σ)"),
        (r"momentum $-\tfrac12$ and $\frac{1}{\mu}$", "momentum −1/2 and 1/μ"),
        (r"$x^\top A y$, $10^{-3}$, $e^{x}$", "xᵀA y, 10⁻³, e^x"),
        (r"$\langle \xi, \nabla H \rangle = \lambda \lvert \xi \rvert^2$", "⟨ξ, ∇H⟩ = λ|ξ|²"),
        ("it costs 3 dollars", "it costs 3 dollars"),
    ],
)
def test_mathematics_reads_without_typesetting(tex, text):
    assert plain(tex) == text


def test_every_outcome_has_a_sign_of_its_own():
    assert set(report.SIGNS) == set(OUTCOMES) and len(set(report.SIGNS.values())) == len(OUTCOMES)


def test_the_glance_counts_each_outcome_once():
    verdicts = [verdict("reproduced"), verdict("partly"), verdict("partly"), verdict("not reproduced")]
    page = BeautifulSoup(report.glance(verdicts), "html.parser")
    assert [a.get_text() for a in page.select("a")] == ["1 ✔ reproduced", "2 ◐ partly", "1 ✘ not reproduced"]
    assert [span["style"] for span in page.select(".glance-bar span")] == [f"flex-grow: {n}" for n in (1, 2, 1)]


def test_the_terminals_table_is_aligned():
    lines = report.terminal_table([verdict(name="short"), verdict("not run", name="much-longer")]).splitlines()
    assert [line.index("10 ") for line in lines[1:]] == [lines[0].index("expected")] * 2
    assert lines[2].endswith("– not run")


def test_statements_come_through_as_written(evidence):
    text = report.claims_table(evidence, "first")
    html = MarkdownIt("commonmark").enable("table").render(text.replace("$\\lambda^2 < 1$", "MATHS"))
    cell = BeautifulSoup(html, "html.parser").select_one("tbody td")
    assert cell.get_text() == "If f = <w1, w2> | g, a_b *and* MATHS [sic]."
    assert "$\\lambda^2 < 1$" in text


def test_published_scale_stands_beside_this_build(evidence):
    data = report_data(evidence)
    assert [claim["verdict"] for claim in data["claims"]] == ["not run", "not run"]
    assert data["claims"][0]["published_scale"] is None
    assert data["claims"][1]["published_scale"]["verdict"] == "not reproduced"  # 20 is not 10
    row = report.report_table(evidence).splitlines()[4]
    assert "not run" in row.split(" | ")[4] and "not reproduced" in row.split(" | ")[5] and "20" in row.split(" | ")[5]
    page = BeautifulSoup(report_html(evidence, "p { color: red }", "f();"), "html.parser")
    cells = [cell.get_text() for cell in page.select("#claim-second-holds td")]
    assert "not run" in cells[4] and "✘ not reproduced" in cells[5]
    assert page.style and page.script and not page.find(src=True)
    assert "<w1, w2>" in page.select_one("#claim-first-holds").get_text()
