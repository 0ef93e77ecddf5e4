"""The estimator of alpha that this book trusts: from the empirical characteristic function."""

from typing import Any

import numpy as np

from descent.noise.as_columns import as_columns

FREQUENCIES = np.arange(1, 11) / 10
# Columns are taken so many values at a time, which bounds the memory of the complex exponentials.
VALUES_AT_ONCE = 2**20


def kogon_williams(x: Any) -> np.ndarray:
    """Estimate alpha from the line log(-log|phi(t)|^2) = log 2 + alpha log(sigma t), phi = E exp(i t X).

    Args:
        x: observations, shape [n] or [n, ...]; columns are treated apart.

    Returns:
        Estimates, shape x.shape[1:]. A little above 2 means lighter-tailed than a Gaussian.

    Raises:
        ValueError: see ``as_columns``; or the quartiles of a column coincide.

    Source: Koutrouvelis 1980; frequencies .1, .2, ..., 1 in units of the scale as Kogon & Williams 1998 have them.
    Departures: the scale is first half the distance of the quartiles, then the line's own.
    """
    return stable_fit(x)[0]


def stable_fit(x: Any) -> tuple[np.ndarray, np.ndarray]:
    """Estimate alpha and the scale sigma; arguments, errors and source as ``kogon_williams``.

    Returns:
        (alpha, sigma), each of shape x.shape[1:]: |E exp(i t X)| is near exp(-|sigma t|^alpha).
    """
    x = as_columns(x, fewest=20)
    columns = x.reshape(len(x), -1)
    step = max(1, VALUES_AT_ONCE // len(x))
    parts = [_fit(columns[:, first : first + step]) for first in range(0, columns.shape[1], step)]
    alpha, sigma = (np.concatenate(part).reshape(x.shape[1:]) for part in zip(*parts, strict=True))
    return alpha, sigma


def _fit(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    q25, q50, q75 = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
    scale = (q75 - q25) / 2
    if not np.all(scale > 0):
        raise ValueError("the quartiles coincide: half of the observations or more are equal, so there is no scale")
    _, log_sigma = _line((x - q50) / scale)
    # Far from 1 only where the law is nothing like stable (an atom, say): there the quartiles' scale is as good as any.
    scale = scale * np.exp(np.clip(log_sigma, -1, 1))
    alpha, log_sigma = _line((x - q50) / scale)
    return alpha, scale * np.exp(np.clip(log_sigma, -1, 1))


def _line(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slope alpha of the regression, and the logarithm of the scale that its intercept gives."""
    turn = np.exp(1j * FREQUENCIES[0] * x)  # the frequencies are multiples of the first: powers of one exponential
    power, squares = np.ones_like(turn), []
    for _ in FREQUENCIES:
        power *= turn
        squares.append(np.abs(power.mean(axis=0)) ** 2)
    tiny = 1e-12
    heights = np.log(-np.log(np.clip(squares, tiny, 1 - tiny)))
    log_t = np.log(FREQUENCIES)
    centred = log_t - log_t.mean()
    alpha = centred @ heights / (centred @ centred)
    # heights = log 2 + alpha log(sigma) + alpha log(t)
    return alpha, (heights.mean(axis=0) - np.log(2)) / alpha - log_t.mean()
