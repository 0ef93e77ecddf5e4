"""What a step takes, measured: seconds of several rules side by side, and beside them the memory that is counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from descent.games import Game
from descent.measures.peak_memory import peak_bytes
from descent.quiet import tf
from descent.rules.base import Rule, step
from descent.vectors import Vector


class StepCost(NamedTuple):
    """Seconds of one step, and bytes of the tensors that it makes and holds at once."""

    seconds: float
    peak: int


def step_costs(cases: Sequence[tuple[Rule, Game, Vector]], rounds: int = 15, repeats: int = 3) -> list[StepCost]:
    """Measure one compiled step of each of some rules on some games.

    Args:
        cases: (rule, game with its batch, params to step from).
        rounds: passes over all cases: turn by turn, so that a busy spell of the machine hits all of them alike.
        repeats: steps timed per case and round.

    Returns:
        Per case, seconds: the least of all its steps, as other programs on the machine only ever add. Bytes: as
        ``peak_bytes`` counts.
    """
    steps, least = [], [float("inf")] * len(cases)
    for rule, game, params in cases:
        one = tf.function(_step(rule, game), autograph=False).get_concrete_function(params, rule.init(params))
        one(params, rule.init(params))
        steps.append(one)
    for _ in range(rounds):
        for k, (one, (rule, _, params)) in enumerate(zip(steps, cases, strict=True)):
            state = rule.init(params)
            for _ in range(repeats):
                began = time.perf_counter()
                tf.nest.flatten(one(params, state))[0].numpy()
                least[k] = min(least[k], time.perf_counter() - began)
    return [StepCost(seconds, peak_bytes(one.graph)) for seconds, one in zip(least, steps, strict=True)]


def _step(rule: Rule, game: Game) -> Callable[[Vector, Any], tuple[Vector, Any]]:
    return lambda params, state: step(rule, game, params, state)
