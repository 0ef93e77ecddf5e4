"""What a rule is, and how rules compose.

The convention is Optax's: a rule is a pair of pure functions, and what ``update`` returns is *added* to the parameters.
The one addition is the game, handed to ``update`` so that a rule may look ahead, ask for curvature, or move the players
in turn.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, overload

from descent import vectors
from descent.games import Game
from descent.oracles import Oracle
from descent.vectors import Vector

State = Any


class Rule(NamedTuple):
    """An update rule.

    Args:
        init: ``params -> state``.
        update: ``(xi, state, params, game) -> (step, state)``; xi is the game's simultaneous gradient at params, or
            what the previous rule of a chain made of it; the step is added to params; ``game`` already has the batch.
    """

    init: Callable[[Vector], State]
    update: Callable[[Vector, State, Vector, Game], tuple[Vector, State]]


@overload
def step(rule: Rule, game: Game, params: Vector, state: State) -> tuple[Vector, State]: ...
@overload
def step(
    rule: Rule, game: Oracle, params: Vector, state: State, oracle_state: State, sample: Any
) -> tuple[Vector, State, State]: ...
def step(rule: Rule, game: Any, params: Vector, state: State, oracle_state: State = (), sample: Any = ()) -> Any:
    """Make one step: ask for xi, ask the rule what to add, add it.

    Args:
        rule: the rule.
        game: the game, with its batch, or an oracle.
        params: a tuple of one vector per player.
        state: the rule's.
        oracle_state: an oracle's memory.
        sample: an oracle's, of this step (``oracle.sample``).

    Returns:
        Parameters and state after the step, structured like params and state; of an oracle, its state as well.
    """
    if isinstance(game, Oracle):
        (xi, seen, _), oracle_state = game.estimate(params, oracle_state, sample)
        change, state = rule.update(xi, state, params, seen)
        return vectors.add(params, change), state, oracle_state
    change, state = rule.update(game.gradient(params), state, params, game)
    return vectors.add(params, change), state


def stateless(update: Callable[[Vector, Vector, Game], Vector]) -> Rule:
    """Make a rule of a function ``(xi, params, game) -> step`` that remembers nothing."""
    return Rule(lambda params: (), lambda xi, state, params, game: (update(xi, params, game), state))


def chain(*rules: Rule) -> Rule:
    """Compose rules: each sees as xi what the one before it returned.

    Args:
        rules: one or more rules; ``chain(sga(1.0), rmsprop(1e-4))`` adjusts xi and hands it to RMSProp.

    Returns:
        A rule whose state is the tuple of its parts' states.

    Source: Optax's ``chain``.
    """

    def init(params: Vector) -> State:
        return tuple(rule.init(params) for rule in rules)

    def update(xi: Vector, state: State, params: Vector, game: Game) -> tuple[Vector, State]:
        states = []
        for rule, rule_state in zip(rules, state, strict=True):
            xi, rule_state = rule.update(xi, rule_state, params, game)
            states.append(rule_state)
        return xi, tuple(states)

    return Rule(init, update)
