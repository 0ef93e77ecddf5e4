import numpy as np
import pytest

from descent.games import Game
from descent.quiet import tf
from descent.rules import alternating, chain, gradient_descent, momentum, sga
from descent.rules.text import read_rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("gradient_descent(1e-1)", gradient_descent(0.1)),
        (
            "chain(sga(1.0, 'paper', epsilon=-2), momentum(0.1, beta=-0.5))",
            chain(sga(1.0, "paper", -2), momentum(0.1, -0.5)),
        ),
        ("alternating(momentum(0.1), order=(1, 0, 1))", alternating(momentum(0.1), (1, 0, 1))),
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
        *("__import__('os')", "stateless(1)", "Rule(1, 2)", "rules.adam(0.1)"),
    ],
)
def test_text_that_is_no_rule_is_refused(text):
    with pytest.raises(ValueError, match=r"can't be read \(.*\): write calls"):
        read_rule(text)
