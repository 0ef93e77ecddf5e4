"""The piece of a file that a page shows is the piece that was asked for, in the book and in what leaves it."""

from pathlib import Path

import pytest
from sphinx.directives.code import LiteralIncludeReader
from sphinx.util.docutils import SphinxDirective  # noqa: F401 (Sphinx's imports want this order)

from descent.book.errors import UserError
from descent.book.pages.blocks import INCLUDE
from descent.book.pages.portable import _option
from descent.book.pages.source_of import place_of, source_of

REPOSITORY = Path(__file__).parents[2]
TEXT = """import functools


class A:
    def f(self):
        return 1

    @functools.cache
    def g(self):
        def f():
            return 2

        return f


def f():
    return 3
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    ("name", "lines", "shown"),
    [
        ("f", "", "def f():\n    return 3"),
        ("A.f", "", "    def f(self):\n        return 1"),
        ("A.g", "1-2", "    @functools.cache\n    def g(self):"),
        ("A.f", "2", "        return 1"),
        ("A", "1,3-", "\n".join(["class A:", *TEXT.splitlines()[5:13]])),
        ("", "1", "import functools"),
        ("", "", TEXT.strip()),
    ],
)
def test_names_with_dots_and_lines_are_followed(module, name, lines, shown):
    assert source_of(module, name, lines) == shown


@pytest.mark.parametrize(("name", "lines"), [("A.h", ""), ("g", ""), ("f.f", ""), ("f", "3"), ("f", "2-1"), ("f", "x")])
def test_what_is_absent_is_an_error_and_not_the_whole_file(module, name, lines):
    with pytest.raises(UserError, match=r"module\.py"):
        source_of(module, name, lines)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.py does not exist"):
        source_of(tmp_path / "gone.py")


INCLUDED = [
    (path.parent / match[1], _option(match[2], "pyobject"), _option(match[2], "lines"))
    for path in sorted((REPOSITORY / "chapters").glob("*.md"))
    for match in INCLUDE.finditer(path.read_text())
]


@pytest.mark.parametrize(("path", "name", "lines"), INCLUDED)
def test_it_is_what_sphinx_shows_of_every_piece_in_the_book(path, name, lines):
    class Config:
        source_encoding = "utf-8"

    options = {key: value for key, value in (("pyobject", name), ("lines", lines)) if value}
    reader = LiteralIncludeReader(str(path), options, Config())
    assert source_of(path, name, lines) == reader.read()[0].strip("\n")
    assert place_of(path, name)[0] > 0 if name else True


def test_methods_come_alone():
    assert any("." in name for _, name, _ in INCLUDED)
    assert all(len(source_of(*piece).splitlines()) < 100 for piece in INCLUDED if piece[1])
