"""A small convolutional network as pure functions, written with matrix products, so that lanes of it can be mapped."""

from __future__ import annotations

from dataclasses import dataclass

from descent.problems.networks import Activation, activation_named
from descent.quiet import tf
from descent.randomness import as_seed

Layer = tuple[tf.Tensor, tf.Tensor]


@dataclass(frozen=True)
class Convolutional:
    """Convolutions of 3 x 3 pixels with stride 2, each with an activation, then a linear layer on all that is left.

    Args:
        shape: (height, width, channels) of an image.
        channels: of each convolution.
        classes: outputs.
        activation: as of ``mlp``.
    """

    shape: tuple[int, int, int]
    channels: tuple[int, ...] = (8, 16)
    classes: int = 10
    activation: Activation = "relu"

    def init(self, seed: int | tf.Tensor, dtype: tf.DType = tf.float32) -> list[Layer]:
        """Draw one (W, b) per layer: W of shape [9 inputs, outputs], normal with variance 2/rows; b zero."""
        seed = as_seed(seed)
        height, width, depth = self.shape
        sizes = []
        for channels in self.channels:
            sizes.append((9 * depth, channels))
            height, width, depth = -(-height // 2), -(-width // 2), channels
        sizes.append((height * width * depth, self.classes))
        keys = [tf.random.experimental.stateless_fold_in(seed, k) for k in range(len(sizes))]
        return [
            (
                tf.random.stateless_truncated_normal(size, key, stddev=(2 / size[0]) ** 0.5, dtype=dtype),
                tf.zeros([size[1]], dtype),
            )
            for size, key in zip(sizes, keys, strict=True)
        ]

    def __call__(self, params: list[Layer], x: tf.Tensor) -> tf.Tensor:
        """Return logits [n, classes] of images [n, height, width, channels], or [n, pixels] row by row."""
        x = tf.reshape(x, [-1, *self.shape])
        activation = activation_named(self.activation)
        for w, b in params[:-1]:
            x = activation(tf.matmul(patches(x), w) + b)
        w, b = params[-1]
        return tf.matmul(tf.reshape(x, [-1, w.shape[0]]), w) + b


def patches(x: tf.Tensor) -> tf.Tensor:
    """Return the 3 x 3 neighbourhoods of every other pixel of images [n, h, w, c], zeros beyond the edge.

    The shape is [n, ceil(h/2), ceil(w/2), 9 c]. ``tf.image.extract_patches`` does the same, but can't be mapped. Nor
    can the gradient of ``x[:, i::2, j::2]``, which goes from lane to lane; so even and odd rows and columns are told
    apart by reshaping, and what is left are slices without a stride.
    """
    height, width, depth = x.shape[1:]
    rows, columns = -(-height // 2), -(-width // 2)
    x = tf.pad(x, [[0, 0], _margins(height), _margins(width), [0, 0]])
    pairs = tf.reshape(x, [-1, rows + 1, 2, (columns + 1) * 2 * depth])
    even, odd = tf.unstack(pairs, axis=2)
    found = []
    for lines, first in ((even, 0), (odd, 0), (even, 1)):
        line = tf.reshape(tf.slice(lines, [0, first, 0], [-1, rows, -1]), [-1, rows, columns + 1, 2 * depth])
        found.append(tf.slice(line, [0, 0, 0, 0], [-1, rows, columns, 2 * depth]))
        found.append(tf.slice(line, [0, 0, 1, 0], [-1, rows, columns, depth]))
    return tf.concat(found, -1)


def _margins(size: int) -> list[int]:
    """Return zeros before and after: those of padding "SAME", and one more line behind them, to make pairs of all."""
    half = -(-size // 2)
    before = (2 * half + 1 - size) // 2
    return [before, 2 * half + 2 - size - before]
