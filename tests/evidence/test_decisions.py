"""The edges of a check: whether a bound itself is inside, for means and for most seeds."""

import numpy as np
import pytest

from descent.evidence.claims import Check
from descent.evidence.decisions import compare, states
from descent.evidence.intervals import studentised_bootstrap


def check(comparison, expected, over="mean"):
    return Check(measurement="m", label="l", comparison=comparison, expected=expected, over=over, reason="r")


def bounds(*pairs):
    low, high = np.transpose(pairs).astype(float)
    return low, high


@pytest.mark.parametrize(
    ("comparison", "expected", "interval", "state"),
    [
        ("at-least", 2.0, (2.0, 3.0), 1),  # an interval that begins at the bound lies within it
        ("at-least", 2.0, (1.0, 2.0), 0),  # and one that ends there doesn't lie without
        ("at-least", 2.0, (1.0, 1.9), -1),
        ("above", 2.0, (2.0, 3.0), 0),  # a strict bound is outside itself
        ("above", 2.0, (1.0, 2.0), -1),
        ("above", 2.0, (2.1, 3.0), 1),
        ("at-most", 2.0, (1.0, 2.0), 1),
        ("at-most", 2.0, (2.0, 3.0), 0),
        ("at-most", 2.0, (2.1, 3.0), -1),
        ("below", 2.0, (1.0, 2.0), 0),
        ("below", 2.0, (2.0, 3.0), -1),
        ("below", 2.0, (1.0, 1.9), 1),
    ],
)
def test_an_interval_that_touches_a_bound(comparison, expected, interval, state):
    assert compare(bounds(interval), bounds(interval), check(comparison, expected)) == [state]


@pytest.mark.parametrize(
    ("comparison", "at_the_bound"), [("at-least", 1), ("at-most", 1), ("above", -1), ("below", -1)]
)
def test_seeds_at_the_bound_count_as_inside_unless_it_is_strict(comparison, at_the_bound):
    assert states(np.full((1, 8), 2.0), check(comparison, 2.0, over="most")) == [at_the_bound]


def test_the_inner_interval_holds_and_the_outer_one_fails():
    inner, outer = bounds((2.5, 3.0), (0.5, 1.0)), bounds((1.5, 4.0), (0.0, 2.5))
    assert list(compare(inner, outer, check("at-least", 2.0))) == [1, 0]


@pytest.mark.parametrize("scale", [1e-120, 1e120])
def test_the_bootstrap_does_not_mind_units(scale):
    samples = np.random.default_rng(3).exponential(size=(1, 24))
    low, high = studentised_bootstrap(samples)
    found = studentised_bootstrap(scale * samples)
    assert (found[0] / scale, found[1] / scale) == (pytest.approx(low), pytest.approx(high))
