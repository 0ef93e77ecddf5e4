import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent import rules
from descent.games import Game
from descent.quiet import tf
from descent.rules import adam, alternating, chain, gradient_descent, linear, momentum, rmsprop, scale, sga, stateless
from descent.rules.makers import MAKERS
from descent.rules.parse import read_rule
from descent.solvers.curvature import gauss_newton

SCHEDULES = ("constant", "linear", "cosine", "inverse_time", "piecewise", "warm_up")
ADJUSTMENTS = ("sga", "consensus", "optimism", "scaffold", "scale", "clip")
AROUND = ("alternating", "extrapolated", "federated", "stopping", "when_finite")
STEPS = tuple(sorted(set(MAKERS) & set(rules.__all__) - {*SCHEDULES, *ADJUSTMENTS, *AROUND, "chain", "scheduled"}))


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("gradient_descent(1e-1)", gradient_descent(0.1)),
        (
            "chain(sga(1.0, 'paper', epsilon=-2), momentum(0.1, beta=-0.5))",
            chain(sga(1.0, "paper", -2), momentum(0.1, -0.5)),
        ),
        ("alternating(momentum(0.1), order=(1, 0, 1))", alternating(momentum(0.1), (1, 0, 1))),
        ("chain(scale(linear(1.0, 0.5, 2)), momentum(0.1))", chain(scale(linear(1.0, 0.5, 2)), momentum(0.1))),
    ],
)
def test_text_is_the_rule_that_python_would_make_of_it(text, rule):
    game = Game(lambda p, b: (p[0] ** 3 * p[1], p[0] * p[1] ** 2))
    params = tf.constant(2.0), tf.constant(-3.0)
    steps = []
    for r in (read_rule(text), rule):
        first, state = r.update(game.gradient(params), r.init(params), params, game)
        steps.append([*first, *r.update(game.gradient(params), state, params, game)[0]])
    np.testing.assert_array_equal(*steps)


@pytest.mark.parametrize(
    "text",
    [
        *("adam", "adam(", "adam()", "adam(0.01).init", "adam(**{'learning_rate': 1})", "3", "chain(adam(x))"),
        *("__import__('os')", "stateless(1)", "Rule(1, 2)", "rules.adam(0.1)", "linear(1, 0, 2)", "maker(adam)"),
        *("chain(adam(0.1), sga(1.0))", "sga(1.0)", "chain()", "adam(linear(linear(1, 0, 1), 0, 1))"),
    ],
)
def test_text_that_is_no_rule_is_refused(text):
    with pytest.raises(ValueError, match=r"can't be read \(.*\): write calls"):
        read_rule(text)


def test_the_same_rule_has_the_same_text():
    same = {repr(r) for r in (chain(sga(), rmsprop(1, decay=0.9)), chain(sga(1), rmsprop(learning_rate=np.float64(1))))}
    assert same == {"chain(sga(1.0), rmsprop(1.0))"}
    assert repr(adam(1e-4, epsilon=1)) == "adam(0.0001, epsilon=1.0)"
    assert repr(alternating(momentum(1), [1, 0])) == "alternating(momentum(1.0), (1, 0))"
    assert repr(rules.cgd(1, iterations=5.0)) == "cgd(1.0, iterations=5)"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (adam(tf.constant(0.1)), "adam(<tensor>)"),
        (adam(linear(tf.Variable(0.1), 0, 10)), "adam(linear(<tensor>, 0.0, 10.0))"),
        (rules.implicit(0.1, gauss_newton(None, None)), "implicit(0.1, <function>)"),
        (chain(sga(1.0), stateless(lambda xi, params, game: xi)), "chain(sga(1.0), <rule>)"),
        (rules.scheduled(lambda eta: adam(eta), linear(1, 0, 10)), "scheduled(<function>, linear(1.0, 0.0, 10.0))"),
    ],
)
def test_what_has_no_text_says_so_and_is_refused(rule, text):
    assert repr(rule) == text
    with pytest.raises(ValueError, match="what stands in <> has no text"):
        read_rule(text)


numbers = st.floats(allow_nan=False) | st.integers(-(10**6), 10**6)


def value_of(parameter, number):
    """A strategy for what a maker's parameter may be given."""
    kind, default = str(parameter.annotation), parameter.default
    if parameter.name == "order":
        return st.permutations((0, 1)).map(tuple)
    if "Literal" in kind:
        return st.sampled_from(parameter.annotation.__args__)
    if isinstance(default, bool):
        return st.booleans()
    if isinstance(default, int):
        return st.integers(1, 1000)
    return numbers if kind in ("<class 'float'>", "<class 'int'>") else number


def called(names, number=numbers, **given):
    """Strategy: (maker's name, its arguments, how many of them by position)."""

    def arguments(name):
        parameters = inspect.signature(MAKERS[name]).parameters.values()
        free = [p for p in parameters if p.name not in (*given, "curvature", "only", "weights", "server", "present")]
        must = {p.name: value_of(p, number) for p in free if p.default is p.empty}
        may = {p.name: value_of(p, number) for p in free if p.default is not p.empty}
        must |= {p.name: given[p.name] for p in parameters if p.name in given}
        chosen = st.fixed_dictionaries(must, optional=may)
        return st.tuples(st.just(name), chosen, st.integers(0, 3))

    return st.sampled_from(names).flatmap(arguments)


lines = called(("constant", "linear", "cosine", "inverse_time"))
steps_of_time = st.tuples(
    st.just("piecewise"),
    st.fixed_dictionaries(
        {"values": st.tuples(numbers, numbers), "boundaries": st.tuples(st.integers(0, 100))},
    ),
    st.integers(0, 2),
)
schedules = lines | steps_of_time | called(("warm_up",), then=lines | numbers)
number = numbers | schedules
makes_step = st.recursive(
    called(STEPS, number),
    lambda inner: (
        called(AROUND, rule=inner)
        | st.tuples(
            st.just("scheduled"), st.fixed_dictionaries({"make_rule": st.just(adam), "schedule": schedules}), st.just(0)
        )
        | st.tuples(st.just("chain"), st.lists(called(ADJUSTMENTS, number), max_size=3), inner)
    ),
    max_leaves=3,
)


def made(spec):
    """Call the makers."""
    if not (isinstance(spec, tuple) and spec and spec[0] in MAKERS):
        return spec
    if spec[0] == "chain":
        return chain(*map(made, spec[1]), made(spec[2]))
    name, arguments, by_position = spec
    values = {key: made(value) for key, value in arguments.items()}
    first = []
    for p in inspect.signature(MAKERS[name]).parameters.values():
        if len(first) == by_position or p.name not in values or p.kind is p.KEYWORD_ONLY:
            break
        first.append(values.pop(p.name))
    return MAKERS[name](*first, **values)


def bound(name, *args, **kwargs):
    """(name, all arguments with defaults): numbers as floats, functions as their names."""
    given = inspect.signature(MAKERS[name]).bind(*args, **kwargs)
    given.apply_defaults()
    return name, {key: plain(value) for key, value in given.arguments.items()}


def plain(x):
    if isinstance(x, tuple):
        return tuple(map(plain, x))
    if callable(x):
        return x.__name__
    return float(x) if isinstance(x, int | float) and not isinstance(x, bool) else x


def expected(spec):
    if not (isinstance(spec, tuple) and spec and spec[0] in MAKERS):
        return spec
    if spec[0] == "chain":
        return bound("chain", *map(expected, spec[1]), expected(spec[2]))
    return bound(spec[0], **{key: expected(value) for key, value in spec[1].items()})


@settings(deadline=None, max_examples=150)
@given(makes_step)
def test_any_composition_reads_back(spec):
    text = repr(made(spec))
    assert repr(read_rule(text)) == text
    # the oracle is Python, which calls functions of these names: they note how they were called
    assert eval(text, {name: note(name) for name in MAKERS}) == expected(spec)


def note(name):
    def noted(*args, **kwargs):
        return bound(name, *args, **kwargs)

    noted.__name__ = name
    return noted
