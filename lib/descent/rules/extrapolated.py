"""Extragradient around any rule: try the rule's step, and make the step it takes with the gradient found there."""

from descent import vectors
from descent.games import Game
from descent.rules.base import Rule, State, that_steps
from descent.rules.makers import maker
from descent.vectors import Vector


@maker
def extrapolated(rule: Rule) -> Rule:
    """Extrapolate a rule: w' = w + step(xi(w)),  w <- w + step(xi(w')).

    Around gradient descent it is extragradient. Two gradients a step.

    Args:
        rule: makes both steps, from the same state; what it learns from the trial is forgotten.

    Returns:
        A rule with the inner rule's state.

    Source: Gidel, Berard et al. 2019 (ExtraAdam is theirs, around Adam).

    Departures: ExtraAdam's moments take in the gradient of the trial too.

    Example:
        >>> distance(extrapolated(gradient_descent(0.3)), duel)  # extragradient(0.3)
    """

    def update(xi: Vector, state: State, params: Vector, game: Game) -> tuple[Vector, State]:
        trial, _ = that_steps(rule).update(xi, state, params, game)
        moved = vectors.add(params, trial)
        return rule.update(game.gradient(moved), state, moved, game)

    return Rule(rule.init, update)
