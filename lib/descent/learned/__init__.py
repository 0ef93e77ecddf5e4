"""Learned optimisers, one a file, and their meta-training; see ``learned.base`` for what a learned optimiser is."""

from descent.learned.base import LearnedOptimizer
from descent.learned.history import k_momentums, normalized_history
from descent.learned.learnable import learnable_gradient_descent
from descent.learned.lstm import lstm_optimizer
from descent.learned.mlp_optimizer import mlp_optimizer
from descent.learned.multiscale_adam import multiscale_adam
from descent.learned.rnnprop import rnnprop

__all__ = [
    "LearnedOptimizer",
    "k_momentums",
    "learnable_gradient_descent",
    "lstm_optimizer",
    "mlp_optimizer",
    "multiscale_adam",
    "normalized_history",
    "rnnprop",
]
