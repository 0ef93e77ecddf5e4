"""Pages name figures of chapters: on the landing page's map, and as the still picture of a live figure."""

import re
from pathlib import Path

import pytest
import yaml

from descent.book.pages.blocks import BLOCK, SAVED
from descent.book.project import Project

PROJECT = Project(Path(__file__).parents[2])
PAGES = sorted((PROJECT.root / "chapters").glob("*.md"))


def blocks(kind):
    """Every block of a kind: (page, its YAML)."""
    for path in PAGES:
        for match in BLOCK.finditer(path.read_text()):
            if match[1] == kind:
                yield path.stem, yaml.safe_load(match[3])


def saved(chapter):
    code = "\n".join(
        re.findall(r"^```\{code-cell\}.*?^```", PROJECT.page(chapter).read_text(), re.DOTALL | re.MULTILINE)
    )
    return set(SAVED.findall(code))


CARDS = {chapter: PROJECT.headers[chapter].card for chapter in PROJECT.chapters}
NAMED = [(name, card.figure) for name, card in CARDS.items()] + [(page, e["figure"]) for page, e in blocks("live")]


@pytest.mark.parametrize(("chapter", "figure"), NAMED)
def test_the_chapter_saves_the_figure(chapter, figure):
    assert figure in saved(chapter)


def test_every_chapter_has_a_sentence_on_the_map_and_a_part():
    assert all(card.says for card in CARDS.values())
    assert all(PROJECT.headers[chapter].part for chapter in PROJECT.chapters)
