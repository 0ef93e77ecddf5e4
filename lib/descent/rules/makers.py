"""What all makers of rules share: a rule knows the text that makes it, and any number of it may be a schedule.

    >>> chain(sga(1), rmsprop(learning_rate=1e-4, decay=0.9))
    chain(sga(1.0), rmsprop(0.0001))

The text is canonical, so that equal rules have equal texts: the first argument is always written, the others where they
differ from their defaults; by position, and by name after one that is left out; whole numbers as the default is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from inspect import Parameter, signature
from numbers import Real
from typing import Any, NamedTuple, ParamSpec, TypeVar

from descent import vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.base import State, Transform
from descent.vectors import Scalar, Vector

P = ParamSpec("P")
Made = TypeVar("Made")

NUMBERS = (Scalar, "Scalar", float, "float", int, "int")  # annotations of what may be scheduled
MAKERS: dict[str, Callable[..., Any]] = {}  # name -> maker: the vocabulary of ``read_rule``


@dataclass(frozen=True, repr=False)
class Schedule:
    """A number that depends on the time: wherever a rule takes a number, ``adam(linear(1e-3, 0.0, 1000))``.

    Args:
        value: t, the number of steps made before this one, as a float64 scalar -> the number, a scalar tensor.
        text: the call that makes it.
    """

    value: Callable[[tf.Tensor], tf.Tensor]
    text: str = "<schedule>"

    def __call__(self, t: Scalar) -> tf.Tensor:
        """Return the number at step t = 0, 1, ..., a float64 scalar."""
        return self.value(vectors.cast(t, tf.float64))

    def __repr__(self) -> str:
        return self.text


class ScheduledState(NamedTuple):
    """Steps made so far (int64 scalar), and the state of the rule whose numbers are scheduled."""

    t: tf.Tensor
    inner: State


def maker(function: Callable[P, Made]) -> Callable[P, Made]:
    """Let what a function makes (a rule, an adjustment, a schedule) know its text, and take schedules for numbers."""
    parameters = signature(function).parameters

    @wraps(function)
    def make(*args: P.args, **kwargs: P.kwargs) -> Made:
        given = signature(function).bind(*args, **kwargs)
        given.apply_defaults()
        for name, value in given.arguments.items():
            number = parameters[name].annotation in NUMBERS and not isinstance(value, Schedule)
            if number and (isinstance(value, str | Transform) or callable(value)):
                known = "a number, or a schedule such as linear(1e-3, 0.0, 1000)"
                raise ValueError(f"{function.__name__}: {name} is {known}; got {value!r:.60}")
        moving = {
            name: value
            for name, value in given.arguments.items()
            if isinstance(value, Schedule) and "Schedule" not in str(parameters[name].annotation)
        }
        if moving:
            others = {name: value for name, value in given.arguments.items() if name not in moving}
            made: Any = scheduled(lambda now: function(**others, **now), moving)  # type: ignore[call-arg]
        else:
            made = function(*given.args, **given.kwargs)
        return replace(made, text=f"{function.__name__}({', '.join(_arguments(parameters, given.arguments))})")

    MAKERS[function.__name__] = make
    return make


@maker
def scheduled(make_rule: Callable[[Any], Made], schedule: "Schedule | Mapping[str, Schedule]") -> Made:
    """Follow a schedule: at step t = 0, 1, ... the rule is what make_rule makes of the schedule's number at t.

    Args:
        make_rule: ``number -> Rule``, such as ``adam``; the state's structure must not depend on the number. A lambda
            may use it in several places, but has no text: ``adam(linear(1e-3, 0.0, 1000))`` has one.
        schedule: a schedule, or a dictionary of them; make_rule is then given the dictionary of their numbers.

    Returns:
        A rule, or an adjustment if make_rule makes one; its state is ``ScheduledState``.

    Source: ``optax.inject_hyperparams``.

    Example:
        >>> distance(scheduled(lambda eta: momentum(eta, beta=1 - eta), inverse_time(0.2, 10)), bowl)
        0.357
    """

    def now(t: Scalar) -> Any:
        return make_rule(tf.nest.map_structure(lambda one: one(t), schedule))

    def init(params: Vector) -> ScheduledState:
        t = tf.zeros([], tf.int64)
        return ScheduledState(t, now(t).init(params))

    def update(xi: Vector, state: ScheduledState, params: Vector, game: Game) -> tuple[Vector, ScheduledState]:
        vector, inner = now(state.t).update(xi, state.inner, params, game)
        return vector, ScheduledState(state.t + 1, inner)

    made = make_rule(tf.nest.map_structure(lambda one: 1.0, schedule))
    if not isinstance(made, Transform):
        raise ValueError(f"{made} is no rule, and only a rule's numbers can be scheduled")
    kind: Any = type(made)
    return kind(init, update)


def _arguments(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> list[str]:
    written: list[str] = []
    by_name = False
    for place, (name, parameter) in enumerate(parameters.items()):
        value, default = values[name], parameter.default
        if parameter.kind is Parameter.VAR_POSITIONAL:
            written += map(_written, value)
            continue
        text = _written(tuple(value) if isinstance(value, list) else value, type(default) is int)
        by_name |= parameter.kind is Parameter.KEYWORD_ONLY
        same = value is default or ("<" not in text and text == _written(default, type(default) is int))
        if same and (place > 0 or by_name):
            by_name = True
        else:
            written.append(f"{name}={text}" if by_name else text)
    return written


def _written(x: Any, whole: bool = False) -> str:
    """Return x as Python writes it; ``whole``: 1.0 and 1 as 1, else as 1.0."""
    if isinstance(x, Transform | Schedule):
        return x.text
    if x is None or isinstance(x, bool | str):
        return repr(x)
    if isinstance(x, Real):
        number = float(x)
        return repr(int(number) if whole and number.is_integer() else number).replace("inf", "1e999")
    if isinstance(x, tuple | list):
        items = ", ".join(_written(item, True) for item in x)
        return f"[{items}]" if isinstance(x, list) else f"({items}{',' * (len(x) == 1)})"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{key!r}: {_written(item, True)}" for key, item in x.items()) + "}"
    if callable(x):
        name = getattr(x, "__name__", "")
        return name if MAKERS.get(name) is x else "<function>"
    return "<tensor>"
