"""``descent check``: what decides a claim stands on the page, and what does not fit together is named."""

import pytest

from descent.book import check
from descent.book.errors import UserError
from descent.book.project import Project
from descent.book.run.parameters import read_chapter

PROJECT = Project(check.Path(__file__).parents[2])


@pytest.mark.parametrize("chapter", PROJECT.chapters)
def test_no_cell_that_records_is_removed_from_the_page(chapter):
    notebook = read_chapter(PROJECT.page(chapter))
    assert any("Measurements" in cell.source for cell in notebook.cells if cell.cell_type == "code")
    check.check_what_records_is_shown(PROJECT.page(chapter), notebook)


@pytest.mark.parametrize("call", ['record("x", 1.0)', "record.update({})", "for _ in []:\n    record.timing('t', 1)"])
@pytest.mark.parametrize(("tag", "allowed"), [("hide-input", True), ("remove-input", False), ("remove-cell", False)])
def test_a_cell_that_records_may_be_folded_but_not_removed(book, call, tag, allowed):
    path = book.chapter("first")
    before = path.read_text()
    path.write_text(before + f"\n```{{code-cell}} ipython3\n:tags: [{tag}]\n\n%time\n{call}\n```\n")
    notebook = read_chapter(path)
    path.write_text(before)
    if allowed:
        check.check_what_records_is_shown(path, notebook)
    else:
        with pytest.raises(UserError, match=r"first\.md: code cell 3 records and is removed"):
            check.check_what_records_is_shown(path, notebook)


def test_a_claim_must_cite_what_a_bibliography_has(book):
    check.check(Project(book.root))
    book.edit("chapters/claims/first.yml", "letcher2019", "nobody1800")
    with pytest.raises(UserError, match="first-holds cites nobody1800"):
        check.check(Project(book.root))
    book.edit("chapters/claims/first.yml", "nobody1800", "letcher2019")
