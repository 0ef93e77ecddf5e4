"""The live figure of the chapter on two-layer networks: its kernel and its training are the library's."""

import numpy as np
import pytest

from descent.experiments.two_layer_networks.circle import amplitudes, grid, grid_eigenvalues
from descent.experiments.two_layer_networks.kernels import circle_inputs
from descent.experiments.two_layer_networks.network import Lanes


@pytest.fixture(scope="module")
def script(browser, request):
    page = browser.new_page()
    page.set_content('<figure class="live" data-live="network"><div class="live-stage"></div></figure>')
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    for name in ("core", "network"):
        page.add_script_tag(content=(request.config.rootpath / f"chapters/_static/live/{name}.js").read_text())
    yield page
    assert not errors
    page.close()


@pytest.mark.parametrize("bias", [False, True])
def test_rates_are_the_librarys(script, bias):
    found = script.evaluate("bias => [1, 2, 3, 4, 8].map((k) => descentNetwork.eigenvalue(k, bias))", bias)
    np.testing.assert_allclose(found, grid_eigenvalues(64, bias)[[1, 2, 3, 4, 8]], atol=1e-12)
    left = script.evaluate("bias => descentNetwork.closedForm(2, bias, 3)", bias)
    np.testing.assert_allclose(left, (1 - 4 * grid_eigenvalues(64, bias)[2]) ** np.arange(4), atol=1e-12)


@pytest.mark.parametrize(("k", "bias"), [(2, False), (3, False), (3, True)])
def test_training_is_the_librarys_from_the_same_start(script, k, bias):
    steps, width = 20, 64
    first = script.evaluate(f"descentNetwork.start({width}, {str(bias).lower()}, 1)")
    flat, a = (np.array([*first[name].values()] if isinstance(first[name], dict) else first[name]) for name in "wa")
    left = script.evaluate(
        "([w, a, k, bias, steps]) => descentNetwork.train({ w, a }, k, bias, steps).left",
        [flat.tolist(), a.tolist(), k, bias, steps],
    )
    theta = grid(64)
    y = np.cos(k * theta)
    u = Lanes(circle_inputs(theta, bias)).run(y, [(flat.reshape(width, -1).T.copy(), a)], 4.0, steps + 1)
    np.testing.assert_allclose(left, -amplitudes(u - y, np.array([k]))[:, 0, 0], atol=1e-10)


def test_the_sentence_says_what_is_never_learned(script):
    slider = script.get_by_label("Frequency k")
    slider.fill("3")
    assert "frequency 3 has eigenvalue 0, and 100.0% of it is left" in script.inner_text("figure.live")
    script.get_by_label("Units").select_option("with a bias")
    assert "the closed form leaves" in script.inner_text("figure.live")
