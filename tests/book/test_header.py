"""A chapter is its own files: what its head says reaches profiles, map, notation and bibliography."""

import re
from pathlib import Path

import jupytext
import pytest
import yaml

from descent.book.chapter import front_matter, read_header, read_recipe
from descent.book.errors import UserError
from descent.book.pages.blocks import expand
from descent.book.pages.stage import stage
from descent.book.project import Project
from descent.book.report.results import Evidence

REPOSITORY = Path(__file__).parents[2]
HEAD = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
descent:
  part: New things
  card: {figure: f, says: A new chapter.}
  words: {novelty: What was not there.}
  symbols: [{symbol: $\\nu$, code: nu, meaning: how new}]
  profiles:
    quick: {parameters: {steps: 3}, replicates: 2}
---

# New

{cite:t}`newton1687`
"""


@pytest.fixture
def third(book):
    """The small book with a third chapter, of which nothing but ``_toc.yml`` has been told."""
    toc = book.root / "_toc.yml"
    before = toc.read_text()
    toc.write_text(
        "format: jb-book\nroot: chapters/index\nparts:\n- caption: Old things\n  chapters:\n"
        "  - file: chapters/first\n  - file: chapters/second\n- caption: New things\n  chapters:\n"
        "  - file: chapters/third\n"
    )
    book.chapter("third").write_text(HEAD)
    bibliography = book.root / "chapters/third.bib"
    bibliography.write_text("@misc{newton1687, author = {Newton, Isaac}, title = {Principia}, year = {1687}}")
    yield book
    toc.write_text(before)
    book.chapter("third").unlink()
    bibliography.unlink()


def test_a_chapter_brings_its_part_card_words_profiles_and_bibliography(third):
    project = Project(third.root)
    assert project.parts["New things"] == ["third"] and project.chapters == ["first", "second", "third"]
    quick = project.profile("quick")
    assert (quick.recipe("third").parameters, quick.recipe("third").replicates) == ({"steps": 3}, 2)
    assert quick.recipe("second").replicates == 2 and project.profile("paper").recipe("third").replicates == 1
    evidence = Evidence(project, quick)
    chapters = expand("```{map}\n```", "index", evidence)
    assert "### New things\n\n<ul" in chapters and "A new chapter." in chapters
    told = expand("```{notation}\n```", "notation", evidence)
    assert "| $\\nu$ | `nu` | how new |" in told and "novelty\n  What was not there." in told
    site = stage(project, evidence)
    files = yaml.safe_load((site / "_config.yml").read_text())["bibtex_bibfiles"]
    assert files == ["chapters/references.bib", "chapters/third.bib"]
    assert all((site / name).is_file() for name in files)
    assert "Newton (1687)" in (site / "extra/notebooks/third.ipynb").read_text()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("part: New things", "part: Old things", "its part is 'Old things', but _toc.yml lists it in 'New things'"),
        ("says:", "say:", "card.say is unknown"),
        ("quick:", "quik:", "no profile 'quik'; there are paper, quick"),
        ("replicates: 2", "replicates: 0", "greater than or equal to 1"),
        ("replicates: 2", "replicas: 2", "replicas is unknown"),
        ("card: {figure: f, says: A new chapter.}", "card: none", "card is 'none'"),
        ("code: nu, ", "", "symbols.0.code is missing"),
        ("card: {", "card: [", "not valid YAML"),
    ],
)
def test_a_malformed_head_is_named(third, old, new, says):
    third.edit(third.chapter("third"), old, new)
    with pytest.raises(UserError, match=re.escape(says)) as error:
        Project(third.root).profile("quick")
    assert "third.md" in str(error.value)


def test_a_profile_may_override_a_chapter():
    chapter = {"parameters": {"a": 1, "b": 2}, "replicates": 3, "resources": {"threads": 2}}
    recipe = read_recipe([chapter, {"parameters": {"b": 5}, "resources": {"mem_mb": 9}}], "here")
    assert (recipe.parameters, recipe.replicates) == ({"a": 1, "b": 5}, 3)
    assert (recipe.resources["threads"], recipe.resources["mem_mb"]) == (2, 9)


@pytest.mark.parametrize("chapter", Project(REPOSITORY).chapters)
def test_jupyter_keeps_the_head_of_a_chapter(chapter):
    path = Project(REPOSITORY).page(chapter)
    saved = jupytext.writes(jupytext.read(path), fmt="md:myst")
    assert yaml.safe_load(front_matter(saved))["descent"] == yaml.safe_load(front_matter(path.read_text()))["descent"]
    assert read_header(path).card.says
