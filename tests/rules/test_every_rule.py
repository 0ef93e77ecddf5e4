"""What every rule must do: run in a compiled loop, in mapped lanes, in both precisions, on nested players; say what it
is; and be right about one thing that can be known without its code: its order as an integrator, or its first step."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from descent import rules, vectors
from descent.games import Game
from descent.quiet import tf
from descent.rules.makers import MAKERS
from descent.rules.parse import read_rule

# what is exported and is no rule; schedules have tests of their own, and `stopping` is for lanes side by side
TOOLS = {"Adjustment", "Rule", "Schedule", "direction", "maker", "stateless", "step", "stopping"}
SCHEDULES = {"constant", "cosine", "inverse_time", "linear", "piecewise", "warm_up"}

TWO_PLAYERS = {
    "gradient_descent": rules.gradient_descent,
    "momentum": lambda eta: rules.momentum(eta, -0.3),
    "nesterov": rules.nesterov,
    "adagrad": rules.adagrad,
    "rmsprop": rules.rmsprop,
    "rmsprop_tf1": rules.rmsprop_tf1,
    "adam": rules.adam,
    "amsgrad": rules.amsgrad,
    "optimistic": rules.optimistic,
    "optimism": lambda eta: rules.chain(rules.optimism(zero_start=True), rules.rmsprop(eta)),
    "extragradient": rules.extragradient,
    "extrapolated": lambda eta: rules.extrapolated(rules.momentum(eta)),
    "federated": lambda eta: rules.federated(rules.momentum(eta), 2),
    "scaffold": lambda eta: rules.chain(rules.scaffold(2), rules.federated(rules.momentum(eta), 2)),
    "lookahead": rules.lookahead,
    "lcgd": lambda eta: rules.lookahead(eta, linear=True),
    "cgd": lambda eta: rules.cgd(eta, tolerance=1e-12),
    "cgd_warm": lambda eta: rules.cgd(eta, tolerance=1e-12, warm_start=True),
    "implicit_dense": rules.implicit_dense,
    "scale": lambda factor: rules.chain(rules.scale(factor), rules.gradient_descent(0.5)),
    "scheduled": lambda eta: rules.scheduled(rules.momentum, rules.linear(eta, 0.01, 3)),
    "sga": lambda eta: rules.chain(rules.sga(1.0), rules.rmsprop_tf1(eta)),
    "sga_strength": lambda strength: rules.chain(rules.sga(strength), rules.gradient_descent(0.05)),
    "sga_paper": lambda eta: rules.chain(rules.sga(1.0, "paper"), rules.adam(eta)),
    "sga_notebook": lambda eta: rules.chain(rules.sga(1.0, "notebook"), rules.gradient_descent(eta)),
    "consensus": lambda gamma: rules.chain(rules.consensus(gamma), rules.gradient_descent(0.05)),
    "consensus_sign": lambda eta: rules.chain(rules.consensus(0.5, "sign"), rules.momentum(eta)),
    "alternating": lambda eta: rules.alternating(rules.optimistic(eta)),
    "clip": lambda eta: rules.chain(rules.clip(0.3), rules.gradient_descent(eta)),
    "when_finite": lambda eta: rules.when_finite(rules.momentum(eta)),
}
ONE_PLAYER = {
    "eve": rules.eve,
    "implicit": lambda eta: rules.implicit(eta, tolerance=1e-12),
    "levenberg_marquardt": lambda eta: rules.levenberg_marquardt(eta, tolerance=1e-12),
    "proximal_point": lambda eta: rules.proximal_point(eta, tolerance=1e-6),
}
# a rule that is made of one number needs no line above
LEFT = set(rules.__all__) - TOOLS - SCHEDULES - {*TWO_PLAYERS, *ONE_PLAYER, "chain"}
TWO_PLAYERS |= {name: getattr(rules, name) for name in sorted(LEFT)}
RULES = {**TWO_PLAYERS, **ONE_PLAYER}
ETAS = np.array([0.0, 0.01, 0.05, 0.1, 0.3])
STEPS = 4


def losses(params, batch):
    """General-sum, nonlinear; a player with a dictionary against a player with a pair."""
    (x, y), slope = params, 0.3
    inner = tf.reduce_sum(x["w"] * y[0]) + x["b"] * y[1]
    f = tf.tanh(inner) + slope * tf.reduce_sum(x["w"] ** 2) + 0.1 * x["b"] ** 4
    g = -inner + tf.sin(y[1]) + slope * tf.reduce_sum(y[0] ** 2)
    return f, g


def alone(params, batch):
    """One player, with all four tensors: the bowls above, and a wave."""
    ((x, y),) = params
    bowls = tf.reduce_sum(x["w"] ** 2) + x["b"] ** 2 + tf.reduce_sum(y[0] ** 2)
    return (0.3 * bowls + tf.sin(y[1]) + 0.1 * x["b"] ** 4 + 2.0,)


def start(dtype):
    x = {"w": tf.constant([0.6, -0.2], dtype), "b": tf.constant(0.9, dtype)}
    return x, (tf.constant([0.3, 0.5], dtype), tf.constant(-0.4, dtype))


def problem(name, dtype):
    return (Game(losses), start(dtype)) if name in TWO_PLAYERS else (Game(alone), (start(dtype),))


def run(name, eta, dtype):
    """A few steps in a compiled loop, which by itself demands that the state keep its structure, shapes and dtypes."""
    rule, (game, params) = RULES[name](eta), problem(name, dtype)
    return tf.while_loop(
        lambda i, *_: i < STEPS,
        lambda i, params, state: (i + 1, *rules.step(rule, game, params, state)),
        (tf.constant(0), params, rule.init(params)),
    )[1]


@pytest.mark.parametrize("name", RULES)
def test_mapped_lanes_equal_a_loop_and_nothing_is_traced_twice(name):
    one = tf.function(lambda eta: run(name, eta, tf.float64), autograph=False)
    many = tf.function(lambda etas: tf.vectorized_map(lambda eta: run(name, eta, tf.float64), etas), autograph=False)
    looped = np.array([vectors.flatten(one(tf.constant(eta, tf.float64))) for eta in ETAS])
    mapped = [
        vectors.flatten(tf.nest.map_structure(lambda leaf, k=k: leaf[k], many(tf.constant(ETAS)))) for k in range(5)
    ]
    # Newton inside the proximal point stops at 1e-6, a lane sooner than its neighbours if it can
    tolerance = {"rtol": 1e-5, "atol": 1e-6} if name == "proximal_point" else {"rtol": 1e-9, "atol": 1e-12}
    np.testing.assert_allclose(mapped, looped, **tolerance)
    assert np.ptp(looped, axis=0).max() > 1e-3  # lanes differ
    assert one.experimental_get_tracing_count() == 1
    assert many.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", RULES)
def test_single_precision_and_python_numbers(name):
    for eta in (0.05, tf.constant(0.05, tf.float64)):
        rule = RULES[name](eta)
        steps = {}
        for dtype in (tf.float32, tf.float64):
            game, params = problem(name, dtype)
            state = rule.init(params)
            for _ in range(2):
                change, state = rule.update(game.gradient(params), state, params, game)
                tf.nest.assert_same_structure(change, params)
                assert all(leaf.dtype == dtype for leaf in tf.nest.flatten(change))
                params = vectors.add(params, change)
            floating = [leaf for leaf in tf.nest.flatten(state) if leaf.dtype.is_floating]
            assert all(leaf.dtype == dtype for leaf in floating)
            steps[dtype] = vectors.flatten(change).numpy()
        np.testing.assert_allclose(steps[tf.float32], steps[tf.float64], rtol=1e-4, atol=1e-6)


def test_no_rule_is_forgotten_and_each_reads_back():
    made = [make(eta) for make in RULES.values() for eta in (0.25, 0.1)]
    for rule in made:
        assert repr(read_rule(repr(rule))) == repr(rule)
    covered = {name for rule in made for name in re.findall(r"\w+(?=\()", repr(rule))}
    covered |= {"scheduled"}
    assert covered == set(rules.__all__) - TOOLS - SCHEDULES | {"linear"}
    tested = {name.split("/")[0] for name in FACTS}
    tested |= {name for name in covered if (Path(__file__).parent / f"test_{name}.py").exists()}
    for path in Path(rules.__file__).parent.glob("*.py"):  # rules that a module keeps to itself have a test of its name
        own = set(re.findall(r"^@maker\ndef (\w+)", path.read_text(), re.MULTILINE)) - set(rules.__all__)
        assert not own or (Path(__file__).parent / f"test_{path.name}").exists(), f"{path.name}: export {own}"
    assert covered - tested == {"linear"}, "give it a line in FACTS, or a test of its name against somebody else's code"
    assert sorted(rules.__all__) == list(rules.__all__)
    assert all(hasattr(rules, name) for name in rules.__all__)


# Order: after a time of .4, twice as many steps of half the length leave 2^-order of the distance to the flow
# dw/dt = -xi(w), which SciPy follows. First step: at a gradient g, eta = .1, from the formula.
ETA, TIME = 0.1, 0.4
LAMBDA = 0.5


def field(w):
    (x, y) = w
    return np.array([x + 2 * y + x**3, y - 2 * x + y**3])


def jacobian(w):
    (x, y) = w
    return np.array([[1 + 3 * x**2, 2.0], [-2.0, 1 + 3 * y**2]])


def turned(w):
    j = jacobian(w)
    return field(w) + LAMBDA * (j - j.T).T / 2 @ field(w)


def pulled(w):
    return field(w) + LAMBDA * jacobian(w).T @ field(w)


def downhill(w):
    (x, y) = w
    return np.array([x + 2 * y + x**3, y + 2 * x + y**3])


PLAYED = Game(
    lambda p, b: (p[0] ** 2 / 2 + 2 * p[0] * p[1] + p[0] ** 4 / 4, p[1] ** 2 / 2 - 2 * p[0] * p[1] + p[1] ** 4 / 4)
)
DESCENDED = Game(lambda p, b: (tf.reduce_sum(p[0] ** 2 / 2 + p[0] ** 4 / 4) + 2 * p[0][0] * p[0][1],))
W = np.array([0.8, -0.5])


def has_order(order, make, flow=field):
    one_player = flow is downhill
    game = DESCENDED if one_player else PLAYED
    params = (tf.constant(W),) if one_player else tuple(tf.constant(w) for w in W)
    exact = solve_ivp(lambda t, w: -flow(w), (0, TIME), W, rtol=1e-12, atol=1e-12).y[:, -1]
    step = tf.function(lambda h, params, state: rules.step(make(h), game, params, state), autograph=False)
    errors = []
    for n in (8, 16):
        h, now = tf.constant(TIME / n, tf.float64), params
        state = make(h).init(params)
        for _ in range(n):
            now, state = step(h, now, state)
        errors.append(np.linalg.norm(vectors.flatten(now) - exact))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


def begins_with(formula, make):
    g = np.array([-3.0, 0.02])
    game = Game(lambda params, batch: (tf.reduce_sum(g * params[0]) + 1.0,))
    np.testing.assert_allclose(
        rules.direction(make(ETA), game, (tf.zeros([2], tf.float64),))[0], formula(g), rtol=1e-12
    )


FACTS = {
    "gradient_descent": (has_order, 1, rules.gradient_descent),
    "momentum": (has_order, 1, lambda h: rules.momentum(h * 1.2, -0.2)),
    "nesterov": (has_order, 1, lambda h: rules.nesterov(h * 0.8, 0.2)),
    "optimistic": (has_order, 1, rules.optimistic),
    "optimism": (has_order, 1, lambda h: rules.chain(rules.optimism(), rules.gradient_descent(h))),
    "extragradient": (has_order, 1, rules.extragradient),
    "extragradient/midpoint": (has_order, 2, lambda h: rules.extragradient(h, h / 2)),
    "extrapolated": (has_order, 1, lambda h: rules.extrapolated(rules.gradient_descent(h))),
    "alternating": (has_order, 1, lambda h: rules.alternating(rules.gradient_descent(h))),
    "lookahead": (has_order, 1, rules.lookahead),
    "federated": (begins_with, lambda g: -ETA * g, lambda h: rules.federated(rules.gradient_descent(h), 2)),
    "scaffold": (begins_with, lambda g: -ETA * g, lambda h: rules.chain(rules.scaffold(2), rules.gradient_descent(h))),
    "cgd": (has_order, 1, rules.cgd),
    "aware": (has_order, 1, lambda h: rules.aware(h, 0.5)),
    "implicit_dense": (has_order, 1, rules.implicit_dense),
    "implicit_dense/trapezium": (has_order, 2, lambda h: rules.implicit_dense(h, theta=0.5)),
    "implicit": (has_order, 1, lambda h: rules.implicit(h, tolerance=1e-10), downhill),
    "proximal_point": (has_order, 1, rules.proximal_point, downhill),
    "levenberg_marquardt": (has_order, 1, lambda h: rules.levenberg_marquardt(h, grow=1, shrink=1), downhill),
    "sga": (has_order, 1, lambda h: rules.chain(rules.sga(LAMBDA), rules.gradient_descent(h)), turned),
    "consensus": (has_order, 1, lambda h: rules.chain(rules.consensus(LAMBDA), rules.gradient_descent(h)), pulled),
    "chain": (has_order, 2, lambda h: rules.chain(rules.scale(1.0), rules.implicit_dense(h, theta=0.5))),
    "scale": (has_order, 1, lambda h: rules.chain(rules.scale(h), rules.gradient_descent(1.0))),
    "clip": (has_order, 1, lambda h: rules.chain(rules.clip(100.0), rules.gradient_descent(h))),
    "when_finite": (has_order, 1, lambda h: rules.when_finite(rules.gradient_descent(h))),
    "scheduled": (has_order, 1, lambda h: rules.scheduled(rules.gradient_descent, rules.constant(h))),
    "adagrad": (begins_with, lambda g: -ETA * g / np.sqrt(0.1 + g**2 + 1e-7), rules.adagrad),
    "rmsprop": (begins_with, lambda g: -ETA * g / np.sqrt(0.1 * g**2 + 1e-7), rules.rmsprop),
    "rmsprop_tf1": (begins_with, lambda g: -ETA * g / np.sqrt(0.9 + 0.1 * g**2 + 1e-10), rules.rmsprop_tf1),
    "adam": (begins_with, lambda g: -ETA * g / (abs(g) + 1e-7 / np.sqrt(0.001)), rules.adam),
    "amsgrad": (begins_with, lambda g: -ETA * g / (abs(g) + 1e-7 / np.sqrt(0.001)), rules.amsgrad),
    "eve": (begins_with, lambda g: -ETA * g / (abs(g) + 1e-8), rules.eve),
}


@pytest.mark.parametrize("name", FACTS)
def test_it_is_what_it_says(name):
    check, wanted, make, *flow = FACTS[name]
    check(wanted, make, *flow)


EXAMPLES = {
    name: doctest.DocTestParser().get_doctest(getattr(rules, name).__doc__, {}, name, None, 0)
    for name in sorted(set(rules.__all__) & set(MAKERS))
}


def test_the_examples_in_docstrings_run():
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    opening = parser.get_doctest(rules.__doc__, {}, "rules", None, 0)
    runner.run(opening, clear_globs=False)
    assert {name for name, example in EXAMPLES.items() if not example.examples} == SCHEDULES
    for example in EXAMPLES.values():
        example.globs.update(opening.globs)
        runner.run(example)
    assert runner.failures == 0


def test_chain_hands_xi_on_in_order():
    shift = rules.stateless(lambda xi, p, g: tf.nest.map_structure(lambda leaf: leaf + 1, xi), rules.Adjustment)
    rule = rules.chain(rules.scale(2.0), shift, rules.gradient_descent(1.0))
    change, state = rule.update((tf.constant(3.0),), rule.init((tf.constant(0.0),)), (tf.constant(0.0),), Game(losses))
    assert change[0] == -7.0
    assert state == ((), (), ())


def test_adjustments_and_steps_are_told_apart():
    duel = Game(lambda p, b: (p[0] * p[1], -p[0] * p[1]))
    params = tf.constant(1.0), tf.constant(1.0)
    assert isinstance(rules.chain(rules.sga(1.0), rules.scale(2.0)), rules.Adjustment)
    with pytest.raises(ValueError, match=r"chain: adam\(0.1\) makes a step, so it comes last"):
        rules.chain(rules.adam(0.1), rules.sga(1.0))
    for use in (
        lambda: rules.step(rules.sga(1.0), duel, params, ()),
        lambda: rules.alternating(rules.sga(1.0)).update(params, ((), ()), params, duel),
        lambda: rules.extrapolated(rules.sga(1.0)).update(params, (), params, duel),
    ):
        with pytest.raises(ValueError, match=r"sga\(1.0\) adjusts the gradient and makes no step: write chain"):
            use()


OTHERS = {
    "lib/descent/experiments/competitive_descent/counted.py",
    "lib/descent/adapters/keras_gan.py",  # wants the losses of the same pass
    "lib/descent/experiments/stationary_points/adversary.py",  # a rule around a rule
    "lib/descent/experiments/independent_subnets/subnets.py",  # likewise
    "lib/descent/experiments/es_maml/meta_training.py",  # its gradient is of returns: there is no game to ask
    "benchmarks/learned.py",  # stops the derivative at xi
}


def test_only_rules_call_a_rules_update():
    root = Path(__file__).parents[2]
    call = re.compile(r"rule(\w|\(.*\)|\[.*\])*\.update\(")
    files = [*root.glob("lib/descent/**/*.py"), *root.glob("benchmarks/*.py"), *root.glob("chapters/*.md")]
    found = {str(f.relative_to(root)) for f in files if call.search(f.read_text())}
    found = {name for name in found if not name.startswith("lib/descent/rules/")}
    assert found == OTHERS
