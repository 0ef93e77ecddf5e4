"""Images as the data of a GAN, and a fixed classifier trained here, in whose features samples are compared with them.

The distance is Frechet's between normal laws fitted to features, as in the "Frechet inception distance". It is not that
distance: the features are 32 units of a small network trained here, so values compare with each other only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from descent.problems.classification import CLASSES, Classification
from descent.problems.images import Images, load
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules import adam
from descent.simulate import Simulator

FEATURES = 32


@dataclass(frozen=True)
class ImageData:
    """The training images of a data set, drawn with replacement: with the methods of a ``Mixture`` that ``Setup`` asks.

    Args:
        name: of the data set, as of ``load``.
    """

    name: str

    @cached_property
    def images(self) -> Images:
        """The training images."""
        return load(self.name)

    @property
    def dimension(self) -> int:
        """Return how many pixels an image has."""
        return self.images.x.shape[1]

    @cached_property
    def _pixels(self) -> tf.Tensor:
        with tf.init_scope():  # one eager tensor, which graphs capture and do not copy
            return tf.constant(self.images.x)

    def pick(self, uniform: tf.Tensor) -> tf.Tensor:
        """Return numbers of images for numbers in [0, 1)."""
        return tf.cast(tf.cast(uniform, tf.float64) * len(self.images), tf.int32)

    def place(self, rows: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Return these images; they need no noise."""
        return tf.gather(self._pixels, rows)


class Judge:
    """A classifier with two hidden layers, trained on real images and then fixed.

    Args:
        data: whose training images it is trained on; it is measured, and samples are compared, on its test images.
        steps: of Adam with minibatches of 64.
        seed: of its start and minibatches: one for all runs, because the judge is fixed.
    """

    def __init__(self, data: ImageData, steps: int = 1000, seed: int = 77):
        self.network = mlp([data.dimension, 64, FEATURES, CLASSES])
        problem = Classification(data.images, self.network)
        trained = Simulator(problem.game, adam(2e-3), batch=problem.minibatches(64)).run(
            problem.start(seed), steps, seed
        )
        self.layers = trained.params[0]
        self._look = tf.function(self._graph, autograph=False, reduce_retracing=True)
        test = load(data.name, "test")
        self.accuracy = problem.evaluate(trained.params, test).accuracy
        features, probability = self.look(test.x)
        self.moments = moments(features)
        self.shares = np.bincount(probability.argmax(-1), minlength=CLASSES) / len(test)
        self.of_real = self.measures(data.images.x[:500])  # what the best generator could have

    def look(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return features [..., 32] and class probabilities [..., 10] of images [..., d]."""
        features, probability = self._look(tf.convert_to_tensor(images))
        return features.numpy().astype(float), probability.numpy()

    def _graph(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        x = images
        for w, b in self.layers[:-1]:
            x = tf.nn.relu(tf.tensordot(x, w, 1) + b)
        w, b = self.layers[-1]
        return x, tf.nn.softmax(tf.tensordot(x, w, 1) + b)

    def measures(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Return frechet, classes, kl and sharp of samples [..., n, d], each of shape [...].

        classes: with at least a quarter of their share among test images; kl: of the samples' class shares from those
        of test images, in nats; sharp: the mean largest probability.
        """
        features, probability = self.look(images)
        lead, n = features.shape[:-2], features.shape[-2]
        flat = zip(features.reshape(-1, n, FEATURES), probability.reshape(-1, n, CLASSES), strict=True)
        found = []
        for seen, told in flat:
            share = np.bincount(told.argmax(1), minlength=CLASSES) / n
            there = share > 0
            kl = np.sum(share[there] * np.log(share[there] / np.maximum(self.shares[there], 1e-9)))
            covered = np.sum(share >= self.shares / 4)
            found.append([frechet(moments(seen), self.moments), covered, kl, told.max(1).mean()])
        values = np.array(found, float).T.reshape(4, *lead)
        return dict(zip(("frechet", "classes", "kl", "sharp"), values, strict=True))


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and covariance of rows."""
    return features.mean(0), np.cov(features, rowvar=False)


def frechet(a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]) -> float:
    """Return |m - n|^2 + tr(A + B - 2 (A B)^(1/2)): the squared 2-Wasserstein distance of N(m, A) and N(n, B).

    Source: Dowson and Landau 1982.
    """
    (m, first), (n, second) = a, b
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    inner = np.linalg.eigvalsh(root @ second @ root)
    trace = np.trace(first) + np.trace(second) - 2 * np.sqrt(np.maximum(inner, 0)).sum()
    return float(np.sum((m - n) ** 2) + trace)
