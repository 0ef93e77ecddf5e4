"""The networks whose gradient noise was measured, as one-player games."""

from collections.abc import Sequence
from typing import Literal

from descent.games import Game
from descent.problems.networks import MLP, mlp
from descent.quiet import tf

CLASSES = 10


def project_network(sizes: Sequence[int], activation: Literal["relu", "sigmoid"]) -> tuple[MLP, Game]:
    """Return the SGN project's network and its training as a game.

    Args:
        sizes: widths from input to output, such as [784, 100, 10].
        activation: of every layer, the last one included.

    Returns:
        (network without biases, weights from N(0, .1^2); game whose batch is (images [b, d], labels [b])). Its outputs
        z are taken before the last activation.

    Raises:
        ValueError: another activation.

    Source: the SGN project's ``model_epoch_vs_alpha.py``. It writes no loss, only the output error a(z) - y: the
    derivative of binary cross-entropy for the sigmoid, and of relu(z)^2/2 - y z for ReLU. These are the losses here.
    """
    if activation not in ("relu", "sigmoid"):
        raise ValueError(f"activation is 'relu' or 'sigmoid', as in the project; got {activation!r}")
    net = mlp(sizes, tf.nn.relu if activation == "relu" else tf.nn.sigmoid, bias=False, initializer=("normal", 0.1))

    def losses(params, batch):
        z = net(params[0], batch[0])
        y = tf.one_hot(batch[1], CLASSES, dtype=z.dtype)
        if activation == "sigmoid":
            each = tf.nn.sigmoid_cross_entropy_with_logits(y, z)
        else:
            each = tf.nn.relu(z) ** 2 / 2 - y * z
        return (tf.reduce_mean(tf.reduce_sum(each, axis=-1)),)

    return net, Game(losses)


def relu_network(inputs: int, width: int, depth: int) -> tuple[MLP, Game]:
    """Return a network of Simsekli et al.'s grid and its training as a game.

    Args:
        inputs: pixels.
        width: units of every hidden layer.
        depth: layers with weights, at least 2.

    Returns:
        (ReLU network without biases; game of its negative log-likelihood, batch as in ``project_network``).

    Departures: weights are Glorot-uniform, where the published code leaves PyTorch's default.

    Source: Simsekli et al. 2019, section 4 (fully connected networks), and their ``models.py``.
    """
    net = mlp([inputs, *[width] * (depth - 1), CLASSES], tf.nn.relu, bias=False, initializer="keras")

    def losses(params, batch):
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], net(params[0], batch[0]))
        return (tf.reduce_mean(each),)

    return net, Game(losses)
