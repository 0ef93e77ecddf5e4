"""Figures: names stand in order and apart, in colours that can be read; bands are the interval that they say."""

from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb
from scipy import stats

from descent.figures import COLOURS, band, colour_bar, ink, label_ends, label_lines, save, stable_region, use_book_style


@pytest.fixture
def axis():
    figure, axis = plt.subplots()
    yield axis
    plt.close(figure)


def places(axis):
    return {text.get_text(): text.xyann[1] for text in axis.texts}


def contrast(colour):
    """By the formula of WCAG 2.1, written out."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 1.05 / (0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] + 0.05)


def test_contrast_of_black_and_white_is_what_wcag_says():
    assert contrast("black") == pytest.approx(21) and contrast("white") == pytest.approx(1)


@pytest.mark.parametrize("name", COLOURS)
def test_text_is_dark_enough_and_no_darker_than_need_be(name):
    assert contrast(ink(name)) >= 4.5
    assert ink(name) == COLOURS[name].lower() if contrast(COLOURS[name]) >= 4.6 else contrast(ink(name)) < 4.7
    assert ink(name) == ink(COLOURS[name])


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_name_alone_stands_at_its_curves_end(axis, scale):
    axis.set(yscale=scale, ylim=(1, 100))
    label_ends(axis, {"low": (10, "black"), "high": (90, "blue")})
    share = {"linear": 9 / 99, "log": 0.5}[scale]
    assert places(axis)["low"] == pytest.approx(share)
    assert axis.texts[1].get_color() == ink("blue")
    assert axis.texts[0].get_fontsize() == 9


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=12))
def test_names_keep_their_order_a_gap_and_the_axes(ends):
    figure, axis = plt.subplots()
    label_ends(axis, {str(k): (end, "black") for k, end in enumerate(ends)}, gap=0.08)
    found = places(axis)
    plt.close(figure)
    ordered = [found[str(k)] for k in np.argsort(ends, kind="stable")]
    assert (np.diff(ordered) > 0.08 - 1e-9).all()
    assert min(ordered) > -1e-9 and max(ordered) < 1 + 1e-9


@pytest.mark.parametrize("names", [["a", "b", "c"], ["two\nlines", "one", "three\nof\nthem"], list("abcdefghij")])
def test_names_do_not_overlap_on_paper(names):
    with plt.rc_context():
        use_book_style()
        figure, axis = plt.subplots(figsize=(4, 2.4))
        for name in names:
            axis.plot([0, 1], [0, 0.5], label=name)
        label_lines(axis)
        figure.canvas.draw()
        boxes = sorted((text.get_window_extent() for text in axis.texts), key=lambda box: box.y0)
        plt.close(figure)
    assert len(boxes) == len(names)
    assert all(low.y1 <= high.y0 for low, high in pairwise(boxes))


def test_lines_are_named_at_their_last_finite_point_and_unnamed_ones_are_not(axis):
    axis.plot([0, 1, 2], [0, 1, np.nan], label="a", color=COLOURS["orange"])
    axis.plot([0, 1], [0, 1])
    axis.set_ylim(0, 2)
    label_lines(axis)
    assert places(axis) == {"a": pytest.approx(0.5)}
    assert axis.texts[0].get_color() == ink("orange")


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_band_is_students_interval_of_the_mean(axis, logarithmic):
    values = np.random.default_rng(1).lognormal(size=(4, 8))
    end = band(axis, np.arange(4), values, "blue", logarithmic)
    last = np.log(values[3]) if logarithmic else values[3]
    back = np.exp if logarithmic else np.asarray
    assert end == pytest.approx(back(last.mean()))
    low, high = stats.t.interval(0.95, 7, last.mean(), stats.sem(last))
    edge = axis.collections[0].get_paths()[0].vertices
    found = edge[edge[:, 0] == 3, 1]
    assert (found.min(), found.max()) == (pytest.approx(back(low)), pytest.approx(back(high)))


def test_the_stable_region_is_where_the_radius_is_below_one(axis):
    real, imaginary = np.meshgrid(np.linspace(-1, 3, 81), np.linspace(-2, 2, 81))
    stable_region(axis, real, imaginary, np.abs(1 - real - 1j * imaginary))  # gradient descent: a disc about 1
    (region,) = [c for c in axis.collections if c.get_alpha() == 0.5]
    edge = np.concatenate([path.vertices for path in region.get_paths()])
    edge = edge[np.hypot(*edge.T) > 0]
    np.testing.assert_allclose(np.hypot(edge[:, 0] - 1, edge[:, 1]).max(), 1, atol=0.01)


def test_a_figure_is_written_twice_and_stacked_for_narrow_screens(tmp_path, monkeypatch):
    monkeypatch.setenv("DESCENT_RUN_DIR", str(tmp_path))
    with plt.rc_context():
        use_book_style()
        figure, (left, right) = plt.subplots(1, 2, sharey=True)
        left.set_ylabel("loss")
        image = right.imshow(np.eye(2))
        bar = colour_bar(image, right, "share")
        save(figure, "two", narrow=2.0)
        plt.close(figure)
    assert bar.ax.get_ylabel() == "share"
    assert {p.name for p in (tmp_path / "figures").iterdir()} == {
        f"two{narrow}.{ending}" for narrow in ("", "-narrow") for ending in ("svg", "png")
    }
    assert plt.imread(tmp_path / "figures" / "two.png").shape[:2] == (720, 1280)
    assert plt.imread(tmp_path / "figures" / "two-narrow.png").shape[:2] == (800, 800)
    assert left.get_subplotspec().get_gridspec().ncols == 2 and right.get_ylabel() == ""
