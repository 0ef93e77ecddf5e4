"""What the course project "Implicit Gradient Descent" (2020) computed, line by line in NumPy, for comparison."""

from __future__ import annotations

import numpy as np
from scipy.sparse.linalg import cg

from descent import vectors
from descent.rules.base import Rule, stateless
from descent.vectors import Scalar, Vector


def project_step(params: Vector, x: np.ndarray, y: np.ndarray, eta: float) -> tuple[np.ndarray, ...]:
    """Return what the project subtracts from b1, W2 and b2.

    Args:
        params: ``([(W1, b1), (W2, b2)],)`` of a sigmoid network with one hidden layer and ten softmax outputs.
        x: images, shape [n, d].
        y: labels, shape [n].
        eta: its learning rate.

    Returns:
        (step of b1, step of W2, step of b2), shaped like the parameters, float64.

    Source: ``backprop_IGD`` in Codes/MNIST/functions.py and the update in gradientDescent.py, in their order. There
    ``np.matmul`` of two one-dimensional arrays is a number, and adding it fills a matrix: H3 = c 11^T.
    """
    (w1, b1), (w2, b2) = [[np.asarray(leaf, float).T for leaf in layer] for layer in params[0]]
    x, targets, n = x.T.astype(float), np.eye(10)[y].T, len(y)
    z2 = w1 @ x + b1[:, None]
    a2 = _sigmoid(z2)
    z3 = w2 @ a2 + b2[:, None]
    dz3 = np.exp(z3) / np.exp(z3).sum(0) - targets
    h3, dfz = np.zeros((10, 10)), np.zeros((len(b1), len(b1)))
    for i in range(n):
        h3 += np.matmul(dz3[:, i], dz3[:, i].T) / n
        dfz += np.matmul(_slope(z2[:, i]), _slope(z2[:, i]).T) / n
    h2 = (w2.T @ h3 @ w2) * dfz
    dz2 = (w2.T @ dz3) * _slope(z2)
    dw2, db1, db2 = dz3 @ a2.T / n, dz2.mean(1), dz3.mean(1)
    a = (a2 * a2).mean(1)
    dw2 = np.array([cg(np.eye(10) - eta * h3 * a[i], eta * dw2[:, i])[0] for i in range(len(a))]).T
    db2 = cg(np.eye(10) - eta * h3, eta * db2)[0]
    db1 = cg(np.eye(len(b1)) - eta * h2, eta * db1)[0]
    return eta * db1, eta * dw2.T, eta * db2


def squared_rate(learning_rate: Scalar) -> Rule:
    """What it amounts to: eta on W1, eta^2 on b1, W2 and b2; on b1 up to a matrix of rank one, which is left out.

    Args:
        learning_rate: eta.

    Returns:
        A rule without state, for params as in ``project_step``.
    """
    eta = learning_rate

    def update(xi: Vector, params: Vector, game: object) -> Vector:
        (w1, b1), last = xi[0]
        first = (vectors.scale(-eta, w1), vectors.scale(-eta * eta, b1))
        return ([first, vectors.scale(-eta * eta, last)],)

    return stateless(update)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def _slope(z: np.ndarray) -> np.ndarray:
    return _sigmoid(z) * (1 - _sigmoid(z))
