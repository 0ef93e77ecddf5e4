"""The networks whose gradient noise was measured, as problems of classification."""

from collections.abc import Sequence
from typing import Literal

from descent.problems.classification import CLASSES, Classification
from descent.problems.images import Images
from descent.problems.networks import mlp
from descent.quiet import tf


def project_classifier(images: Images, hidden: Sequence[int], activation: Literal["relu", "sigmoid"]) -> Classification:
    """Return the SGN project's network and its loss.

    Args:
        images: flattened.
        hidden: widths of the hidden layers, such as [100].
        activation: of every layer, the last one included.

    Returns:
        The problem: a network without biases, weights from N(0, .1^2), whose outputs z are taken before the last
        activation.

    Raises:
        ValueError: another activation.

    Source: the SGN project's ``model_epoch_vs_alpha.py``. It writes no loss, only the output error a(z) - y: the
    derivative of binary cross-entropy for the sigmoid, and of relu(z)^2/2 - y z for ReLU. These are the losses here.
    """
    if activation not in ("relu", "sigmoid"):
        raise ValueError(f"activation is 'relu' or 'sigmoid', as in the project; got {activation!r}")

    def each_loss(z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        y = tf.one_hot(labels, CLASSES, dtype=z.dtype)
        if activation == "sigmoid":
            each = tf.nn.sigmoid_cross_entropy_with_logits(y, z)
        else:
            each = tf.nn.relu(z) ** 2 / 2 - y * z
        return tf.reduce_sum(each, axis=-1)

    sizes = [images.x.shape[1], *hidden, CLASSES]
    return Classification(images, mlp(sizes, activation, bias=False, initializer=("normal", 0.1)), each_loss)


def relu_classifier(images: Images, width: int, depth: int) -> Classification:
    """Return a network of Simsekli et al.'s grid and its negative log-likelihood.

    Args:
        images: flattened.
        width: units of every hidden layer.
        depth: layers with weights, at least 2.

    Returns:
        The problem, with a ReLU network without biases.

    Departures: weights are Glorot-uniform, where the published code leaves PyTorch's default.

    Source: Simsekli et al. 2019, section 4 (fully connected networks), and their ``models.py``.
    """
    sizes = [images.x.shape[1], *[width] * (depth - 1), CLASSES]
    return Classification(images, mlp(sizes, bias=False, initializer="keras"))
