"""The coordinatewise LSTM of "Learning to learn by gradient descent by gradient descent", and its cell."""

from collections.abc import Sequence
from typing import NamedTuple

from descent import vectors
from descent.learned.base import Key, LearnedOptimizer, Weights, coordinatewise, dtype_of, stateless_key
from descent.quiet import tf
from descent.rules.base import Rule


class Cell(NamedTuple):
    """One LSTM layer: kernel [inputs + units, 4 units] and bias [4 units], for the gates i, f, c, o in this order."""

    kernel: tf.Tensor
    bias: tf.Tensor


class CellState(NamedTuple):
    """Output h and memory c, each of shape [n, units]."""

    h: tf.Tensor
    c: tf.Tensor


class LSTMWeights(NamedTuple):
    """The layers, and the linear map from the last one's output to the step: W of shape [units, 1] and b of [1]."""

    cells: tuple[Cell, ...]
    output: tuple[tf.Tensor, tf.Tensor]


def lstm_optimizer(units: int = 20, layers: int = 2, p: float = 10.0, scale: float = 0.01) -> LearnedOptimizer:
    """A small LSTM per coordinate, the same for all of them, that reads the gradient and writes the step.

    Args:
        units: of each layer.
        layers: stacked.
        p: how many e-folds below 1 a gradient still counts by its logarithm; see ``log_and_sign``.
        scale: of the output.

    Returns:
        A learned optimiser; its rule's state is a tuple of ``CellState``, zero at first.

    Source: Andrychowicz et al. 2016, section 2.1 and appendix A (p = 10; their code has 5).
    """

    def init(key: Key, dtype: tf.DType = tf.float32) -> Weights:
        return lstm_init(key, inputs=2, units=units, layers=layers, dtype=dtype)

    def rule(weights: Weights) -> Rule:
        def update(xi: tf.Tensor, state, x: tf.Tensor):
            output, state = lstm(weights, log_and_sign(xi, p), state)
            return vectors.cast(scale, x.dtype) * output, state

        return coordinatewise(lambda x: lstm_zero(x, units, layers), update, dtype_of(weights))

    settings = {"units": units, "layers": layers, "p": p, "scale": scale}
    return LearnedOptimizer("lstm_optimizer", settings, init, rule)


def log_and_sign(xi: tf.Tensor, p: float) -> tf.Tensor:
    """Return two inputs of order one, shape [n, 2], for gradients xi of any size, shape [n].

    They are (log |xi| / p, sign xi) where |xi| >= exp(-p), and (-1, exp(p) xi) below.

    Source: Andrychowicz et al. 2016, appendix A.
    """
    steepness = tf.exp(vectors.cast(p, xi.dtype))
    large = tf.abs(xi) * steepness >= 1
    logarithm = tf.math.log(tf.where(large, tf.abs(xi), tf.ones_like(xi))) / vectors.cast(p, xi.dtype)
    first = tf.where(large, logarithm, -tf.ones_like(xi))
    second = tf.where(large, tf.sign(xi), steepness * xi)
    return tf.stack([first, second], 1)


def lstm_init(key: Key, inputs: int, units: int, layers: int, dtype: tf.DType) -> LSTMWeights:
    """Draw weights: normal with standard deviation 1/sqrt(inputs), cut at two of them; zero biases."""

    def normal(shape: list[int], stream: int) -> tf.Tensor:
        return tf.random.stateless_truncated_normal(
            shape, stateless_key(key, stream), stddev=shape[0] ** -0.5, dtype=dtype
        )

    sizes = [inputs, *[units] * (layers - 1)]
    cells = tuple(
        Cell(normal([size + units, 4 * units], layer), tf.zeros([4 * units], dtype)) for layer, size in enumerate(sizes)
    )
    return LSTMWeights(cells, (normal([units, 1], layers), tf.zeros([1], dtype)))


def lstm_zero(x: tf.Tensor, units: int, layers: int) -> tuple[CellState, ...]:
    """Return the state of an LSTM that has seen nothing, for the coordinates x of shape [n]."""
    nothing = tf.zeros([x.shape[0], units], x.dtype)
    return tuple(CellState(nothing, nothing) for _ in range(layers))


def lstm(
    weights: LSTMWeights, inputs: tf.Tensor, state: Sequence[CellState]
) -> tuple[tf.Tensor, tuple[CellState, ...]]:
    """Return the output, shape [n], for inputs [n, features], and the next state."""
    states = []
    for cell, old in zip(weights.cells, state, strict=True):
        new = cell_step(cell, inputs, old)
        inputs = new.h
        states.append(new)
    w, b = weights.output
    return tf.reshape(tf.matmul(inputs, w) + b, [-1]), tuple(states)


def cell_step(cell: Cell, inputs: tf.Tensor, state: CellState) -> CellState:
    """Return one LSTM layer's next state.

    The forget gate opens at sigmoid(f + 1), as Sonnet's and TensorFlow 1's cells do, so a new cell remembers.

    Source: Hochreiter and Schmidhuber 1997 with Gers et al.'s forget gate; ``keras.layers.LSTMCell``, whose
    ``unit_forget_bias`` puts that 1 into the bias.
    """
    gates = tf.matmul(tf.concat([inputs, state.h], 1), cell.kernel) + cell.bias
    i, f, candidate, o = tf.split(gates, 4, axis=1)
    c = tf.sigmoid(f + 1) * state.c + tf.sigmoid(i) * tf.tanh(candidate)
    return CellState(tf.sigmoid(o) * tf.tanh(c), c)
