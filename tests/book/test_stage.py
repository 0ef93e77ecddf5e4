"""Pages are put together from text, a run and its evidence: here from runs that were written by hand."""

import json
import re

import nbformat
import pytest
from bs4 import BeautifulSoup

from descent.book.errors import UserError
from descent.book.pages.blocks import expand
from descent.book.pages.stage import stage
from descent.book.project import Project
from descent.book.report.results import Evidence
from descent.book.run.kernel import execute_notebook
from descent.book.run.parameters import read_chapter

PICTURE = "<svg xmlns='http://www.w3.org/2000/svg'/>"
PROSE = """Some [prose](first.md), even [here](report.md#runs),
with {cite:t}`letcher2019` and {cite:p}`gidel2019,zhang2010`, {eq}`eq-one`, {numref}`fig-line`.

```{math}
:label: eq-one
x = 1
```

```{literalinclude} ../lib/descent/rules/optimistic.py
:pyobject: optimistic
```

```{live} game
figure: a-line
alt: A line that rises, as a still picture.
caption: Move it.
```

:::{note}
Take heed.
:::
"""


@pytest.fixture
def staged(book):
    """The small book with a run of its second chapter, none of its first; ``staged()`` puts it together."""
    text = book.chapter("second").read_text()
    if "descent:" not in text:
        text = text.replace("  name: python3\n", "  name: python3\ndescent: {card: {figure: a-line, says: A line.}}\n")
    book.chapter("second").write_text(text.replace("Some prose.", PROSE))
    run = book.result("second").parent
    (run / "figures").mkdir(parents=True)
    (run / "figures" / "a-line.svg").write_text(PICTURE)
    import matplotlib.image
    import numpy as np

    matplotlib.image.imsave(run / "figures" / "a-line.png", np.zeros((900, 1600, 3)))
    notebook = read_chapter(book.chapter("second"))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="measured 10.0\n")]
    nbformat.write(notebook, run / "notebook.ipynb")
    environment = {
        "parameters": {"seed": 7}, "replicate": 0, "wall_seconds": 3.0, "peak_memory_mb": 321, "devices": ["CPU"],
        "commit": "0123456789abcdef", "dirty": False, "processor": "", "machine": "x86_64", "system": "Linux",
        "cores": 2, "threads": 1, "lock_sha256": "a" * 64, "versions": {"python": "3.11", "tensorflow": "2.21"},
    }  # fmt: skip
    (run / "environment.json").write_text(json.dumps(environment))
    (run / "measurements.json").write_text(json.dumps({"value": [9.0, 10.0, 12.0]}))

    def put_together():
        project = Project.find(book.root)
        return stage(project, Evidence(project, project.profile("quick")))

    yield put_together
    book.chapter("second").write_text(text)
    import shutil

    shutil.rmtree(book.root / "_build", ignore_errors=True)


def markdown(path):
    return "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")


def test_below_a_figure_stand_command_run_code_and_files(staged):
    site = staged()
    note = BeautifulSoup(markdown(site / "chapters/second.ipynb"), "html.parser").select_one(".figure-note")
    facts = [item.get_text() for item in note.select("li")]
    assert "descent run chapters/second.md --profile quick" in facts[0]
    assert facts[1] == "seed 7; steps = 20, rate = 0.5"
    assert "commit 0123456789" in facts[2]
    for link in note.select("a"):
        path, _, anchor = link["href"].partition("#")
        target = site / "extra" / path.removeprefix("../")
        assert target.is_file() and (not anchor or f'id="{anchor}"' in target.read_text())
    assert (site / "extra/figures/second/a-line.svg").read_text() == PICTURE


def test_a_piece_of_the_library_leads_to_the_line_where_it_stands(staged, book):
    site = staged()
    href = re.search(r'href="\.\./(source/[^"#]*optimistic\.html)#L-(\d+)"', markdown(site / "chapters/second.ipynb"))
    source = (book.root / "lib/descent/rules/optimistic.py").read_text().splitlines()
    decorator, definition = source[int(href[2]) - 1 : int(href[2]) + 1]
    assert decorator == "@maker" and definition.startswith("def optimistic(")
    page = BeautifulSoup((site / "extra" / href[1]).read_text(), "html.parser")
    assert page.select_one(f"#L-{href[2]}") is not None and "def optimistic" in page.get_text()


def test_the_masthead_counts_verdicts_and_offers_the_notebook(staged):
    site = staged()
    assert "✘ 1 not reproduced" in markdown(site / "chapters/second.ipynb")  # exact, and 9 is not 10
    assert "– 1 not run" in markdown(site / "chapters/first.ipynb")
    assert "has not run yet" in markdown(site / "chapters/first.ipynb")
    assert (site / "extra/notebooks/second.ipynb").is_file() and (site / "extra/notebooks/second.md").is_file()


def test_code_is_folded_on_pages_and_not_in_notebooks_to_take_away(staged, book):
    text = book.chapter("second").read_text()
    before, after = text.rsplit("```{code-cell}", 1)
    kind, rest = after.split("\n", 1)
    book.chapter("second").write_text(f"{before}```{{code-cell}}{kind}\n:tags: [remove-input]\n{rest}")
    site = staged()
    cells = [c for c in nbformat.read(site / "chapters/second.ipynb", as_version=4).cells if c.cell_type == "code"]
    *folded, own = [[tag for tag in c.metadata.get("tags", []) if tag != "parameters"] for c in cells]
    assert folded and all(tags == ["hide-input"] for tags in folded) and own == ["remove-input"]
    assert "```{literalinclude}" in markdown(site / "chapters/second.ipynb")  # the rule, in the text, stays open
    assert "hide-input" not in (site / "extra/notebooks/second.ipynb").read_text()
    assert "hide-input" not in text


def test_links_between_pages_hold_where_pages_are_staged(staged):
    text = markdown(staged() / "chapters/second.ipynb")
    assert "[prose](first.ipynb), even [here](report.md#runs)," in text


def test_a_live_figure_stands_on_a_still_one(staged, book):
    page = BeautifulSoup(markdown(staged() / "chapters/second.ipynb"), "html.parser")
    figure = page.select_one("figure.live#live-game")
    assert figure.img["alt"] == "A line that rises, as a still picture."
    assert figure.img["src"] == "../figures/second/a-line.svg"
    project = Project.find(book.root)
    evidence = Evidence(project, project.profile("quick"))
    for block in (
        "```{live} game\nfigure: x\n```",
        "```{live}\nfigure: x\nalt: y\ncaption: z\n```",
    ):
        with pytest.raises(UserError, match=r"chapters/second\.md"):
            expand(block, "second", evidence)


def test_the_map_shows_every_chapter_with_its_figure_in_words(staged, book):
    staged()
    project = Project.find(book.root)
    evidence = Evidence(project, project.profile("quick"))
    cards = BeautifulSoup(expand("```{map}\n```", "index", evidence), "html.parser").select("ul.map > li")
    assert [card.a["href"] for card in cards] == ["first.html", "second.html"]
    assert cards[1].img["alt"] == "A line that rises from zero." and cards[0].img is None
    assert "A line." in cards[1].get_text() and "1 not reproduced" in cards[1].get_text()


def test_a_page_that_is_no_more_leaves_the_site(staged, book):
    site = staged()
    (site / "extra/figures/second/old.svg").write_text(PICTURE)
    (site / "chapters/gone.md").write_text("# Gone")
    before = (site / "chapters/second.ipynb").stat().st_mtime_ns
    staged()
    assert not (site / "extra/figures/second/old.svg").exists() and not (site / "chapters/gone.md").exists()
    assert (site / "chapters/second.ipynb").stat().st_mtime_ns == before  # and what is the same is left alone


def test_mathjax_is_the_books_own(staged):
    site = staged()
    assert (site / "_static/mathjax/tex-mml-chtml.js").stat().st_size > 500_000
    assert list((site / "_static/mathjax/output/chtml/fonts/woff-v2").glob("*.woff"))


def test_the_notebook_to_take_away_reads_well_and_runs_elsewhere(staged, tmp_path):
    notebook = nbformat.read(staged() / "extra/notebooks/second.ipynb", as_version=4)
    nbformat.validate(notebook)
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "```{" not in text and ":::" not in text and not re.search(r"\{[\w:]+\}`", text)
    assert "Letcher et al. (2019)" in text and "(Gidel et al. 2019b; Zhang and Lesser 2010), (1), Figure 1." in text
    assert "x = 1 \\tag{1}" in text and "def optimistic(" in text and "> **Note.**" in text
    assert "*Figure 1: A line, Letcher et al. (2019).*" in text
    assert ".md" not in text and "Some prose, even here," in text
    assert "## Cited" in text and "Differentiable game mechanics" in text
    execute_notebook(notebook, tmp_path / "out.ipynb", {"steps": 6}, tmp_path, {"DESCENT_RUN_DIR": ""})
    measured = json.loads((tmp_path / "_build/by-hand/run/measurements.json").read_text())
    assert measured["value"] == 3


def test_words_in_the_place_of_a_picture_are_the_figure_and_nothing_is_offered_for_download(staged, book):
    run = book.result("second").parent
    (run / "figures" / "a-line.svg").unlink()
    notebook = nbformat.read(run / "notebook.ipynb", as_version=4)
    drawing = next(cell for cell in notebook.cells if "save(" in cell.source)
    drawing.outputs = [nbformat.v4.new_output("display_data", {"text/markdown": "*Too small a run for a picture.*"})]
    nbformat.write(notebook, run / "notebook.ipynb")
    text = markdown(staged() / "chapters/second.ipynb")
    assert "Not drawn yet" not in text and "figure-note" not in text
