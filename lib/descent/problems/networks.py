"""Fully connected networks as pure functions: parameters in, outputs out, initialisations named after their source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from descent.quiet import tf
from descent.randomness import as_seed

Initializer = Literal["sonnet", "keras"] | tuple[Literal["normal"], float]
Function = Callable[[tf.Tensor], tf.Tensor]
Activation = Literal["relu", "sigmoid", "tanh", "softplus", "elu", "linear"] | Function
Layer = tuple[tf.Tensor, ...]

ACTIVATIONS: dict[Any, Function] = {
    "relu": tf.nn.relu,
    "sigmoid": tf.nn.sigmoid,
    "tanh": tf.nn.tanh,
    "softplus": tf.nn.softplus,
    "elu": tf.nn.elu,
    "linear": tf.identity,
}


def activation_named(activation: Activation) -> Function:
    """Return the function of this name; a function is its own."""
    found = ACTIVATIONS.get(activation, activation)
    if not callable(found):
        raise ValueError(f"activation is one of {', '.join(ACTIVATIONS)}, or a function; got {activation!r}")
    return found


class Network(Protocol):
    """What a problem asks of a network: drawn weights, and outputs of them."""

    def init(self, seed: int | tf.Tensor, dtype: tf.DType = tf.float32) -> Any:
        """Draw weights."""

    def __call__(self, params: Any, x: tf.Tensor) -> tf.Tensor:
        """Return the outputs for inputs x, examples on axis 0."""


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron; ``mlp`` makes one.

    Args:
        sizes: widths from input to output.
        activation: between layers; the last layer is linear.
        bias: whether layers add one.
        initializer: see ``mlp``.
    """

    sizes: tuple[int, ...]
    activation: Activation
    bias: bool
    initializer: Initializer

    @property
    def parameters(self) -> int:
        """Return how many numbers ``init`` draws."""
        return sum((inputs + self.bias) * outputs for inputs, outputs in zip(self.sizes, self.sizes[1:], strict=False))

    def init(self, seed: int | tf.Tensor, dtype: tf.DType = tf.float32) -> list[Layer]:
        """Draw parameters.

        Args:
            seed: an integer, or a stateless seed (int32 tensor of shape [2]); give each network of a game its own.
            dtype: of the parameters.

        Returns:
            One ``(W, b)`` per layer, or ``(W,)`` without biases; W has shape [inputs, outputs], b is zero.
        """
        seed = as_seed(seed)
        layers: list[Layer] = []
        for k, (inputs, outputs) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            weights = self._weights((inputs, outputs), tf.random.experimental.stateless_fold_in(seed, k), dtype)
            layers.append((weights, tf.zeros([outputs], dtype)) if self.bias else (weights,))
        return layers

    def __call__(self, params: Sequence[Layer], x: tf.Tensor) -> tf.Tensor:
        """Return the outputs, shape [..., sizes[-1]], for inputs x of shape [..., sizes[0]]."""
        activation = activation_named(self.activation)
        for k, layer in enumerate(params):
            if k > 0:
                x = activation(x)
            x = tf.matmul(x, layer[0])
            if self.bias:
                x += layer[1]
        return x

    def _weights(self, shape: tuple[int, int], seed: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
        inputs, outputs = shape
        if self.initializer == "sonnet":
            return tf.random.stateless_truncated_normal(shape, seed, stddev=inputs**-0.5, dtype=dtype)
        if self.initializer == "keras":
            limit = (6 / (inputs + outputs)) ** 0.5
            return tf.random.stateless_uniform(shape, seed, -limit, limit, dtype)
        return tf.random.stateless_normal(shape, seed, stddev=self.initializer[1], dtype=dtype)


def mlp(
    sizes: Sequence[int],
    activation: Activation = "relu",
    bias: bool = True,
    initializer: Initializer = "sonnet",
) -> MLP:
    """Make a multilayer perceptron with a linear last layer.

    Args:
        sizes: widths from input to output: ``[64, 384, 384, 2]`` has two hidden layers.
        activation: between layers: one of ``ACTIVATIONS`` by name, so that the network can be written down, or a
            function.
        bias: whether layers add one (always initialised at zero).
        initializer: how weights are drawn. "sonnet": normal of standard deviation 1/sqrt(inputs), cut at two of them
            (which leaves .88 of it); "keras": uniform within sqrt(6 / (inputs + outputs)), Glorot's; ("normal", std).

    Returns:
        An ``MLP`` with ``init(seed) -> params`` and ``__call__(params, x) -> outputs``.

    Raises:
        ValueError: fewer than two sizes, or an activation or initializer of another name.

    Source: Sonnet 1's ``nets.MLP``; Keras's ``Dense``.
    """
    if len(sizes) < 2:
        raise ValueError(f"mlp: sizes run from input to output, so at least two are needed; got {list(sizes)}")
    activation_named(activation)
    named = initializer in ("sonnet", "keras")
    if not named and not (isinstance(initializer, tuple) and len(initializer) == 2 and initializer[0] == "normal"):
        raise ValueError(f"mlp: initializer is 'sonnet', 'keras' or ('normal', std); got {initializer!r}")
    return MLP(tuple(sizes), activation, bias, initializer)
