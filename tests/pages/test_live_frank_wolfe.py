"""The live figure of the chapter one-sample-frank-wolfe: its steps are the library's, and it draws without an error."""

import json

import numpy as np
import pytest

from descent.experiments.one_sample_frank_wolfe.least_squares import Problem, game_of
from descent.oracles import minibatch
from descent.problems.constraints import l1_ball
from descent.quiet import tf
from descent.rules import chain
from descent.rules.frank_wolfe import decay, frank_wolfe, recursive_average, running_average
from descent.rules.schedules import constant
from descent.simulate import Simulator

ESTIMATES = {
    "1-SFW": recursive_average(decay()),
    "momentum": running_average(decay(4.0, 8.0, 2 / 3)),
    "raw": running_average(constant(1.0)),
}
STEPS = 40
TARGET, SIGMA = np.array([0.25, 0.3]), 0.7


@pytest.fixture(scope="module")
def page(browser, request):
    live = request.config.rootpath / "chapters" / "_static" / "live"
    page = browser.new_page()
    page.set_content('<figure class="live" data-live="frank-wolfe"><div class="live-stage"></div></figure>')
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("core", "frank-wolfe"):
        page.add_script_tag(content=(live / f"{name}.js").read_text())
    yield page
    assert not errors
    page.close()


@pytest.mark.parametrize("name", ESTIMATES)
def test_its_steps_are_the_librarys(page, name):
    rows = np.random.default_rng(4).normal(size=(STEPS, 3))
    oracle = minibatch(game_of(Problem(TARGET, SIGMA)), lambda key, step: tf.gather(rows, step))
    rule = chain(ESTIMATES[name], frank_wolfe(l1_ball(1.0), decay()))
    run = Simulator(oracle, rule, record=lambda params, state, game: (params[0], state[0].inner.d[0]))
    # a last record asks for a sample after the last step; gather then gives zeros, which nothing uses
    points, estimates = run.run((tf.zeros(2, tf.float64),), STEPS - 1).records
    call = f"(a) => descentFrankWolfe.run({json.dumps(name)}, ...a)"
    found = page.evaluate(call, [TARGET.tolist(), SIGMA, rows.tolist()])
    np.testing.assert_allclose(found["points"][:STEPS], points, atol=1e-12)
    np.testing.assert_allclose(found["estimates"][: STEPS - 1], estimates[1:], atol=1e-11)


def test_its_projection_is_the_librarys(page):
    points = np.random.default_rng(5).normal(size=(50, 2)) * 1.5
    found = page.evaluate("(a) => a.map(descentFrankWolfe.project)", points.tolist())
    np.testing.assert_allclose(found, l1_ball(1.0).project(tf.constant(points)), atol=1e-12)


def test_it_is_drawn_and_answers(page):
    says = lambda: page.inner_text(".live-says")  # noqa: E731
    before = says()
    assert "1-SFW" in before
    page.select_option("select", "raw")
    assert "raw" in says()
    assert says() != before
    assert page.locator("svg").count() == 2
