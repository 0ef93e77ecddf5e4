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


MAP = [entry for _, entries in blocks("map") for entry in entries]
NAMED = [(entry["chapter"], entry["figure"]) for entry in MAP] + [(page, e["figure"]) for page, e in blocks("live")]


@pytest.mark.parametrize(("chapter", "figure"), NAMED)
def test_the_chapter_saves_the_figure(chapter, figure):
    assert figure in saved(chapter)


def test_the_map_shows_every_chapter():
    assert set(PROJECT.chapters) <= {entry["chapter"] for entry in MAP}
    assert all(entry["says"] for entry in MAP)
