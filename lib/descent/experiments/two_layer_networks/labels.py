"""Images of two classes with true and with random labels, as inputs of length 1 and labels -1 and +1."""

from __future__ import annotations

import numpy as np

from descent.problems import images
from descent.quiet import tf
from descent.randomness import draw_seed


def two_classes(name: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n images of zeros and ones with both kinds of labels.

    Args:
        name: of the data set, see ``problems.images``.
        n: number of images, as many as there are at most, drawn without replacement.
        seed: gives the choice and the random labels.

    Returns:
        Inputs of length 1, shape [n, pixels]; true labels (-1: zero, 1: one) and random ones, shape [n].

    Source: Arora et al. 2019, section 4 (two classes, images of length 1, random labels); they take 10,000 images.
    """
    loaded = images.load(name)
    rows = np.flatnonzero(loaded.y < 2)
    order = tf.random.stateless_uniform([len(rows)], draw_seed(seed, "images")).numpy().argsort(kind="stable")
    rows = rows[order[:n]]
    x = loaded.x[rows].astype(float)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    coins = tf.random.stateless_uniform([len(rows)], draw_seed(seed, "random labels"), 0, 2, tf.int32).numpy()
    return x, 2.0 * loaded.y[rows] - 1, 2.0 * coins - 1
