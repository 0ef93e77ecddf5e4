"""Any rule, played in turns: each player sees the parameters the others have just moved to."""

from descent import vectors
from descent.games import Game
from descent.rules.base import Rule, State, that_steps
from descent.rules.makers import maker
from descent.vectors import Vector


@maker
def alternating(rule: Rule, order: tuple[int, ...] | None = None) -> Rule:
    """Move the players one after the other: w_i <- w_i + step_i(w_1', ..., w_{i-1}', w_i, ..., w_n).

    The rule plays the one-player game of whoever's turn it is, so ``alternating(gradient_descent(eta))``,
    ``alternating(momentum(eta, -0.5))`` and ``alternating(optimistic(eta))`` are alternating gradient descent, momentum
    and OMD. Every player's gradient is taken when the turn comes; the xi handed in is not used, so in a chain this rule
    is first and last.

    Args:
        rule: the rule that each player follows, with a state of its own for each.
        order: whose turn it is, one entry per move; 0, 1, ..., n - 1 unless given. (1, 1, 0) trains a GAN (generator,
            discriminator) with two steps of the discriminator to one of the generator.

    Returns:
        A rule; its state is a tuple with the wrapped rule's state for each player.

    Source: the order of updates in Gauss-Seidel's method; with momentum, Gidel et al. 2019.

    Example:
        >>> distance(gradient_descent(0.1), duel), distance(alternating(gradient_descent(0.1)), duel)
    """

    def init(params: Vector) -> State:
        return tuple(rule.init((w,)) for w in params)

    def update(xi: Vector, state: State, params: Vector, game: Game) -> tuple[Vector, State]:
        moved, states = list(params), list(state)
        steps = [vectors.zeros_like(w) for w in params]
        for i in range(len(params)) if order is None else order:
            own = game.alone(tuple(moved), i)
            (step,), states[i] = that_steps(rule).update(own.gradient((moved[i],)), states[i], (moved[i],), own)
            steps[i] = vectors.add(steps[i], step)
            moved[i] = vectors.add(params[i], steps[i])
        return tuple(steps), tuple(states)

    return Rule(init, update)
