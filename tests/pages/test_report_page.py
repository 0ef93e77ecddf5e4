"""The report: a table to filter and sort by mouse or keyboard, the same as JSON, and as a file that needs no other."""

import json
import re

import pytest
from pydantic import TypeAdapter

from descent.evidence.reports import Report


@pytest.fixture
def verdicts(smoke_book):
    return json.loads((smoke_book / "_build/runs/smoke/verdicts.json").read_text())


@pytest.fixture
def best(html):
    """Claim -> what is said of it by the best evidence."""
    return {claim["id"]: claim for claim in json.loads((html / "report.json").read_text())["claims"]}


def shown(page):
    return page.locator(".report-table tbody tr:visible")


@pytest.mark.parametrize("address", ["chapters/report.html", "report.html"])
def test_the_table_filters_and_sorts(site, page, verdicts, address):
    page.goto(f"{site}/{address}")
    page.wait_for_selector(".report-controls")
    assert shown(page).count() == len(verdicts)
    chapter = verdicts[0]["chapter"]
    page.get_by_label("Chapter").select_option(chapter)
    assert shown(page).count() == sum(v["chapter"] == chapter for v in verdicts)
    page.get_by_label("Contains").fill(verdicts[0]["id"])
    ids = [v["id"] for v in verdicts if verdicts[0]["id"] in v["id"] and v["chapter"] == chapter]
    assert shown(page).count() == len(ids)
    assert page.get_by_role("status").inner_text() == f"{len(ids)} of {len(verdicts)} claims"
    page.get_by_label("Contains").fill("")
    page.get_by_label("Chapter").select_option("")

    head = page.get_by_role("columnheader", name="Seeds")
    head.get_by_role("button").focus()
    for direction, ordered in (("ascending", sorted), ("descending", lambda x: sorted(x, reverse=True))):
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == direction
        seeds = [int(text) for text in page.locator(".report-table tbody td:nth-child(6)").all_inner_texts()]
        assert seeds == ordered(seeds) and len({len(str(count)) for count in seeds}) > 1  # letters would not do

    for name, column in (("Claim", 1), ("Measured", 5)):
        page.get_by_role("columnheader", name=name).get_by_role("button").click()
        texts = page.locator(f".report-table tbody td:nth-child({column})").all_inner_texts()
        if name == "Claim":  # a digit in a name is no number
            assert [text.split()[0] for text in texts] == sorted(text.split()[0] for text in texts)
        else:
            numbers = [
                float(match[1]) for text in texts if (match := re.match(r"(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)", text))
            ]
            assert numbers == sorted(numbers) and len(set(numbers)) > 3


def test_on_a_phone_a_row_is_a_card_with_its_verdict_first(site, browser):
    page = browser.new_page(viewport={"width": 375, "height": 800})
    for address in ("chapters/report.html", "report.html"):
        page.goto(f"{site}/{address}")
        page.wait_for_selector(".report-controls")
        row = page.locator(".report-table tbody tr").first
        badge, claim = row.locator("td:nth-child(3) .verdict").bounding_box(), row.locator("td").first.bounding_box()
        assert badge["y"] < claim["y"] and badge["x"] + badge["width"] <= 375
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.close()


def test_a_link_asks_for_one_verdict(site, page, best):
    page.goto(f"{site}/chapters/report.html?verdict=undecided")
    page.wait_for_selector(".report-controls")
    assert shown(page).count() == sum(v["verdict"] == "undecided" for v in best.values()) > 0
    page.goto(f"{site}/chapters/report.html?kind=theorem")
    page.wait_for_selector(".report-controls")
    assert shown(page).count() == sum(v["kind"] == "theorem" for v in best.values()) > 0


def test_counts_on_the_landing_page_are_the_findings(html, best):
    text = (html / "chapters/index.html").read_text()
    counts = dict(re.findall(r'href="report.html\?kind=finding&amp;verdict=([\w-]+)"><strong>(\d+)</strong>', text))
    findings = [v["verdict"] for v in best.values() if v["kind"] == "finding"]
    assert {k.replace("-", " "): int(n) for k, n in counts.items()} == {o: findings.count(o) for o in set(findings)}


def test_json_holds_what_the_page_shows(html, verdicts):
    report = json.loads((html / "report.json").read_text())
    assert [claim["this_build"] for claim in report["claims"]] == verdicts
    TypeAdapter(Report).validate_python(report)
    for runs in report["runs"].values():
        for run in runs:
            assert {"wall_seconds", "peak_memory_mb", "commit", "versions", "parameters"} <= run.keys()


def test_the_file_to_send_stands_alone(html, tmp_path, browser, verdicts):
    (tmp_path / "report.html").write_text((html / "report.html").read_text())
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    assert page.locator(".report-table tbody tr").count() == len(verdicts)
    assert [url for url in asked if not url.startswith("data:")] == [(tmp_path / "report.html").as_uri()]
    page.close()
