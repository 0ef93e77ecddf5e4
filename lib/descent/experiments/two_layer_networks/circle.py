"""Functions on the circle: grids, targets as sums of cosines, and how much of each frequency is left."""

from __future__ import annotations

import numpy as np

from descent.experiments.two_layer_networks.kernels import circle_kernel


def grid(n: int) -> np.ndarray:
    """Return n equally spaced angles, the first at 0. On an even grid every point's antipode is there too."""
    return 2 * np.pi * np.arange(n) / n


def cosines(theta: np.ndarray, amplitudes: dict[int, float]) -> np.ndarray:
    """Return sum_k amplitude_k cos(k theta)."""
    return sum((c * np.cos(k * theta) for k, c in amplitudes.items()), np.zeros_like(theta))


def square_wave(largest: int) -> dict[int, float]:
    """Return the amplitudes of the square wave of height 1, 4/(pi k) (-1)^((k-1)/2) at odd k up to the largest."""
    return {k: 4 / (np.pi * k) * (-1) ** ((k - 1) // 2) for k in range(1, largest + 1, 2)}


def triangle_wave(largest: int) -> dict[int, float]:
    """Return the amplitudes of the triangle wave of height 1, 8/(pi k)^2 at odd k up to the largest."""
    return {k: 8 / (np.pi * k) ** 2 for k in range(1, largest + 1, 2)}


def amplitudes(values: np.ndarray, frequencies: np.ndarray) -> np.ndarray:
    """Return the coefficients of cos(k theta) of functions on the grid.

    Args:
        values: on ``grid(n)`` in the last axis.
        frequencies: k, below n / 2.

    Returns:
        Shape [..., frequencies].
    """
    n = values.shape[-1]
    k = np.asarray(frequencies)
    return values @ np.cos(np.outer(grid(n), k)) * np.where(k == 0, 1, 2) / n


def grid_eigenvalues(n: int, bias: bool) -> np.ndarray:
    """Return the eigenvalues of H / n on the grid, for k = 0, ..., n // 2: H is circulant, so they are one FFT.

    They are the circle's with the frequencies that the grid can't tell apart added up, lambda_k + lambda_{n-k} + ...
    """
    return np.fft.rfft(circle_kernel(grid(n), bias)).real / n
