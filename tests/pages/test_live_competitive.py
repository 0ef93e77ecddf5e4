"""The live figure of the chapter competitive-descent: its steps are the library's, and it answers to its sliders."""

import numpy as np
import pytest

from descent.experiments.competitive_descent import regions


@pytest.fixture
def script(browser, request):
    live = request.config.rootpath / "chapters" / "_static" / "live"
    page = browser.new_page()
    page.set_content('<figure class="live" data-live="competitive"><div class="live-stage"></div></figure>')
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("core", "competitive"):
        page.add_script_tag(content=(live / f"{name}.js").read_text())
    yield page
    assert not errors
    page.close()


def test_the_page_computes_the_same(script):
    draw = np.random.default_rng(1)
    for one in draw.uniform([0, 0, 0.005, 0.005], [20, 1.5, 0.4, 0.4], (30, 4)).tolist():
        c, alpha, p, q = one
        trace, determinant = regions.trace_and_determinant("competitive", c, p, q, alpha)
        m = np.array(script.evaluate("one => descentCompetitive.matrix(...one)", one))
        np.testing.assert_allclose([np.trace(m), np.linalg.det(m)], [trace, determinant], rtol=1e-9)
        np.testing.assert_allclose(
            script.evaluate("one => descentCompetitive.margin(...one)", one),
            regions.margin("competitive", c, p, q, alpha),
            rtol=1e-9,
            atol=1e-12,
        )
        radius = script.evaluate("one => descentCompetitive.radius(...one)", one)
        assert radius == pytest.approx(np.abs(np.linalg.eigvals(m)).max(), rel=1e-6)
        assert np.sign(script.evaluate("one => descentCompetitive.margin(...one)", one)) == np.sign(1 - radius)


def test_sliders_move_the_picture(script):
    says = script.locator(".live-says")
    assert "It converges: spectral radius 0.9625" in says.inner_text()
    before = script.locator("svg").nth(1).inner_html()
    script.locator("input").nth(3).fill("0.09")
    assert "does not converge" in says.inner_text()
    script.locator("input").nth(1).fill("0.5")
    assert "It converges" in says.inner_text()
    assert script.locator("svg").nth(1).inner_html() != before
