"""Nothing is cut at 1280 pixels nor wants to be scrolled; figures can be read at 375; answers stand above the fold."""

import re
from pathlib import Path

import pytest
from test_in_browser import overflow, settle

REPOSITORY = Path(__file__).parents[2]
SMALLEST = 7  # pixels, as shown
FOLD = 900
# A sideways scroll of a pixel is rounding. What is folded is opened first: a reader may.
CUT = """() => {
    document.querySelectorAll("article details").forEach((e) => { e.open = true; });
    const name = (e) => `${e.tagName.toLowerCase()} ${e.textContent.trim().replace(/\\s+/g, " ").slice(0, 70)}`;
    const found = [];
    for (const e of document.querySelectorAll("article mjx-container[display=true], article table, article pre")) {
        const box = e.getBoundingClientRect();
        if (!box.width) continue;
        for (let a = e; a && a.tagName !== "ARTICLE"; a = a.parentElement)
            if (getComputedStyle(a).overflowX !== "visible" && a.scrollWidth > a.clientWidth + 1 && a.clientWidth) {
                found.push(`${name(e)}: ${a.scrollWidth - a.clientWidth} pixels too wide`);
                break;
            }
        if (box.right > document.documentElement.clientWidth + 1) found.push(`${name(e)}: beyond the screen`);
    }
    return found;
}"""
PICTURES = """() => [...document.querySelectorAll("article img")]
    .filter((e) => e.currentSrc.endsWith(".svg") && e.getBoundingClientRect().width && !e.closest("ul.map"))
    .map((e) => [e.currentSrc, e.getBoundingClientRect().width])"""
LIVE = """() => [...document.querySelectorAll("article .live svg text")].filter((e) => e.textContent.trim())
    .map((e) => [e, e.getScreenCTM()])
    .map(([e, m]) => [parseFloat(getComputedStyle(e).fontSize) * Math.hypot(m.a, m.b), e.textContent])"""
# One line of text in a drawing; the parts of a large root have a nominal size that says nothing.
SIZE = re.compile(r"font(?:-size)?:[^;\"]*?([\d.]+)px(?!; font-family: 'STIXSize)")
IN_SHORT = "document.querySelector('article .admonition-in-short')"


def cut(page):
    """Formulas, tables, print-outs and code that are cut or want to be scrolled sideways, as readable lines."""
    return page.evaluate(CUT)


def small(page):
    """Texts of figures that are shown smaller than can be read, as readable lines."""
    found = []
    for address, width in page.evaluate(PICTURES):
        drawn = page.request.get(address).text()
        view = re.search(r'viewBox="0 0 ([\d.]+)', drawn)
        sizes = [float(size) for size in SIZE.findall(drawn)]
        if view and sizes and min(sizes) * width / float(view[1]) < SMALLEST:
            found.append(f"{address.rpartition('/')[2]}: text of {min(sizes) * width / float(view[1]):.1f} pixels")
    found += [f"live: {text!r} of {size:.1f} pixels" for size, text in page.evaluate(LIVE) if size < SMALLEST]
    return found


def test_nothing_is_cut_on_a_laptop_and_figures_can_be_read_on_a_phone(html, site, browser):
    problems = {}
    for path in sorted((html / "chapters").glob("*.html")):
        page = browser.new_page(viewport={"width": 1280, "height": FOLD})
        page.goto(f"{site}/chapters/{path.name}")
        settle(page)
        found = cut(page)
        page.set_viewport_size({"width": 375, "height": 800})
        page.wait_for_timeout(200)
        found += small(page) + [f"too wide for a phone: {line}" for line in overflow(page)]
        if found:
            problems[path.stem] = found
        page.close()
    assert not problems


def test_the_first_screen_of_a_chapter_answers_with_computed_numbers(html, site, page):
    chapters = {
        path.stem: box[1]
        for path in sorted((REPOSITORY / "chapters").glob("*.md"))
        if (box := re.search(r"```\{admonition\} In short\n(.*?)```\n", path.read_text(), re.DOTALL))
    }
    assert len(chapters) >= 17
    for name, source in chapters.items():
        page.goto(f"{site}/chapters/{name}.html")
        settle(page)
        assert page.evaluate(f"{IN_SHORT}.getBoundingClientRect().bottom") < FOLD, name
        typed = re.findall(r"\d[\d.]*", re.sub(r"\{\w+\}`[^`]*`", "", source))
        shown = re.findall(r"\d[\d.]*", page.inner_text(".admonition-in-short"))
        assert "{value}`" in source and len(shown) > len(typed), name


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("<pre style='white-space: pre; overflow: auto'>" + "x" * 400 + "</pre>", "pre xxx"),
        (
            "<div style='overflow: hidden'><table style='width: 900px'><tr><td>cut</td></tr></table></div>",
            "table cut",
        ),
        ("<details><pre style='white-space: pre; overflow: auto'>" + "y" * 400 + "</pre></details>", "pre yyy"),
        ("<pre>short</pre><table><tr><td>narrow</td></tr></table>", None),
    ],
)
def test_planted_widths_are_found(page, planted, said):
    page.set_content(f"<body><article style='width: 800px'>{planted}</article></body>")
    found = cut(page)
    assert len(found) == 1 and found[0].startswith(said) if said else not found


def test_a_planted_small_text_is_found(page):
    live = "<svg width='100' height='100' viewBox='0 0 200 200'><text y='50' font-size='{}'>planted</text></svg>"
    page.set_content(f"<body><article><div class='live'>{live.format(10)}</div></article></body>")
    assert small(page) == ["live: 'planted' of 5.0 pixels"]
    page.set_content(f"<body><article><div class='live'>{live.format(16)}</div></article></body>")
    assert not small(page)
