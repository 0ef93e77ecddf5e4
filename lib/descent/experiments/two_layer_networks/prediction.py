r"""What a fixed kernel predicts of gradient descent, and what the theorem promises of it.

While the kernel H doesn't move, gradient descent on 1/2 sum_i q_i (u_i - y_i)^2 multiplies the residual by a matrix,
r <- (I - eta H Q) r with Q = diag(q): q = 1 is Du et al.'s sum of squares, q = 1/n the mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class FrozenKernel:
    """Gradient descent with a kernel that stays what it is.

    Args:
        kernel: H, symmetric, shape [n, n].
        weight: q, the weight of each point in the loss: 1 for a sum, 1 / n for a mean.

    Source: Arora et al. 2019, section 4 (the same for q = 1).
    """

    kernel: np.ndarray
    weight: float = 1.0

    @cached_property
    def _eigen(self) -> tuple[np.ndarray, np.ndarray]:
        values, vectors = np.linalg.eigh(self.kernel)
        return self.weight * values, vectors

    @property
    def eigenvalues(self) -> np.ndarray:
        """The rates: eigenvalues of q H, in ascending order."""
        return self._eigen[0]

    def residuals(self, residual: np.ndarray, eta: float, steps: np.ndarray) -> np.ndarray:
        """Return (I - eta q H)^k r by eigendecomposition.

        Args:
            residual: r = u(0) - y, shape [n].
            eta: step size.
            steps: the numbers k of steps, shape [records].

        Returns:
            Residuals, shape [records, n].
        """
        values, vectors = self._eigen
        return ((1 - eta * values) ** np.asarray(steps)[:, None] * (vectors.T @ residual)) @ vectors.T

    def squares(self, residual: np.ndarray, eta: float, steps: np.ndarray) -> np.ndarray:
        """Return q |(I - eta q H)^k r|^2, shape [records], added up in the eigenbasis."""
        values, vectors = self._eigen
        return self.weight * (1 - eta * values) ** (2 * np.asarray(steps)[:, None]) @ (vectors.T @ residual) ** 2


def du_bound(smallest: float, eta: float, steps: np.ndarray) -> np.ndarray:
    """Return the promised |u(k) - y|^2 / |u(0) - y|^2 <= (1 - eta lambda_0 / 2)^k.

    Args:
        smallest: lambda_0, the smallest eigenvalue of H^infinity.
        eta: step size, of the loss 1/2 sum (u - y)^2.
        steps: numbers k of steps.

    Source: Du et al. 2019, Theorem 4.1.
    """
    return (1 - eta * smallest / 2) ** np.asarray(steps)


def du_width(n: int, smallest: float, failure: float = 0.1) -> float:
    """Return n^6 / (lambda_0^4 delta^3), the width of the theorem without its unprinted constant.

    Source: Du et al. 2019, Theorems 3.2 and 4.1: m = Omega(n^6 / (lambda_0^4 delta^3)).
    """
    return n**6 / (smallest**4 * failure**3)


def du_radius(residual: np.ndarray, smallest: float, width: int) -> float:
    """Return 4 sqrt(n) |y - u(0)| / (sqrt(m) lambda_0), how far the proof lets a unit's weights go.

    Source: Du et al. 2019, Corollary 4.1.
    """
    return 4 * np.sqrt(len(residual)) * float(np.linalg.norm(residual)) / (np.sqrt(width) * smallest)
