"""The report: a table to filter and sort by mouse or keyboard, the same as JSON, and as a file that needs no other."""

import json
import re

import pytest


@pytest.fixture
def verdicts(smoke_book):
    return json.loads((smoke_book / "_build/runs/smoke/verdicts.json").read_text())


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
        seeds = [int(text) for text in page.locator(".report-table tbody td:nth-child(4)").all_inner_texts()]
        assert seeds == ordered(seeds)


def test_a_link_asks_for_one_verdict(site, page, verdicts):
    page.goto(f"{site}/chapters/report.html?verdict=undecided")
    page.wait_for_selector(".report-controls")
    assert shown(page).count() == sum(v["verdict"] == "undecided" for v in verdicts) > 0


def test_counts_on_the_landing_page_are_the_verdicts(html, verdicts):
    text = (html / "chapters/index.html").read_text()
    counts = dict(re.findall(r'href="report.html\?verdict=([\w-]+)"><strong>(\d+)</strong>', text))
    kinds = {v["verdict"] for v in verdicts}
    assert {k.replace("-", " "): int(n) for k, n in counts.items()} == {
        kind: sum(v["verdict"] == kind for v in verdicts) for kind in kinds
    }


def test_json_holds_what_the_page_shows(html, verdicts):
    report = json.loads((html / "report.json").read_text())
    assert [{k: v for k, v in claim.items() if k != "published_scale"} for claim in report["claims"]] == verdicts
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
