"""The PDF: every page of the book, contents whose numbers are right, bookmarks, formulas set, no broken figure."""

import subprocess
import sys
import unicodedata

import pytest
import yaml
from bs4 import BeautifulSoup
from pypdf import PdfReader

from descent.book.pages.blocks import title
from descent.book.pages.pdf import TITLE
from descent.book.project import Project


@pytest.fixture(scope="module")
def printed(smoke_book, tmp_path_factory, browser):
    """The PDF, and the document it was printed from. (A browser must be there; its fixture says so.)"""
    project = Project.find(smoke_book)
    output = tmp_path_factory.mktemp("pdf") / "book.pdf"
    # in a process of its own, as a reader runs it: the browser of these tests already has an event loop here
    command = [sys.executable, "-m", "descent.book.cli", "pdf", "-o", str(output)]
    subprocess.run(command, cwd=smoke_book, check=True, capture_output=True, timeout=300)
    return project, PdfReader(output), smoke_book / "_build" / "pdf" / "book.html"


def squeeze(text):
    return "".join(unicodedata.normalize("NFKC", text).split())  # fi may be one letter in print


def test_contents_name_every_page_with_the_number_it_has(printed):
    project, reader, source = printed
    soup = BeautifulSoup(source.read_text(), "html.parser")
    entries = [(entry.a.get_text(), int(entry.span.get_text())) for entry in soup.select("nav li.h1")]
    assert len(entries) == len(project.pages)
    numbers = [number for _, number in entries]
    assert numbers == sorted(numbers)
    for (name, number), page in zip(entries, project.pages, strict=True):
        assert squeeze(name) in squeeze(reader.pages[number - 1].extract_text())
        assert name.replace("’", "'") == title(project, page).replace("’", "'")
    assert TITLE in " ".join(reader.pages[0].extract_text().split())


def test_bookmarks_and_links_lead_through_the_book(printed):
    project, reader, source = printed
    titles = [item.title for item in reader.outline if not isinstance(item, list)]
    assert len(titles) >= len(project.pages)
    soup = BeautifulSoup(source.read_text(), "html.parser")
    names = {element["id"] for element in soup.find_all(id=True)}
    inside = [link["href"][1:] for link in soup.find_all("a", href=True) if link["href"].startswith("#")]
    assert len(inside) > 50 and set(inside) <= names
    assert len(names) == len(soup.find_all(id=True))  # no name twice


def test_figures_and_formulas_are_there(printed, browser):
    _, reader, source = printed
    page = browser.new_page(java_script_enabled=False)  # else it would set all formulas a second time
    page.goto(source.as_uri())
    broken = page.evaluate("[...document.images].filter((i) => !i.complete || !i.naturalWidth).map((i) => i.src)")
    assert page.evaluate("document.images.length") > 10 and not broken
    formulas = page.locator(".math").count()
    page.close()
    text = "".join(sheet.extract_text() for sheet in reader.pages)
    assert formulas > 50 and "\\(" not in text and "\\[" not in text  # none stands as it was written


def test_an_unrendered_book_is_named(tmp_path, browser):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "index.md").write_text("# Index")
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump({"format": "jb-book", "root": "chapters/index"}))
    command = [sys.executable, "-m", "descent.book.cli", "pdf", "-o", str(tmp_path / "out.pdf")]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "make book" in done.stderr
