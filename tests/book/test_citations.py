"""The bibliography: every work has a year, labels are what the text says, and names stand where readers look."""

import re
from pathlib import Path

import pytest
from pybtex.backends.plaintext import Backend
from pybtex.database import parse_file, parse_string
from pybtex.plugin import find_plugin

from descent.book.errors import UserError
from descent.book.report.citations import Citations, Style, register_style

BIBLIOGRAPHY = Path(__file__).parents[2] / "chapters" / "references.bib"
WORKS = [item for path in BIBLIOGRAPHY.parent.glob("*.bib") for item in parse_file(str(path)).entries.items()]


def labels(entries):
    return [entry.label for entry in Style().format_entries(entries)]


def work(key, author, year):
    return f"@misc{{{key}, author = {{{author}}}, title = {{On {key}}}, year = {{{year}}}}}"


@pytest.mark.parametrize(("key", "entry"), WORKS)
def test_every_work_has_authors_a_year_and_text_without_commands(key, entry):
    year = entry.fields["year"]
    assert re.fullmatch(r"\d{4}[a-z]?", year) or (year == "undated" and "url" in entry.fields)
    assert entry.persons["author"]
    (formatted,) = Style().format_entries([entry])
    assert "\\" not in formatted.text.render(Backend())


def test_no_two_works_are_cited_alike():
    cited = labels(dict(WORKS).values())
    assert len(set(cited)) == len(cited)  # else a letter after the year tells them apart


def test_a_chapter_lists_what_it_cites_by_author_with_addresses():
    html = Citations(BIBLIOGRAPHY).listed(["{cite:t}`simsekli2019` and {cite:p}`nobody2000, letcher2019`", "none"])
    assert re.findall(r"<li>(.)", html) == ["A", "U"]  # Alistair Letcher, Umut Şimşekli
    assert html.count('href="https://arxiv.org/abs/') == 2
    assert Citations(BIBLIOGRAPHY).listed(["nothing"]) == ""


def test_a_work_is_cited_in_three_ways_and_an_unknown_one_by_its_key(tmp_path):
    (tmp_path / "one.bib").write_text(work("z", "Zhang, Chongjie and Lesser, Victor", 2010))
    known = Citations(tmp_path / "one.bib")
    assert known.textual("z") == "Zhang and Lesser (2010)" and known.textual("nobody") == "nobody"
    assert known.parenthetical("z, z") == "(Zhang and Lesser 2010; Zhang and Lesser 2010)"
    assert "Victor Lesser" in known.reference("z") and "On z" in known.reference("z") and "2010" in known.reference("z")


def test_a_chapter_may_have_a_bibliography_of_its_own_and_no_key_twice(tmp_path):
    one, two, three = tmp_path / "one.bib", tmp_path / "two.bib", tmp_path / "three.bib"
    for path, key in ((one, "a"), (two, "b"), (three, "a")):
        path.write_text(work(key, "Zhang, C.", 2010))
    assert set(Citations(one, two).entries) == {"a", "b"}
    with pytest.raises(UserError, match=r"three\.bib: a is in another"):
        Citations(one, two, three)


def test_labels_name_authors_and_year():
    works = [
        work("z", "Zhang, C. and Lesser, V.", 2010),
        work("b", "Gidel, G. and Berard, H. and Vignoud, G.", "2019a"),
        work("s", r"{\c{S}}im{\c{s}}ekli, Umut", 2019),
        work("t", "{{somebody}}", "undated"),
    ]
    entries = parse_string("\n".join(works), "bibtex").entries.values()
    assert labels(entries) == [
        "Gidel et al., 2019a",
        "Şimşekli, 2019",
        "somebody, undated",
        "Zhang and Lesser, 2010",
    ]


def test_the_style_has_the_name_that_the_settings_use():
    register_style()
    settings = (BIBLIOGRAPHY.parents[1] / "_config.yml").read_text()
    assert "bibtex_default_style: descent" in settings
    assert find_plugin("pybtex.style.formatting", "descent") is Style
