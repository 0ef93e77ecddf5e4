"""Every page in Chromium, light and dark, wide and narrow: accessible, silent, self-contained, within the screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe

AXE = Axe()
# Formulas are MathJax's: boxes in boxes, each with MathML beside it for those who listen; to look at all takes minutes.
CONTEXT = {"exclude": [["mjx-container"]]}
SLOW_AND_NEVER_GRAVE = {"region": {"enabled": False}}
CODE_IS_READ_ON = "chapters/omd-thresholds.html"
GRAVE = ("serious", "critical")


def violations(page, rules=None):
    """What axe-core finds grave, as readable lines; ``rules`` narrows the search."""
    # "preload" would fetch style sheets anew, and from the wrong place where they import one another
    options = {"resultTypes": ["violations"], "preload": False, "rules": SLOW_AND_NEVER_GRAVE} | (
        {"runOnly": list(rules)} if rules else {}
    )
    found = AXE.run(page, context=CONTEXT, options=options).response["violations"]
    return [
        f"{v['id']} ({v['impact']}), {len(v['nodes'])} times, first at {v['nodes'][0]['target']}: "
        f"{v['nodes'][0]['failureSummary']}"
        for v in found
        if v["impact"] in GRAVE
    ]


def listen(page, origin):
    """Collect what a page complains of, and what it asks of others."""
    heard = []
    page.on("console", lambda m: heard.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: heard.append(str(e)))
    page.on("requestfailed", lambda r: heard.append(f"failed: {r.url}"))
    page.on("response", lambda r: heard.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
    own = (f"{origin}/", "data:", "blob:")
    page.on("request", lambda r: None if r.url.startswith(own) else heard.append(f"left the origin: {r.url}"))
    return heard


def settle(page):
    """Wait until formulas are set and figures drawn."""
    page.wait_for_load_state("load")
    page.evaluate("() => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(() => document.fonts.ready)")


def addresses(html):
    """Every page of the book proper, its files that are pages, and of the library's source the first."""
    pages = sorted(str(path.relative_to(html)) for path in html.rglob("*.html") if "_static" not in path.parts)
    source = [page for page in pages if page.startswith("source/")]
    # the root only sends the reader on
    return [page for page in pages if page not in source and page != "index.html"] + source[:1]


def overflow(page):
    """What reaches beyond the right edge of the screen, if the page does."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.querySelectorAll("body *")]
                .filter((e) => e.getBoundingClientRect().right > width + 1 && getComputedStyle(e).position !== "fixed")
                .filter((e) => !e.closest(".pst-scrollable-table-container, pre"))
                .slice(0, 5).map((e) => e.outerHTML.slice(0, 120));
        }"""
    )


def test_pages_hold_up(html, site, browser):
    problems = {}
    for address in addresses(html):
        page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        heard = listen(page, site)
        page.goto(f"{site}/{address}")
        settle(page)
        page.add_style_tag(content="* { transition: none !important; animation: none !important }")
        if address != CODE_IS_READ_ON:  # thousands of words in the same few colours: one page shows them all
            page.evaluate(
                "document.querySelectorAll('.highlight pre').forEach((e) => { e.textContent = e.textContent; })"
            )
        found = violations(page)
        page.emulate_media(color_scheme="dark")
        if address.startswith("chapters/"):
            page.wait_for_function("document.documentElement.dataset.theme === 'dark'")
        found += [f"dark: {v}" for v in violations(page, ["color-contrast", "link-in-text-block"])]
        page.set_viewport_size({"width": 375, "height": 800})
        page.wait_for_timeout(100)
        found += [f"too wide: {e}" for e in overflow(page)]
        found += [f"narrow: {v}" for v in violations(page, ["scrollable-region-focusable"])]
        if heard + found:
            problems[address] = heard + found
        page.close()
    assert not problems


def test_the_root_leads_to_the_landing_page(site, page):
    page.goto(f"{site}/index.html")
    page.wait_for_url("**/chapters/index.html")
    assert page.locator("ul.map > li").count() > 3


def test_formulas_are_typeset(html, site, page):
    page.goto(f"{site}/chapters/omd-thresholds.html")
    settle(page)
    assert page.locator("mjx-container").count() > 20
    assert "\\\\(" not in page.inner_text("article")


def test_search_finds_a_chapter(site, page):
    page.goto(f"{site}/search.html?q=extragradient")
    page.wait_for_selector("#search-results li a")
    found = page.locator("#search-results li a").evaluate_all("links => links.map((a) => a.getAttribute('href'))")
    assert any("omd-thresholds" in href for href in found)


def test_the_theme_switch_turns_the_page_dark_and_figures_keep_their_paper(site, page):
    page.goto(f"{site}/chapters/omd-thresholds.html")
    settle(page)
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    for _ in range(3):  # auto, light, dark
        page.locator("button.theme-switch-button:visible").first.click()
        if page.evaluate("document.documentElement.dataset.theme") == "dark":
            break
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    paper = page.locator(".cell_output img").first.evaluate("e => getComputedStyle(e).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<img src='data:,'>", "image-alt"),
        ("<p style='color: #aaa; background: #fff'>faint words</p>", "color-contrast"),
        ("<div role='list'><p>text</p></div>", "aria-required-children"),
        ("<p>fine</p>", None),
    ],
)
def test_planted_barriers_are_found(page, body, expected):
    page.set_content(f"<html lang='en'><head><title>t</title></head><body><main>{body}</main></body></html>")
    found = violations(page)
    assert any(expected in line for line in found) if expected else not found


def test_planted_noise_and_width_are_found(site, page):
    heard = listen(page, site)
    page.goto(f"{site}/chapters/index.html")
    page.evaluate(
        """() => { console.error("planted"); document.body.insertAdjacentHTML("beforeend",
        "<img alt='' src='http://localhost:1/x.png'><div style='width: 3000px'>wide</div>"); }"""
    )
    page.wait_for_timeout(200)
    assert "planted" in heard and "left the origin: http://localhost:1/x.png" in heard and overflow(page)
