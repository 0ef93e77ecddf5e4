"""Calls of the library that can't be right: one line that names the fix, before any work."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent import rules, vectors
from descent.games import Game
from descent.measures.modes import mmd_squared, modes, sliced_w1
from descent.noise.alpha_stable import sample
from descent.problems.mixtures import ring
from descent.quiet import tf
from descent.randomness import as_seed, draw_seed, fold_seed
from descent.rules.parse import read_rule
from descent.simulate import Simulator
from descent.solvers.curvature import gauss_newton, hessian
from descent.sweep import Sweep

ONE, TWO = (tf.constant([1.0, 2.0, 3.0]),), (tf.constant([1.0, 2.0, 3.0]), tf.constant([0.5, -0.5]))
SQUARES = Game(lambda params, batch: tuple(vectors.dot(w, w) for w in params))


def run(start=ONE, game=SQUARES, rule="gradient_descent(0.1)", steps=2, seed=0, **settings):
    return Simulator(game, read_rule(rule), **settings).run(start, steps, seed)


def sweep(hypers=(0.1, 0.2), start=None, seeds=0, **settings):
    family = Sweep(
        SQUARES, {"gd": rules.gradient_descent}, lambda params, state, game: game.losses(params)[0], **settings
    )
    return family.run(tf.constant(hypers), (tf.ones([2, 3]),) if start is None else start, 2, seeds=seeds)


def per_sample(params, batch):
    value = params[0][:2] * params[1]
    return value, -value


POINTS = np.zeros((3, 2))
STARTS = {
    "integers": (1, 0), "two types": (np.float32(1), np.float64(1)), "an array": np.zeros(2), "a list": [1.0, 2.0],
    "text": (1.0, "a"), "nothing": None, "complex": (tf.constant(1 + 2j),), "no player": (),
    "booleans": (True,), "an object": (object(),),
}  # fmt: skip
CALLS = {
    **{f"a start that is {name}": (lambda s=s: run(s), "a start is a tuple") for name, s in STARTS.items()},
    **{
        f"seed {s!r}": (lambda s=s: run(seed=s), "a seed is a whole number of 32 bits")
        for s in (2**32, 2**31, -(2**31) - 1, 1.5, "a", None, float("nan"), 10**30)
    },
    "seed of a draw": (lambda: sample(2**32, [1], 1.5), "a seed is a whole number of 32 bits"),
    "seed of a named draw": (lambda: draw_seed(2**31, "x"), "a seed is a whole number of 32 bits"),
    "losses for each sample": (lambda: run(TWO, Game(per_sample)), "losses are scalars, that of player 0 has shape"),
    "a column of losses": (
        lambda: run(ONE, Game(lambda w, b: (tf.reduce_sum(w[0])[None],))), "losses are scalars, that of player 0"
    ),
    "losses for each sample, SGA": (
        lambda: run(TWO, Game(per_sample), "chain(sga(1), gradient_descent(0.1))"), "losses are scalars"
    ),
    "steps of half": (lambda: run(steps=1.5), "must be a multiple of every"),
    "negative steps": (lambda: run(steps=-1), "must be a multiple of every"),
    "every of half": (lambda: run(every=1.5), "every must be a whole number"),
    "no chunk": (lambda: run(chunk=-1), "chunk must be at least 1"),
    "half a chunk": (lambda: run(chunk=0.5), "chunk must be at least 1"),
    "on_nan": (lambda: Simulator(SQUARES, read_rule("adam(0.1)")).run(ONE, 1, on_nan="stopp"), "on_nan is"),
    "a rate that is text": (lambda: rules.gradient_descent("0.1"), "gradient_descent: learning_rate is a number"),
    "a rate that is a function": (lambda: rules.adam(lambda t: 0.1), "adam: learning_rate is a number, or a schedule"),
    "a rate that is a rule": (lambda: rules.optimistic(rules.adam(0.1)), "optimistic: learning_rate is a number"),
    "lanes of two lengths": (lambda: sweep((0.1, 0.2, 0.3)), "share one leading axis, of lanes; got lengths 2, 3"),
    "lanes without an axis": (lambda: sweep(0.1), "share one leading axis"),
    "lanes of integers": (lambda: sweep(start=(tf.ones([2, 3], tf.int32),)), "a start is a tuple"),
    "a lane's seed": (lambda: sweep(seeds=[0, 2**32]), "seeds are whole numbers of 32 bits"),
    "a broken seed": (lambda: sweep(seeds=[0.5, 1]), "seeds are whole numbers of 32 bits"),
    "three seeds for two lanes": (lambda: sweep(seeds=[0, 1, 2]), "one for all lanes or one for each"),
    "a sweep's every": (lambda: sweep(every=0.5), "every must be a whole number"),
    **{
        f"alpha {a!r}": (lambda a=a: sample(0, [2], a), "alpha must lie in")
        for a in (0, 3, -1.0, [1.5, 3.0], np.float32(3), np.array([0.0, 1.0]), tf.constant(3.0), "a", np.nan)
    },
    **{
        f"beta {b!r}": (lambda b=b: sample(0, [2], 1.5, b), "beta must lie in")
        for b in (2, -1.5, np.float32(2), tf.constant(-2.0), [0.0, 1.1])
    },
    "one sample": (lambda: mmd_squared(POINTS[:1], POINTS, [1.0]), "needs an array"),
    "no bandwidth": (lambda: mmd_squared(POINTS, POINTS, []), "bandwidths are positive numbers"),
    "NaN among samples": (lambda: sliced_w1(POINTS, POINTS * np.nan), "samples are not finite"),
    "NaN among modes": (lambda: modes(POINTS + np.inf, ring()), "samples are not finite"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_what_cannot_be_right_is_refused_in_one_line(name):
    call, said = CALLS[name]
    with pytest.raises(ValueError, match=r"^[^\n]*$") as error:
        call()
    assert said in str(error.value) and len(str(error.value)) < 250


RULES = [
    "gradient_descent(0.1)", "adam(0.1)", "optimistic(0.1)", "extragradient(0.1)", "cgd(0.1)",
    "chain(sga(1), gradient_descent(0.1))", 'chain(sga(1, alignment="paper"), gradient_descent(0.1))',
    "chain(consensus(0.1), gradient_descent(0.1))", "lookahead(0.1)", "alternating(implicit(0.1))",
    "alternating(proximal_point(0.1))", "alternating(levenberg_marquardt(0.1))", "momentum(0.1)", "rmsprop(0.1)",
]  # fmt: skip


def losses(look):
    def of(params, batch):
        first = tf.reduce_sum((look(params[0]) - 1) ** 2 * params[1] ** 2) + tf.reduce_sum(params[1])
        return first, tf.reduce_sum(params[1] ** 2) - first / 2

    return Game(of)


@pytest.mark.parametrize("rule", RULES)
def test_rows_that_are_looked_up_have_gradients_like_any_other(rule):
    """``tf.gather`` has sparse gradients; the same rows by a product with a matrix of zeros and ones do not."""
    pick = tf.constant([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    sparse = run(TWO, losses(lambda w: tf.gather(w, [0, 2])), rule, steps=3)
    dense = run(TWO, losses(lambda w: tf.linalg.matvec(pick, w)), rule, steps=3)
    for a, b in zip(sparse.params, dense.params, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_curvature_of_looked_up_rows():
    def outputs(params, batch):
        return tf.gather(params[0], [0, 2]) ** 2

    game = Game(lambda params, batch: (tf.reduce_sum(outputs(params, batch) ** 2),))
    v = (tf.constant([1.0, 1.0, 1.0]),)
    (exact,) = hessian(game, ONE, lambda own: own)(v)
    np.testing.assert_allclose(exact, [12.0, 0.0, 108.0])  # of x^4: 12 x^2
    made = gauss_newton(outputs, lambda z, batch: tf.reduce_sum(z**2))(game, ONE, lambda own: own)(v)[0]
    np.testing.assert_allclose(made, [8.0, 0.0, 72.0])  # (2x) 2 (2x)


@settings(deadline=None, max_examples=30)
@given(st.integers(-(2**31), 2**31 - 1))
def test_every_seed_of_32_bits_is_taken_and_told_apart(seed):
    assert as_seed(seed).numpy().tolist() == [seed, 0]
    assert (fold_seed(seed, 1).numpy() != fold_seed(seed - 1 if seed > 0 else seed + 1, 1).numpy()).any()


def test_starts_may_be_arrays_and_pythons_floats():
    for start in ((1.0,), (np.ones(3),), (np.float32(1),), ([1.0, 2.0],), ({"w": tf.ones(2), "b": tf.zeros(1)},)):
        assert vectors.all_finite(run(start).params)
