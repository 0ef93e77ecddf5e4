"""Awareness on images: the judge knows real digits, and the comparison keeps its shapes."""

import numpy as np
import pytest

from descent.experiments.competitive_descent.awareness_on_images import Judge, compared
from descent.experiments.competitive_descent.overtraining import Task
from descent.problems.images import load


@pytest.fixture
def judge():
    return Judge("digits")


def test_the_judge_knows_real_digits_from_one_and_from_none(judge):
    real = load("digits", "test")
    classes, sharp = judge.look(real.x)
    assert classes == 10 and sharp > 0.7
    assert judge.look(real.x[real.y == 3])[0] <= 2  # it is linear, and errs
    blank, flat = judge.look(np.full((50, 64), np.nan))  # a diverged generator
    assert blank == 1 and flat < sharp


def test_each_awareness_is_read_at_the_rate_of_the_other_seeds(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    found, table = compared(Task("digits", 8, 4, batch=8), [0.0, 0.5, 1.0], [1e-3, 1e-2], 4, [0, 1])
    assert all(np.shape(value) == (2,) for value in found.values())
    assert len(table.rows) == 3 and [row[0] for row in table.rows] == ["0", "0.5", "1"]
