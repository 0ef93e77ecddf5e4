"""Awareness on images: what a generator of digits makes, told by a classifier that has only seen real ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from descent.evidence.cache import cached
from descent.experiments.competitive_descent.counted import counted
from descent.experiments.competitive_descent.gans import adaptive_awareness
from descent.experiments.competitive_descent.measured import chosen_by
from descent.experiments.competitive_descent.overtraining import Task
from descent.problems.images import load
from descent.quiet import tf
from descent.sweep import Sweep
from descent.tables import Table, spread, table

SAMPLES = 500
FAIR = 10  # classes, equally frequent


class Judge:
    """A linear classifier of a data set, fitted to 4,000 of its images.

    Args:
        name: of the data set.
    """

    def __init__(self, name: str):
        self.name = name

    @cached_property
    def _model(self) -> Any:
        images = load(self.name)
        count = min(4000, len(images))
        return LogisticRegression(C=0.1, max_iter=200).fit(images.x[:count], images.y[:count])

    def look(self, images: np.ndarray) -> tuple[float, float]:
        """Return how many classes have a quarter of their fair share of the images, and the mean of the largest shares.

        Real images have all ten classes; on MNIST their mean is about .84, which is no probability of being right.
        """
        shares = self._model.predict_proba(np.nan_to_num(images))
        counts = np.bincount(shares.argmax(1), minlength=FAIR)
        return float(np.sum(counts >= len(images) / FAIR / 4)), float(shares.max(1).mean())


def train(
    task: Task, alphas: Sequence[float], rates: Sequence[float], steps: int, seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Train the zero-sum game with each awareness at each rate, with ACGD's rates for coordinates.

    Returns:
        "classes", "sharp" and "cost" (gradients a step), each of shape [awareness, rates, seeds].
    """
    hypers = np.array([(alpha, eta) for alpha in alphas for eta in rates])
    n = len(seeds)
    z = tf.random.stateless_normal([SAMPLES, task.latent], [11, 12])
    sweep = Sweep(
        task.game("zero-sum"),
        {"aware": lambda h: counted(adaptive_awareness(h[1], h[0]), lambda state: 4 + 2 * state.iterations)},
        lambda params, state, game: (task.fakes(params[0], z), state.units),
        steps,
        batch=task.draw,
    )
    lanes = tf.constant(np.repeat(hypers, n, 0), tf.float32)
    starts = tf.nest.map_structure(lambda x: tf.tile(x, [len(hypers)] + [1] * (x.shape.rank - 1)), task.starts(seeds))
    fakes, units = sweep.run(lanes, starts, 2, seeds=list(seeds) * len(hypers))["aware"]
    judge = Judge(task.name)
    looked = np.array([judge.look(one) for one in np.asarray(fakes[-1])])
    shape = (len(alphas), len(rates), n)
    return {
        "classes": looked[:, 0].reshape(shape),
        "sharp": looked[:, 1].reshape(shape),
        "cost": np.asarray(units[-1]).reshape(shape) / 2 / steps,
    }


def compared(
    task: Task, alphas: Sequence[float], rates: Sequence[float], steps: int, seeds: Sequence[int]
) -> tuple[dict[str, Any], Table]:
    """Compare awarenesses, each at the rate whose classes times sharpness are largest on the other seeds."""
    depends = {"task": task, "alphas": list(alphas), "rates": list(rates), "steps": steps, "seeds": list(seeds)}
    found = cached(f"awareness-{task.name}", depends, lambda: train(task, alphas, rates, steps, seeds))
    score = -found["classes"] * found["sharp"]
    chosen = {key: chosen_by(score, value) for key, value in found.items()}
    none, half, full = (list(alphas).index(alpha) for alpha in (0.0, 0.5, 1.0))
    rows = [
        [
            f"{alpha:g}",
            *(
                spread(chosen[key][k], form=form)
                for key, form in (("classes", ".1f"), ("sharp", ".2f"), ("cost", ".1f"))
            ),
        ]
        for k, alpha in enumerate(alphas)
    ]
    return {
        f"{task.name}.awareness.half_minus_none": chosen["classes"][half] - chosen["classes"][none],
        f"{task.name}.awareness.half_minus_full": chosen["classes"][half] - chosen["classes"][full],
        f"{task.name}.awareness.sharp_half_minus_none": chosen["sharp"][half] - chosen["sharp"][none],
        f"{task.name}.awareness.sharp_half_minus_full": chosen["sharp"][half] - chosen["sharp"][full],
    }, table(rows, ["awareness", "classes of 10", "mean largest share", "gradients a step"])
