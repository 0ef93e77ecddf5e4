"""Curves are means of logarithms, and their names stand in order, apart and within the axes."""

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from scipy import stats

from descent.experiments.learning_to_optimize.learned_curves import curve, label_ends


@pytest.fixture
def axis():
    figure, axis = plt.subplots()
    yield axis
    plt.close(figure)


def places(axis):
    return {text.get_text(): text.xyann[1] for text in axis.texts}


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_name_alone_stands_at_its_curves_end(axis, scale):
    axis.set(yscale=scale, ylim=(1, 100))
    label_ends(axis, {"low": (10, "black"), "high": (90, "blue")})
    share = {"linear": 9 / 99, "log": 0.5}[scale]
    assert places(axis)["low"] == pytest.approx(share)
    assert axis.texts[1].get_color() == "blue"


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


def test_a_curve_is_the_geometric_mean_and_its_band_the_interval_of_it(axis):
    losses = np.random.default_rng(1).lognormal(size=(5, 8))
    assert curve(axis, np.arange(4), losses, "black") == pytest.approx(stats.gmean(losses[3]))
    np.testing.assert_allclose(axis.lines[0].get_ydata(), stats.gmean(losses[:4], axis=1))
    half = 1.96 * stats.sem(np.log10(losses[3]))
    band = axis.collections[0].get_paths()[0].vertices
    assert band[band[:, 0] == 3, 1].max() == pytest.approx(stats.gmean(losses[3]) * 10**half)
