"""Oracles: what a rule is told about a game's vector field.

The field is xi(w). A rule seldom sees it: it sees a minibatch's, one guessed from losses alone, or one that an
adversary has touched. An *oracle* is that view, with a memory if it needs one; rules and simulators don't know which
they have.

The randomness of a step is drawn first (``draw``), from the key alone, and used afterwards (``estimate``): so the lanes
of a sweep can share their draws, and compiled maps have no random operation inside.
"""

from descent.oracles.base import BatchFn, Estimate, Oracle, as_oracle, exact, gradients_of, minibatch, nothing
from descent.oracles.evolution_strategies import evolution_strategies
from descent.oracles.noise import noisy
from descent.oracles.samples import filled_up, importance_weighted, own_examples
from descent.oracles.variance_reduction import variance_reduced

__all__ = [
    "BatchFn",
    "Estimate",
    "Oracle",
    "as_oracle",
    "evolution_strategies",
    "exact",
    "filled_up",
    "gradients_of",
    "importance_weighted",
    "minibatch",
    "noisy",
    "nothing",
    "own_examples",
    "variance_reduced",
]
