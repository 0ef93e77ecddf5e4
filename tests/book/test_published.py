"""Pictures of archived runs: kept beside the measurements, shown where a page asks for them, held to the archive."""

import json
import shutil

import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.image import imsave
from PIL import Image

from descent.book.errors import UserError
from descent.book.pages.blocks import expand
from descent.book.pages.stage import stage
from descent.book.project import Project
from descent.book.report.archive import archive
from descent.book.report.published import LARGEST, check_published, pictures
from descent.book.report.results import Evidence

BLOCK = "```{published} a-line\nalt: A <line>.\ncaption: It rises to {value}`value:.1f; paper`.\n```\n"
CHAPTER, PROFILE = "first", "paper"


@pytest.fixture
def finished(book):
    """The small book, whose first chapter has run at published scale and asks for a picture of it."""
    text = book.chapter(CHAPTER).read_text()
    book.chapter(CHAPTER).write_text(text.replace("Some prose.", BLOCK))
    run = book.result(CHAPTER, profile=PROFILE).parent
    (run / "figures").mkdir(parents=True)
    (run / "figures" / "a-line.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    imsave(run / "figures" / "a-line.png", np.random.default_rng(0).random((90, 160, 3)))
    environment = {
        "commit": "c0ffee" * 6, "dirty": False, "started": "2026-11-01T05:28:47+00:00", "parameters": {"seed": 7},
        "parts": {"lock": {"a": "b"}},
    }  # fmt: skip
    for name, content in (("environment", environment), ("measurements", {"value": 2.5}), ("timings", {})):
        (run / f"{name}.json").write_text(json.dumps(content))
    yield run
    book.chapter(CHAPTER).write_text(text)
    for folder in ("_build", "results"):
        shutil.rmtree(book.root / folder, ignore_errors=True)


def opened(book, profile=PROFILE):
    project = Project.find(book.root)
    return Evidence(project, project.profile(profile))


def test_a_picture_is_archived_shown_and_said_to_be_of_which_run(book, finished):
    assert expand(BLOCK, CHAPTER, opened(book)).strip() == ""  # nothing to show yet, and the check says so
    assert check_published(Project.find(book.root)) == [
        "chapters/first.md: {published} a-line is not in results/paper/first; archive it"
    ]
    data = json.loads(archive(opened(book), CHAPTER).read_text())
    assert list(data["figures"]) == ["a-line.svg"] and "lock" not in data["replicates"][0]["environment"]["parts"]
    evidence = opened(book, "quick")
    figure = BeautifulSoup(expand(BLOCK, CHAPTER, evidence), "html.parser").figure
    assert figure.img["src"] == "../published/first/a-line.svg" and figure.img["alt"] == "A <line>."
    assert figure.figcaption.get_text().startswith("It rises to 2.5. Published scale, 2026-11-01, commit c0ffeec0ff; ")
    assert "changed" in figure.figcaption.get_text()  # whose code is not today's
    site = stage(evidence.project, evidence)
    assert (site / "extra/published/first/a-line.svg").read_bytes() == (finished / "figures/a-line.svg").read_bytes()
    assert check_published(evidence.project) == []


def test_a_large_drawing_is_kept_as_pixels_and_an_old_picture_goes(book, finished):
    archive(opened(book), CHAPTER)
    (finished / "figures" / "a-line.svg").write_text("<svg/>" + " " * LARGEST)
    data = json.loads(archive(opened(book), CHAPTER).read_text())
    kept = pictures(Project.find(book.root), PROFILE, CHAPTER)
    assert list(data["figures"]) == ["a-line.png"] and [path.name for path in kept.values()] == ["a-line.png"]
    with Image.open(kept["a-line"]) as image:
        assert image.size == (160, 90)


def test_a_picture_that_is_not_the_archived_one_is_named(book, finished):
    archive(opened(book), CHAPTER)
    (book.root / "results/paper/first/a-line.svg").write_text("<svg/>")
    (line,) = check_published(Project.find(book.root))
    assert line == "results/paper/first: a-line.svg are not what was archived; archive the chapter again"


@pytest.mark.parametrize("block", ["```{published}\nalt: a\ncaption: b\n```", "```{published} a-line\nalt: a\n```"])
def test_a_block_without_words_is_refused(book, finished, block):
    with pytest.raises(UserError, match=r"chapters/first.md: a published block is"):
        expand(block, CHAPTER, opened(book))


def test_a_figure_that_the_run_has_not_drawn_is_named(book, finished):
    (finished / "figures" / "a-line.svg").unlink()
    with pytest.raises(UserError, match=r"the run has drawn no figure of that name"):
        archive(opened(book), CHAPTER)


def test_a_block_whose_picture_is_not_kept_shows_nothing(book, finished):
    """Runs may be archived, and this figure not among their pictures."""
    archive(opened(book), CHAPTER)
    (book.root / "results/paper/first/a-line.svg").unlink()
    block = "```{published} a-line\nalt: a\ncaption: b\n```"
    assert "<figure" not in expand(block, CHAPTER, opened(book))
