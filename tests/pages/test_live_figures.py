"""Live figures: their mathematics is the library's; keyboards work them; on paper a picture stands instead."""

import json

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import lognorm, norm

from descent.experiments.sgn_distributions.pooled_limits import blocks_reading, scale_mixture_reading
from descent.noise.log_moments import mohammadi
from descent.problems.quadratic import plane, quadratic_game
from descent.rules import (
    alternating,
    cgd,
    chain,
    consensus,
    extragradient,
    gradient_descent,
    lookahead,
    momentum,
    optimistic,
    sga,
)
from descent.rules.implicit import implicit_dense
from descent.stability import closed_forms
from descent.stability.linearisation import Linearisation
from descent.sweep import Sweep

LIVE = {"game": "omd-thresholds", "implicit": "implicit-gd", "tail": "sgn-distributions"}
RULES = {
    "gradient descent": gradient_descent,
    "alternating GD": lambda eta: alternating(gradient_descent(eta)),
    "negative momentum": lambda eta: momentum(eta, -0.5),
    "OMD": optimistic,
    "extragradient": extragradient,
    "LookAhead": lookahead,
    "SGA": lambda eta: chain(sga(1.0), gradient_descent(eta)),
    "consensus": lambda eta: chain(consensus(0.5), gradient_descent(eta)),
    "CGD": cgd,
}
FORMULAS = {
    "gradient descent": closed_forms.gradient_descent,
    "alternating GD": closed_forms.alternating_gradient_descent,
    "negative momentum": lambda mu, sigma: closed_forms.momentum(mu, sigma, -0.5),
    "OMD": closed_forms.optimistic,
    "extragradient": closed_forms.extragradient,
    "LookAhead": closed_forms.lookahead,
    "SGA": lambda mu, sigma: closed_forms.sga(mu, sigma, 1.0),
    "consensus": lambda mu, sigma: closed_forms.consensus(mu, sigma, 0.5),
    "CGD": closed_forms.competitive,
}
# (eta, mu, sigma): rotation alone, a little and much potential, beyond and inside thresholds
SETTINGS = [(0.3, 0.0, 1.0), (0.3, 0.1, 1.0), (0.8, 1.0, 0.5), (1.2, 2.0, 0.1), (0.05, 1.0, 10.0)]
STEPS = 12


@pytest.fixture(scope="module")
def scripts(browser, request):
    """A page without the book, with the figures' mathematics only."""
    folder = request.config.rootpath / "chapters" / "_static" / "live"
    page = browser.new_page()
    for name in LIVE:
        page.add_script_tag(content=(folder / f"{name}.js").read_text())
    yield page
    page.close()


@pytest.fixture(scope="module")
def library():
    """The library's trajectories and spectral radii at the settings: name -> array."""
    game = quadratic_game([1, 1])
    etas = np.array([eta for eta, _, _ in SETTINGS])
    planes = np.array([plane(mu, sigma) for _, mu, sigma in SETTINGS])
    start = (np.ones((len(etas), 1)), np.zeros((len(etas), 1)))
    sweep = Sweep(game, RULES, lambda params, state, game: params)
    paths = sweep.run(etas, start, records=STEPS + 1, batches=planes)
    origin = (np.zeros(1), np.zeros(1))
    radii = {name: Linearisation(game, rule, origin).spectral_radii(etas, planes) for name, rule in RULES.items()}
    return {name: np.concatenate([w.numpy() for w in paths[name]], axis=-1) for name in RULES}, radii


def test_the_game_offers_the_rules_compared_here(scripts):
    assert scripts.evaluate("Object.keys(descentGame.RULES)") == list(RULES)


@pytest.mark.parametrize("name", RULES)
def test_trajectories_and_radii_are_the_librarys(scripts, library, name):
    paths, radii = library
    for lane, (eta, mu, sigma) in enumerate(SETTINGS):
        call = f"(a) => descentGame.trajectory({json.dumps(name)}, ...a, [1, 0], {STEPS})"
        np.testing.assert_allclose(
            scripts.evaluate(call, [eta, mu, sigma]), paths[name][:, lane], rtol=1e-11, atol=1e-12
        )
        radius = scripts.evaluate(f"(a) => descentGame.spectralRadius({json.dumps(name)}, ...a)", [eta, mu, sigma])
        np.testing.assert_allclose(radius, radii[name][lane], rtol=1e-7, atol=1e-9)  # double roots cost half the digits


@pytest.mark.parametrize("name", RULES)
def test_thresholds_are_the_formulas(scripts, name):
    for _, mu, sigma in SETTINGS:
        found = scripts.evaluate(f"(a) => String(descentGame.threshold({json.dumps(name)}, ...a))", [mu, sigma])
        expected = FORMULAS[name](mu, sigma)
        found = np.inf if found == "Infinity" else float(found)
        assert found == pytest.approx(expected, rel=1e-6) or (found == np.inf and expected >= 10)


def test_explicit_and_implicit_steps_are_the_librarys(scripts):
    curvatures, start = np.array([1.0, 31.0]), np.array([-1.0, 0.8])
    rules = {"explicitFactor": gradient_descent, "implicitFactor": implicit_dense}
    sweep = Sweep(quadratic_game([2]), rules, lambda params, state, game: params[0])
    etas = np.array([0.01, 0.05, 1.0, 30.0])
    lanes = np.repeat(start[None], len(etas), axis=0)
    paths = sweep.run(etas, (lanes,), records=9, batches=np.repeat(np.diag(curvatures)[None], len(etas), axis=0))
    for name in rules:
        for lane, eta in enumerate(etas):
            call = f"(a) => descentImplicit.trajectory(descentImplicit.{name}, ...a, 8)"
            found = np.array(scripts.evaluate(call, [eta, curvatures.tolist(), start.tolist()]), dtype=float)
            np.testing.assert_allclose(found, paths[name].numpy()[:, lane], rtol=1e-9)
    loss = scripts.evaluate("(a) => descentImplicit.loss(...a)", [curvatures.tolist(), start.tolist()])
    assert loss == pytest.approx(0.5 * (curvatures * start**2).sum())


def test_regions_end_where_gradient_descent_stops_converging(scripts):
    """|1 - u| < 1 is a disc about 1. A row's span is that of its middle: half a row off would be .0125 in height."""
    spans = np.array(scripts.evaluate("descentGame.stableSpans('gradient descent', 0.5)"))
    middle = spans[:, :2].mean(1)
    inside = middle < 0.98
    half = np.sqrt(1 - middle[inside] ** 2)
    np.testing.assert_allclose(spans[inside, 2], 1 - half, atol=4e-3)
    np.testing.assert_allclose(spans[inside, 3], 1 + half, atol=4e-3)
    np.testing.assert_allclose(spans[:, 1] - spans[:, 0], 0.025, atol=1e-12)
    assert spans[0, 0] == 0.0


@pytest.mark.parametrize("h", [0.5, 1.0, 30.0])
def test_explicit_descent_diverges_from_two_over_the_curvature_on(scripts, h):
    bound = 2 / max(1.0, h)
    said = [
        scripts.evaluate("(a) => descentImplicit.explicitEnds(...a)", [bound * x, h]) for x in (0.51, 0.99, 1, 1.01)
    ]
    assert said == ["converges", "converges", "stays on the edge", "diverges"]


def test_the_formula_for_small_blocks_is_the_librarys(scripts):
    logs, tau = np.random.default_rng(4).normal(size=1001), 0.8
    call = "([u, t, k]) => descentTail.blocksReading(descentTail.squareSums(u, t), u, t, k)"
    for block in (2, 7, 100):
        found = scripts.evaluate(call, [logs.tolist(), tau, block])
        assert found == pytest.approx(blocks_reading(np.exp(2 * tau * logs), block), rel=1e-10)


def test_the_estimator_and_its_limit_are_the_librarys(scripts):
    rng = np.random.default_rng(3)
    scales, values = np.exp(1.3 * rng.normal(size=500)), rng.standard_cauchy(size=1003)
    for block in (2, 10, 100):
        found = scripts.evaluate("(a) => descentTail.mohammadi(...a)", [values.tolist(), block])
        assert found == pytest.approx(float(mohammadi(values, block)), rel=1e-10)
        limit = scripts.evaluate(
            "([s, k]) => descentTail.reading(descentTail.dispersion(s), k)", [scales.tolist(), block]
        )
        assert limit == pytest.approx(scale_mixture_reading(scales, block), rel=1e-10)


def test_the_mixtures_density_and_dispersion(scripts):
    for tau in (0.5, 1.5):
        for x in (0.1, 1.0, 20.0):
            law = lognorm(tau)
            # in log s, where the integrand is smooth
            expected, _ = quad(
                lambda u, x=x, law=law: 2 * norm.pdf(x, scale=np.exp(u)) * law.pdf(np.exp(u)) * np.exp(u),
                -14,
                14,
                limit=400,
            )
            found = scripts.evaluate("(a) => descentTail.density(...a)", [x, tau])
            assert found == pytest.approx(expected, rel=1e-5)
        # the figure takes tau^2 for the dispersion, E log s being 0
        assert 0.5 * np.log(lognorm(tau).moment(2)) == pytest.approx(tau**2)


def test_the_random_values_are_normal(scripts):
    values = np.array(scripts.evaluate("Array.from(descentTail.normals(100000, 1))"))
    # four standard errors each: one false alarm in 16,000 draws, and the seed is fixed
    assert abs(values.mean()) < 4 / np.sqrt(1e5) and abs(values.var() - 1) < 4 * np.sqrt(2 / 1e5)
    assert abs((values**4).mean() - 3) < 4 * np.sqrt(96 / 1e5)


@pytest.mark.parametrize("name", LIVE)
def test_a_figure_answers_to_the_keyboard(site, page, name):
    page.goto(f"{site}/chapters/{LIVE[name]}.html")
    figure = page.locator(f"#live-{name}")
    says = figure.get_by_role("status")
    slider = figure.get_by_role("slider").first
    before = says.inner_text(), figure.locator("svg").first.inner_html()
    slider.focus()
    for _ in range(30):
        page.keyboard.press("ArrowRight")
    after = says.inner_text(), figure.locator("svg").first.inner_html()
    assert before[0] != after[0] and before[1] != after[1]
    assert slider.get_attribute("aria-valuetext") and "NaN" not in after[0] + after[1]
    assert figure.locator("svg[role=img]:not([aria-label=''])").count() == 2
    assert not figure.locator(".live-still").is_visible()


@pytest.mark.parametrize("name", LIVE)
def test_without_scripts_and_on_paper_a_picture_stands(site, browser, name):
    context = browser.new_context(java_script_enabled=False)
    still = context.new_page()
    still.goto(f"{site}/chapters/{LIVE[name]}.html")
    picture = still.locator(f"#live-{name} img.live-still")
    assert picture.is_visible() and picture.bounding_box()["height"] > 50
    context.close()
    page = browser.new_page()
    page.goto(f"{site}/chapters/{LIVE[name]}.html")
    page.wait_for_selector(f"#live-{name}.is-live")
    page.emulate_media(media="print")
    assert page.locator(f"#live-{name} .live-still").is_visible()
    assert not page.locator(f"#live-{name} .live-controls").is_visible()
    page.close()
