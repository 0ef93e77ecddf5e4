"""Tables: digits against Python's own, words for what is no number, and Markdown that a parser reads back."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from descent import tables
from descent.tables import spread, table, text


@given(st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-12), st.integers(2, 4))
def test_significant_digits_are_pythons(value, digits):
    assert float(text(value, digits).replace(",", "")) == float(f"{value:.{digits - 1}e}")


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        (0.0012345, 2, "0.0012"),
        (9.996, 3, "10.0"),
        (12345.6, 3, "12,300"),
        (1e-7, 2, "1.0e-7"),
        (1200, 3, "1,200"),
        (np.int64(7), 2, "7"),
        (np.float32(0.5), ".1%", "50.0%"),
        (0.0, 3, "0"),
        (np.inf, ".2f", "diverged"),
        (np.nan, 3, "diverged"),
        (None, 3, "never"),
        ("as it is", 3, "as it is"),
    ],
)
def test_cells(value, form, expected):
    assert text(value, form) == expected


def test_rows_of_cells_and_a_line_below():
    found = str(table([["a|b", 1.0], ["c", 2.5]], ["name", "value"], below="Seed by seed."))
    assert found == "| name | value |\n| --- | --: |\n| a\\|b | 1.00 |\n| c | 2.50 |\n\nSeed by seed."
    assert table([["a", 1]], ["x", "y"])._repr_markdown_() == "| x | y |\n| --- | --: |\n| a | 1 |"


def test_headings_can_say_how_their_numbers_look():
    found = table({"m": {"share": 0.12345, "n": 3}}, {"n": "count", "share": ("share, %", ".1%")})
    assert found.head == ["", "count", "share, %"] and found.rows == [["m", "3", "12.3%"]]


def test_spread():
    assert spread([1.0, 2.0, 3.0]) == "2.00 [1.00, 3.00]"
    assert spread([1.0, 3.0], -1, 5, "+.1f") == "+2.0 [-1.0, +5.0]"


def test_the_example_runs():
    assert doctest.testmod(tables).failed == 0
