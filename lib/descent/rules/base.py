"""What a rule is, and what one step of it does.

The convention is Optax's: a rule is a pair of pure functions, and what ``update`` returns is *added* to the parameters.
The one addition is the game, handed to ``update`` so that a rule may look ahead, ask for curvature, or move the players
in turn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from descent import vectors
from descent.games import Game
from descent.oracles import Oracle
from descent.vectors import Vector

State = Any


@dataclass(frozen=True, repr=False)
class Transform:
    """What makes a vector of the gradient: a ``Rule`` makes a step of it, an ``Adjustment`` another gradient.

    Args:
        init: ``params -> state``.
        update: ``(xi, state, params, game) -> (vector, state)``; xi is the game's simultaneous gradient at params, or
            what the adjustments before made of it; ``game`` already has the batch.
        text: the call that makes it, which ``repr`` shows and ``read_rule`` reads; what no text can hold stands in <>.
    """

    init: Callable[[Vector], State]
    update: Callable[[Vector, State, Vector, Game], tuple[Vector, State]]
    text: str = "<rule>"

    def __repr__(self) -> str:
        return self.text


class Rule(Transform):
    """An update rule: what its ``update`` returns is a step, to be added to params."""


class Adjustment(Transform):
    """What comes before a rule in a chain: its ``update`` returns a gradient, which some rule has yet to descend."""


Kind = TypeVar("Kind", Rule, Adjustment)


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

    Raises:
        ValueError: the rule is an adjustment.
    """
    rule = that_steps(rule)
    if isinstance(game, Oracle):
        (xi, seen, _), oracle_state = game.estimate(params, oracle_state, sample)
        change, state = rule.update(xi, state, params, seen)
        return vectors.add(params, change), state, oracle_state
    change, state = rule.update(game.gradient(params), state, params, game)
    return vectors.add(params, change), state


def direction(rule: Transform, game: Game, params: Vector) -> Vector:
    """Return what a rule (or an adjustment) makes of xi at params in its first step, structured like params."""
    return rule.update(game.gradient(params), rule.init(params), params, game)[0]


def that_steps(rule: Transform) -> Rule:
    """Return the rule; raise ValueError if it is an adjustment, whose gradient would be added as if it were a step."""
    if isinstance(rule, Rule):
        return rule
    raise ValueError(
        f"{rule} adjusts the gradient and makes no step: write chain({rule}, gradient_descent(eta)), or another rule"
    )


def stateless(update: Callable[[Vector, Vector, Game], Vector], kind: type[Kind] = Rule) -> Kind:  # type: ignore[assignment]
    """Make a rule, or an adjustment, of a function ``(xi, params, game) -> vector`` that remembers nothing."""
    return kind(lambda params: (), lambda xi, state, params, game: (update(xi, params, game), state))


def one_player(params: Vector, name: str) -> None:
    """Raise ValueError unless there is one player, for the rule of that name."""
    if len(params) != 1:
        raise ValueError(f"{name} is for one player, this game has {len(params)}: use alternating({name}(...))")
