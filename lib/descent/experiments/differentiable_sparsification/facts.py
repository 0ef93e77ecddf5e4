"""What can be proved of the construction, checked on random cases in double precision."""

from __future__ import annotations

import numpy as np

from descent.experiments.differentiable_sparsification.shares import jacobian, penalty, shares
from descent.quiet import tf
from descent.randomness import draw_seed
from descent.tables import Table, table

# Methods that make parameters exactly zero by gradient descent, by their arXiv numbers (year and month first).
EARLIER = {
    "sparsemax (Martins and Astudillo)": "1602.02068",
    "hard-concrete gates (Louizos, Welling and Kingma)": "1712.01312",
}
PAPER = "1910.03201"
WORDS = {
    "jacobian": "largest difference of the Jacobian from automatic differentiation",
    "dead": "the same, columns of dead logits",
    "positive": "largest derivative of the penalty by a dead logit, relative to the largest by any",
    "bound": "largest number of survivors times τ",
    "sum": "largest difference of a sum of shares from 1",
    "power": "by how much the penalty leaves its bounds 1 and s^(1-p)",
}


def months(number: str) -> int:
    """Return the month of an arXiv number YYMM.nnnnn, counted from 2000."""
    return 12 * int(number[:2]) + int(number[2:4])


def cases(count: int, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw logits [count, n] and beta [count] for which the threshold lies between the shares."""
    z = tf.random.stateless_normal([count, n + 1], draw_seed(seed, "cases"), dtype=tf.float64).numpy()
    alpha = 1.5 * z[:, :n]
    pi = np.exp(alpha) / np.exp(alpha).sum(1, keepdims=True)
    quantile = 1 / (1 + np.exp(-z[:, n]))
    tau = np.minimum([np.quantile(row, q) for row, q in zip(pi, quantile, strict=True)], 0.98 * pi.max(1))
    return alpha, np.log(tau / (1 - tau))


@tf.function(autograph=False)
def _derivatives(alpha: tf.Tensor, beta: tf.Tensor, p: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    def one(case: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        alpha, beta = case
        with tf.GradientTape(persistent=True) as tape:
            tape.watch((alpha, beta))
            a = shares(alpha, beta)
            cost = penalty(a, p)
        by_alpha = tape.jacobian(a, alpha, experimental_use_pfor=False)
        by_beta = tape.jacobian(a, beta, experimental_use_pfor=False)
        return a, by_alpha, by_beta, tape.gradient(cost, alpha)

    kinds = (tf.float64,) * 4
    return tf.map_fn(one, (alpha, beta), fn_output_signature=kinds)


def check(count: int, n: int, seed: int, p: float = 0.5) -> dict[str, float]:
    """Check the construction on random cases.

    Args:
        count: how many.
        n: components.
        seed: draws them.
        p: the penalty's power.

    Returns:
        "jacobian": the largest difference of the closed form from automatic differentiation; "dead": the same for dead
        logits alone; "positive": the largest derivative of the penalty by a dead logit, relative to the largest by any
        logit; "bound": the largest number of survivors times tau; "sum": the largest difference of a sum from 1;
        "power": the largest excess of the penalty over s^(1-p), or of 1 over it.
    """
    alpha, beta = cases(count, n, seed)
    a, by_alpha, by_beta, slope = (x.numpy() for x in _derivatives(tf.constant(alpha), tf.constant(beta), p))
    tau = 1 / (1 + np.exp(-beta))
    forms = [jacobian(*case) for case in zip(alpha, beta, strict=True)]
    by_logits, by_tau = np.array([x for x, _ in forms]), np.array([x for _, x in forms])
    dead = a == 0.0
    difference = np.abs(by_logits - by_alpha)
    by_threshold = np.abs(by_tau * (tau * (1 - tau))[:, None] - by_beta)
    survivors = (~dead).sum(1)
    cost = (a**p).sum(1)
    return {
        "jacobian": float(max(difference.max(), by_threshold.max())),
        "dead": float(np.where(dead[:, None, :], difference, 0.0).max()),
        "positive": float((np.where(dead, slope, -np.inf).max(1) / np.maximum(np.abs(slope).max(1), 1e-300)).max()),
        "bound": float((survivors * tau).max()),
        "sum": float(np.abs(a.sum(1) - 1).max()),
        "power": float(np.maximum(cost / survivors ** (1 - p), 1 / cost).max() - 1),
    }


def listed(found: dict[str, float]) -> Table:
    """Return what ``check`` found, in words."""
    return table([[words, f"{found[name] + 0.0:.1e}"] for name, words in WORDS.items()], ["on random cases", ""])
