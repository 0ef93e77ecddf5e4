"""The live figure of the chapter es-maml: rollouts and climbing are the library's, and a click sets the goal.

Compared on policies that are drawn to a point, so that rounding dies out: trained ones circle, and amplify it.
"""

import numpy as np
import pytest

from descent.experiments.es_maml.adaptation import hill_climbing
from descent.experiments.es_maml.policy import QUERIES, SHIPPED, Policy
from descent.problems.navigation import NAVIGATION, rollout
from descent.quiet import tf

GOALS = NAVIGATION.tasks(range(300, 312))
CALM = Policy([-0.3, 0.1, -0.1, -0.2, 0.02, -0.01], [-0.06, 0.08], [0.49, 0.47], 0.03)


@pytest.fixture(scope="module")
def page(browser, request):
    live = request.config.rootpath / "chapters" / "_static" / "live"
    page = browser.new_page()
    page.set_content('<figure class="live" data-live="es-maml"><div class="live-stage"></div></figure>')
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("core", "es-maml"):
        page.add_script_tag(content=(live / f"{name}.js").read_text())
    yield page
    assert not errors
    page.close()


def test_its_rollouts_are_the_librarys(page):
    weights = np.array(CALM.weights) + [0, 0, 0, 0, 0.1, 0.1] * np.random.default_rng(0).normal(size=(len(GOALS), 6))
    call = "([policy, weights, goals]) => weights.map((w, k) => descentEsMaml.rollout(w, goals[k], policy))"
    found = page.evaluate(call, [CALM._asdict(), weights.tolist(), GOALS.tolist()])
    seen = rollout(NAVIGATION, tf.constant(weights), tf.constant(GOALS), CALM.mean, CALM.std)
    np.testing.assert_allclose([one["value"] for one in found], seen.returns, rtol=1e-9)
    np.testing.assert_array_equal([len(one["points"]) - 1 for one in found], seen.steps)
    np.testing.assert_allclose([np.sum(one["points"], 0)[0] for one in found], seen.sums[0], atol=1e-9)


def test_its_climbing_is_the_librarys(page):
    noise = np.random.default_rng(1).normal(size=(QUERIES, len(GOALS), 6))
    call = "([policy, goals, noise]) => goals.map((g, k) => descentEsMaml.climb(g, noise.map((row) => row[k]), policy))"
    found = page.evaluate(call, [CALM._asdict(), GOALS.tolist(), noise.tolist()])

    def value(points, query):
        return rollout(NAVIGATION, points, tf.constant(GOALS), CALM.mean, CALM.std).returns

    start = tf.tile(tf.constant([CALM.weights], tf.float64), [len(GOALS), 1])
    expected, _ = hill_climbing(value, start, tf.constant(noise), CALM.size)
    np.testing.assert_allclose([one["weights"][-1] for one in found], expected, atol=1e-12)
    assert np.diff([one["values"] for one in found]).min() >= 0


def test_its_policy_is_the_librarys(page):
    assert page.evaluate("descentEsMaml.POLICY") == SHIPPED._asdict()


def test_a_click_on_the_plane_sets_the_goal(page):
    plane = page.locator("svg").first
    box = plane.bounding_box()
    before = page.inner_text(".live-says")
    scale = box["width"] / 320  # of the picture's own units; (0, 0) lies in the middle of its axes
    plane.click(position={"x": (46 + 300) / 2 * scale, "y": (12 + 262) / 2 * scale})
    assert abs(float(page.get_by_label("Goal x").input_value())) < 0.02
    assert abs(float(page.get_by_label("Goal y").input_value())) < 0.02
    assert page.inner_text(".live-says") != before
    page.get_by_role("slider", name="Attempts").fill("0")
    assert "After 0 attempts" in page.inner_text(".live-says")
