"""Confidence intervals over seeds whose coverage is known, for one sample or thousands at once.

Which one, decides the sample:

- *Student's t* by default. It covers what it says for normal draws and less for skewed ones: of exponential draws,
  where it says 95%, about 89% with 3 to 8 seeds and 91% with 16 (``tests/evidence/test_error_rates.py``). So few
  values do not show how skewed their law is; nothing that looks at them alone does better on every law.
- the *studentised bootstrap* from 20 values on, which follows the skewness that so many values show.
- *Clopper and Pearson's* for the mean of zeros and ones: a share, exactly. Of two other values, the hull of theirs
  (exact if there are no more than these two) and of the usual one (there may be).

One value, or equal ones, say nothing of their spread: there the interval is the whole line. Differences are paired by
whoever records them: what counts here is one number per seed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
FEWEST_FOR_BOOTSTRAP = 20
RESAMPLES = 4000  # quantiles of 2.5% rest on 100 of them
ROWS = 500  # samples whose resamples are held in memory together

Bounds = tuple[np.ndarray, np.ndarray]


def interval(values: Sequence[float], confidence: float = CONFIDENCE) -> list[float] | None:
    """Return the interval of one sample's mean; None where one value, or equal values, leave the spread unknown.

    Args:
        values: one number per seed.
        confidence: the coverage asked for.
    """
    low, high = intervals(np.asarray([values], dtype=float), confidence)
    return [float(low[0]), float(high[0])] if np.isfinite(low[0]) else None


def interval_ends(values: Sequence[float], confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the ends of ``interval`` to print; NaN where the spread is unknown."""
    low, high = interval(values, confidence) or (math.nan, math.nan)
    return low, high


def intervals(samples: np.ndarray, confidence: float = CONFIDENCE) -> Bounds:
    """Return the intervals of many samples' means, each by the method that suits it.

    Args:
        samples: [samples, seeds], float64.
        confidence: the coverage asked for.

    Returns:
        Lower and upper ends, [samples] each; the whole line where all values of a sample are equal.
    """
    low, high = np.full(len(samples), -np.inf), np.full(len(samples), np.inf)
    count = samples.shape[1]
    bottom, top = samples.min(1), samples.max(1)
    spread = top > bottom
    two = spread & ((samples == bottom[:, None]) | (samples == top[:, None])).all(1) & (count > 2)
    share = two & (bottom == 0.0) & (top == 1.0)
    usual = spread & ~share
    if usual.any():
        method = studentised_bootstrap if count >= FEWEST_FOR_BOOTSTRAP else student
        low[usual], high[usual] = method(samples[usual], confidence)
    if two.any():
        least, most = clopper_pearson((samples == top[:, None]).sum(1), count, confidence)
        exact_low, exact_high = bottom + least * (top - bottom), bottom + most * (top - bottom)
        low = np.where(share, exact_low, np.where(two, np.minimum(low, exact_low), low))
        high = np.where(share, exact_high, np.where(two, np.maximum(high, exact_high), high))
    return low, high


def student(samples: np.ndarray, confidence: float = CONFIDENCE) -> Bounds:
    """Return Student's intervals of the means, samples [samples, at least two seeds]."""
    count = samples.shape[1]
    half = stats.t.ppf((1 + confidence) / 2, count - 1) * _standard_errors(samples)
    means = samples.mean(1)
    return means - half, means + half


def studentised_bootstrap(samples: np.ndarray, confidence: float = CONFIDENCE) -> Bounds:
    """Return bootstrap-t intervals of the means, samples [samples, seeds], from resamples that never change.

    A resample is a row of counts, so all resampled means and variances are two matrix products.

    Source: Efron 1981; Hall 1988 (errors of order 1/n, where Student's are of order 1/sqrt n if the law is skewed).
    """
    count = samples.shape[1]
    counts = _resamples(count)
    low, high = np.empty(len(samples)), np.empty(len(samples))
    for start in range(0, len(samples), ROWS):
        x = samples[start : start + ROWS]
        means, errors = x.mean(1, keepdims=True), _standard_errors(x)[:, None]
        z = (x - means) / errors  # keeps the second moment from cancelling
        shifts = z @ counts.T / count
        variances = np.maximum((z**2) @ counts.T / count - shifts**2, 0.0) * count / (count - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(shifts == 0.0, 0.0, shifts / np.sqrt(variances / count))
        tails = np.quantile(t, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
        low[start : start + ROWS] = means[:, 0] - tails[1] * errors[:, 0]
        high[start : start + ROWS] = means[:, 0] - tails[0] * errors[:, 0]
    return low, high


def clopper_pearson(successes: np.ndarray | int, trials: int, confidence: float = CONFIDENCE) -> Bounds:
    """Return the exact interval of a share: at least the coverage asked for, whatever the share.

    Args:
        successes: how many of the trials, any shape.
        trials: how many there were.
        confidence: the coverage asked for.

    Source: Clopper and Pearson 1934, by quantiles of the beta distribution.
    """
    k = np.asarray(successes, dtype=float)
    tail = (1 - confidence) / 2
    low = np.where(k > 0, stats.beta.ppf(tail, np.maximum(k, 1), trials - k + 1), 0.0)
    high = np.where(k < trials, stats.beta.ppf(1 - tail, k + 1, np.maximum(trials - k, 1)), 1.0)
    return low, high


def _standard_errors(samples: np.ndarray) -> np.ndarray:
    return samples.std(1, ddof=1) / np.sqrt(samples.shape[1])


@cache
def _resamples(count: int) -> np.ndarray:
    """Return how often each of ``count`` values is drawn, [RESAMPLES, count]."""
    return np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(float)
