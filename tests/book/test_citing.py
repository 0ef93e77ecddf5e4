"""The book says how to cite it, and leads to its repository once that has an address."""

import pytest
from pybtex.database import parse_string

from descent.book.pages.citing import addresses, cite_this
from descent.book.project import Project

CITATION = "title: A Book\nversion: 0.1.0\nauthors:\n  - name: The Authors\n  - {family-names: Doe, given-names: Jo}\n"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: chapters/index\n")
    (tmp_path / "_config.yml").write_text("repository: {url: ''}\n")
    return Project(tmp_path)


def test_the_entry_is_one_that_bibtex_reads(project):
    assert cite_this(project) == ""
    (project.root / "CITATION.cff").write_text(CITATION)
    entry = parse_string(cite_this(project).split("```bibtex\n")[1].split("```")[0], "bibtex").entries["descent"]
    assert [str(person) for person in entry.persons["author"]] == ["{The Authors}", "Doe, Jo"]
    assert entry.fields["title"] == "{A Book}" and "url" not in entry.fields


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("", []),
        ("https://example.org/book", ["Source"]),
        ("https://github.com/some/book/", ["Source", "Open in Colab"]),
    ],
)
def test_links_appear_with_the_address(project, url, names):
    (project.root / "_config.yml").write_text(f"repository: {{url: '{url}'}}\n")
    found = addresses(project, "one")
    assert list(found) == names
    assert all(address.startswith("https://") and "//book" not in address for address in found.values())
