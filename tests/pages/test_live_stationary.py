"""The live figure of the chapter on stationary points: its recursion is the library's."""

import numpy as np
import pytest

from descent.experiments.stationary_points.energies import SCHEDULES, Recursion
from descent.experiments.stationary_points.worst_case import worst_cases

NAMES = dict(zip(("constant", "1/√t", "linear to 0", "cosine to 0", "1/t"), SCHEDULES, strict=True))
CRITERIA = {
    "last iterate": "last",
    "average of squares": "average_squares",
    "average of norms": "average_norms",
    "averaged iterate": "averaged_point",
}
HORIZON = 256


@pytest.fixture(scope="module")
def script(browser, request):
    live = request.config.rootpath / "chapters" / "_static" / "live"
    page = browser.new_page()
    page.set_content('<figure class="live" data-live="stationary"><div class="live-stage"></div></figure>')
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("core", "stationary"):
        page.add_script_tag(content=(live / f"{name}.js").read_text())
    yield page
    assert not errors
    page.close()


@pytest.fixture(scope="module")
def recursion():
    return Recursion(points=64)


def test_it_offers_the_schedules_and_criteria_compared_here(script):
    assert script.evaluate("Object.keys(descentStationary.SCHEDULES)") == list(NAMES)
    assert set(script.evaluate("descentStationary.CRITERIA")) == set(CRITERIA)


@pytest.mark.parametrize("schedule", NAMES)
def test_moments_and_worst_cases_are_the_librarys(script, recursion, schedule):
    moments, s = recursion.run(HORIZON), SCHEDULES.index(NAMES[schedule])
    parts = script.evaluate("([s, T]) => descentStationary.recursion(s, T).parts", [schedule, HORIZON])
    for criterion, (signal, noise) in parts.items():
        expected = [part[-1, s] for part in moments.parts[CRITERIA[criterion]]]
        np.testing.assert_allclose([signal, noise], expected, rtol=1e-9, atol=1e-14)
    table = worst_cases(recursion, HORIZON)
    for criterion, name in CRITERIA.items():
        found = script.evaluate(
            "([c, s, T]) => descentStationary.worst(descentStationary.recursion(s, T), c).value",
            [criterion, schedule, HORIZON],
        )
        # the page takes the best point of the grid and the loudest eigenvalue, the library searches between and beyond
        assert found == pytest.approx(table[name, NAMES[schedule]].value, rel=0.02)


def test_curve_and_slope_move_with_criterion_and_schedule(script):
    says = script.locator(".live-says")
    assert "slope −0.25" in says.inner_text()
    first = script.locator("svg").first.inner_html()
    script.locator("select").nth(1).select_option("linear to 0")
    assert "slope −0.33" in says.inner_text()
    assert script.locator("svg").first.inner_html() != first
    script.locator("select").nth(0).select_option("averaged iterate")
    assert "slope −0.50" in says.inner_text()
