"""RNNprop: a coordinatewise LSTM that reads what Adam and RMSProp would do, and whose step is bounded."""

from typing import NamedTuple

from descent import vectors
from descent.learned.base import Key, LearnedOptimizer, Weights, coordinatewise, dtype_of, stateless_key
from descent.learned.lstm import CellState, LSTMWeights, lstm, lstm_init, lstm_zero
from descent.quiet import tf
from descent.rules.base import Rule

BETA, EPSILON = 0.95, 1e-8


class RNNpropWeights(NamedTuple):
    """The layer in front, W of shape [2, 20] and b of [20], and the LSTM."""

    front: tuple[tf.Tensor, tf.Tensor]
    lstm: LSTMWeights


class RNNpropState(NamedTuple):
    """Steps made (int64 scalar), both moments, shape [n], and the LSTM's state."""

    t: tf.Tensor
    m: tf.Tensor
    v: tf.Tensor
    cells: tuple[CellState, ...]


def rnnprop(units: int = 20, layers: int = 2, scale: float = 0.1) -> LearnedOptimizer:
    """RNNprop: the inputs are xi / sqrt(v^) and m^ / sqrt(v^), the step is -scale tanh(LSTM(elu(front))).

    Args:
        units: of the layer in front and of each LSTM layer.
        layers: of the LSTM.
        scale: the longest step of a coordinate.

    Returns:
        A learned optimiser; its rule's state is ``RNNpropState``.

    Source: Lv, Jiang and Li 2017, section 4; decays .95 and sizes from their code.
    """

    def init(key: Key, dtype: tf.DType = tf.float32) -> Weights:
        front = tf.random.stateless_truncated_normal([2, units], stateless_key(key, 9), stddev=2**-0.5, dtype=dtype)
        return RNNpropWeights((front, tf.zeros([units], dtype)), lstm_init(key, units, units, layers, dtype))

    def rule(weights: Weights) -> Rule:
        def rule_init(x: tf.Tensor) -> RNNpropState:
            return RNNpropState(tf.zeros([], tf.int64), tf.zeros_like(x), tf.zeros_like(x), lstm_zero(x, units, layers))

        def update(xi: tf.Tensor, state: RNNpropState, x: tf.Tensor) -> tuple[tf.Tensor, RNNpropState]:
            beta = vectors.cast(BETA, x.dtype)
            t = state.t + 1
            m = vectors.mean(beta, state.m, xi)
            v = vectors.mean(beta, state.v, tf.square(xi))
            correction = 1 - beta ** tf.cast(t, x.dtype)
            moved = v > 0
            root = tf.sqrt(tf.where(moved, v, tf.ones_like(v)) / correction) + vectors.cast(EPSILON, x.dtype)
            inputs = tf.where(moved[:, None], tf.stack([xi / root, m / correction / root], 1), 0)
            hidden = tf.nn.elu(tf.matmul(inputs, weights.front[0]) + weights.front[1])
            output, cells = lstm(weights.lstm, hidden, state.cells)
            return -vectors.cast(scale, x.dtype) * tf.tanh(output), RNNpropState(t, m, v, cells)

        return coordinatewise(rule_init, update, dtype_of(weights))

    return LearnedOptimizer("rnnprop", {"units": units, "layers": layers, "scale": scale}, init, rule)
