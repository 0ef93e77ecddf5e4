"""Rules in a row: adjustments of the gradient, then the rule that makes a step of it."""

from descent.games import Game
from descent.rules.base import Adjustment, Rule, State, Transform
from descent.rules.makers import maker
from descent.vectors import Vector


@maker
def chain(*parts: Transform) -> Rule:
    """Compose adjustments and a rule: each sees as xi what the one before it returned.

    Args:
        parts: adjustments, then a rule; ``chain(sga(1.0), rmsprop(1e-4))`` adjusts xi and hands it to RMSProp.

    Returns:
        A rule whose state is the tuple of its parts' states; of adjustments alone, an adjustment.

    Raises:
        ValueError: there are no parts, or a rule stands before the end.

    Source: Optax's ``chain``, which lets steps be handed on as if they were gradients.

    Example:
        >>> chain(sga(1), rmsprop(learning_rate=1e-3, decay=0.9))  # repr shows the call that makes a rule
        >>> distance(chain(sga(1.0), rmsprop(1e-3)), duel)
    """
    if not parts:
        raise ValueError("chain() is empty: give it adjustments and a rule, as in chain(sga(1.0), rmsprop(1e-4))")
    for part in parts[:-1]:
        if not isinstance(part, Adjustment):
            raise ValueError(f"chain: {part} makes a step, so it comes last; before it come adjustments, like sga(1.0)")

    def init(params: Vector) -> State:
        return tuple(part.init(params) for part in parts)

    def update(xi: Vector, state: State, params: Vector, game: Game) -> tuple[Vector, State]:
        states = []
        for part, part_state in zip(parts, state, strict=True):
            xi, part_state = part.update(xi, part_state, params, game)
            states.append(part_state)
        return xi, tuple(states)

    kind: type = type(parts[-1])
    return kind(init, update)
