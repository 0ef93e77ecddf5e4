"""Every chapter of the real book, run in the smoke profile."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from descent.book.pages.blocks import SAVED
from descent.book.project import Project
from descent.book.report.citations import Citations
from descent.book.run.run import Run

PROJECT = Project(Path(__file__).parents[2])
# Measured on data that whoever runs the paper profile must bring; or in runs long enough for gates to become zero.
BROUGHT = {
    "rectified-adam": ("mnist.", "fashion_mnist.", "cifar10."),
    "momentum-federated-learning": ("mnist.", "cifar10."),
    "differentiable-sparsification": ("mnist.", "fashion_mnist.", "digits.units.at_"),
    "competitive-descent": ("mnist.", "two_modes.", "sixteen."),
    "independent-subnets": ("mnist.", "fashion_mnist."),
    "importance-sampled-gans": ("grid.", "mnist.", "fashion_mnist."),
}


@pytest.fixture(scope="module", params=PROJECT.chapters)
def run(request, smoke_book):
    folder = Run(Project(smoke_book), "smoke", request.param).path
    return request.param, folder, nbformat.read(folder / "notebook.ipynb", as_version=4)


def test_every_cell_ran_and_left_no_noise(run):
    _, _, notebook = run
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert code and all(cell.execution_count for cell in code)
    noise = [o.text for cell in code for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"]
    assert not noise


def test_every_measurement_that_a_claim_asks_for_is_made(run):
    chapter, folder, _ = run
    measured = json.loads((folder / "measurements.json").read_text())
    wanted = {check.measurement for claim in PROJECT.claims() if claim.chapter == chapter for check in claim.checks}
    wanted = {key for key in wanted if not key.startswith(BROUGHT.get(chapter, ()))}
    assert wanted <= measured.keys(), sorted(wanted - measured.keys())


def test_every_figure_has_a_caption_a_name_and_a_text_for_those_who_cannot_see_it(run):
    _, folder, notebook = run
    names = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and any("image/svg+xml" in o.get("data", {}) for o in cell.outputs):
            assert re.search(r"\bsave\(", cell.source), cell.source[-200:]
            about = cell.metadata["mystnb"]
            assert len(about["image"]["alt"]) > 40 and about["figure"]["caption"] and about["figure"]["name"]
            names += SAVED.findall(cell.source)
    assert {f"{name}.{ending}" for name in names for ending in ("svg", "png")} == {
        path.name for path in (folder / "figures").glob("*")
    }


def test_every_parameter_says_what_it_is(run):
    from descent.book.run.parameters import parameters_of, read_chapter

    parameters = parameters_of(read_chapter(PROJECT.page(run[0])))
    assert parameters and all(parameter.help for parameter in parameters.values())


def test_every_citation_of_a_claim_is_in_the_bibliography():
    assert {claim.cite for claim in PROJECT.claims()} <= Citations(*PROJECT.bibliographies).entries.keys()
