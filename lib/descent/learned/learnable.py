"""Gradient descent with a learned learning rate: the smallest learned optimiser, its meta-gradient known exactly."""

from descent import vectors
from descent.learned.base import Key, LearnedOptimizer, Weights
from descent.quiet import tf
from descent.rules.base import Rule, stateless


def learnable_gradient_descent(initial: float = 0.1) -> LearnedOptimizer:
    """Gradient descent w <- w - exp(a) xi(w) with the weight a.

    Args:
        initial: learning rate exp(a) before meta-training.

    Returns:
        A learned optimiser with one scalar weight.

    Source: ``LearnableSGD`` of Metz et al.'s ``learned_optimization``, which also learns the rate's logarithm.
    """

    def init(key: Key, dtype: tf.DType = tf.float32) -> Weights:
        return tf.math.log(vectors.cast(initial, dtype))

    def rule(weights: Weights) -> Rule:
        return stateless(lambda xi, params, game: vectors.scale(-tf.exp(weights), xi))

    return LearnedOptimizer("learnable_gradient_descent", {"initial": initial}, init, rule)
