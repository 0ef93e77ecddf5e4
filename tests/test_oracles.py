"""Oracles against enumeration: unbiased where they say so, and each one's mistake is noticed.

The data are five examples, so that the exact gradient is a finite mean. A statistical test here is Bonferroni's t-test
over the coordinates of 3,000 independent estimates; it fails a correct oracle once in 10,000 choices of the seed, and
is shown to reject an oracle that is off by a fifth.
"""

import numpy as np
import pytest
from scipy import stats

from descent import vectors
from descent.games import Game
from descent.oracles import (
    Estimate,
    Oracle,
    as_oracle,
    evolution_strategies,
    exact,
    filled_up,
    importance_weighted,
    minibatch,
    noisy,
    own_examples,
    variance_reduced,
)
from descent.quiet import tf
from descent.randomness import BATCHES, fold_seed
from descent.rules import gradient_descent, momentum
from descent.simulate import Simulator
from descent.sweep import Sweep

FALSE_ALARM, REPETITIONS = 1e-4, 3000
RNG = np.random.default_rng(0)
A, C = tf.constant(RNG.uniform(0.5, 2, 5)), tf.constant(RNG.normal(size=(5, 3)))
B = tf.constant(RNG.normal(size=(2, 3)))
HERE = (tf.constant([0.7, -0.4]), tf.constant([0.5, 1.0, -0.8]))
HERE = tf.nest.map_structure(lambda w: tf.cast(w, tf.float64), HERE)


def per_example(params, rows):
    (x, y), a, c = params, tf.gather(A, rows), tf.gather(C, rows)
    bilinear = tf.tensordot(x, tf.linalg.matvec(B, y), 1)
    first = a * tf.reduce_sum(x**2) / 2 + bilinear
    return first, a * tf.reduce_sum(y**2) / 2 - bilinear + tf.linalg.matvec(c, y)


def losses(params, rows):
    return tuple(tf.reduce_mean(loss) for loss in per_example(params, rows))


GAME = Game(losses, tf.range(5))


def rows(key, step):
    return tf.random.stateless_uniform([2], key, 0, 5, tf.int32)


def towards_high_rows(weighted):
    def draw(params, key):
        chances = tf.nn.log_softmax(tf.cast(tf.range(5), tf.float64) * tf.tanh(params[0][0]))
        drawn = tf.random.stateless_categorical(chances[None], 3, key)[0]
        return drawn, tf.exp(-tf.gather(chances, drawn)) / 5 if weighted else tf.ones([3], tf.float64)

    return draw


def by_the_iterate(params, key):
    """Noise of mean zero that grows with the distance from the origin, and is far from normal."""
    size = tf.reduce_sum(params[0] ** 2)
    draws = tf.random.stateless_gamma([5], key, alpha=tf.constant(0.5, tf.float64), dtype=tf.float64)
    return vectors.like(size * (draws - 0.5), params)


def es(**settings):
    return evolution_strategies(GAME, **{"sigma": 0.5, "directions": 6, "draw": rows, **settings})


UNBIASED = {
    "minibatch": minibatch(GAME, rows),
    "own examples": own_examples(GAME, tf.range(7), 5, 2),
    "importance-weighted": importance_weighted(Game(per_example), towards_high_rows(True)),
    "noise by the iterate": noisy(minibatch(GAME, rows), by_the_iterate),
    "antithetic": es(),
    "antithetic, a sample per pair": es(samples="pairs"),
    "antithetic, unpaired": es(samples="each"),
    "forward": es(kind="forward"),
    "plain": es(kind="plain", directions=20),
    "SARAH": variance_reduced(GAME, rows),
    "STORM": variance_reduced(GAME, rows, lambda step: 1 / (1 + tf.cast(step, tf.float64))),
}


def estimates(oracle, path=(HERE, HERE, HERE), repetitions=REPETITIONS):
    """What is told at the end of a path, from independent draws: shape [repetitions, coordinates]."""

    def one(key):
        state = oracle.init(path[0], key)
        for step, params in enumerate(path):
            sample = oracle.sample(params, tf.random.experimental.stateless_fold_in(key, step), step)
            told, state = oracle.estimate(params, state, sample)
        return vectors.flatten(told.xi)

    keys = tf.random.experimental.stateless_split([1, 2], repetitions)
    return tf.function(lambda: tf.map_fn(one, keys, fn_output_signature=tf.float64), autograph=False)().numpy()


def p_value(found, truth):
    return min(1.0, stats.ttest_1samp(found, truth).pvalue.min() * found.shape[1])


NEAR = tf.nest.map_structure(lambda w: w + 0.1, HERE)


@pytest.mark.parametrize("name", UNBIASED)
def test_unbiased_and_a_bias_of_a_fifth_would_be_seen(name):
    truth = vectors.flatten(GAME.gradient(HERE)).numpy()
    path = (tf.nest.map_structure(tf.zeros_like, HERE), NEAR, HERE) if name in ("SARAH", "STORM") else (HERE,)
    found = estimates(UNBIASED[name], path)
    assert p_value(found, truth) > FALSE_ALARM
    assert p_value(found + 0.2 * truth, truth) < FALSE_ALARM


def test_what_is_biased_is_caught():
    truth = vectors.flatten(GAME.gradient(HERE)).numpy()
    unweighted = importance_weighted(Game(per_example), towards_high_rows(False))
    adversary = noisy(minibatch(GAME, rows), lambda params, key: vectors.scale(0.1, params))
    for oracle in (unweighted, adversary):
        assert p_value(estimates(oracle, (HERE,)), truth) < FALSE_ALARM


def test_evolution_strategies_have_their_exact_variance_and_pairing_lowers_it():
    # On a linear loss an antithetic pair tells eps <eps, g>: coordinate i has variance |g|^2 + g_i^2.
    slope = Game(lambda params, batch: (tf.reduce_sum(params[0] * tf.constant([1.0, 3.0], tf.float64)),))
    found = estimates(evolution_strategies(slope, 0.3), ((tf.zeros([2], tf.float64),),))
    squares = (found - [1, 3]) ** 2
    assert p_value(squares, [10 + 1, 10 + 9]) > FALSE_ALARM
    assert p_value(squares, [10, 10]) < FALSE_ALARM
    spread = {how: estimates(es(samples=how, sigma=0.05), (HERE,)).var(0) for how in ("pairs", "each")}
    # The difference of two samples is divided by sigma: little for the first player, whose loss here hardly varies.
    assert (spread["each"] > spread["pairs"] * [1, 1, 5, 5, 5]).all()


def test_variance_reduction_is_the_recursion_on_the_same_sample():
    a, key = 0.3, tf.constant([4, 5])
    oracle = variance_reduced(GAME, rows, a)
    state, d = oracle.init(HERE, key), None
    for step, params in enumerate(path := (HERE, NEAR, HERE)):
        sample = oracle.sample(params, fold_seed(1, BATCHES, step), step)
        told, state = oracle.estimate(params, state, sample)
        here = GAME.at(rows(fold_seed(1, BATCHES, step), step))
        g = vectors.flatten(here.gradient(params))
        d = g if d is None else g + (1 - a) * (d - vectors.flatten(here.gradient(path[step - 1])))
        np.testing.assert_allclose(vectors.flatten(told.xi), d, rtol=1e-13)
        np.testing.assert_allclose(told.losses, here.losses(params), rtol=1e-14)


def record(params, state, game):
    return vectors.flatten(params), game.losses(params)[0]


def test_a_game_and_its_oracles_are_the_same_trajectory_bit_for_bit():
    for game, oracle, batch in ((GAME, exact(GAME), None), (GAME, minibatch(GAME, rows), rows)):
        one = Simulator(game, momentum(0.1, 0.5), batch, record, every=2).run(HERE, 8, seed=3)
        other = Simulator(oracle, momentum(0.1, 0.5), record=record, every=2).run(HERE, 8, seed=3)
        for a, b in zip(one.records, other.records, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"draws its own batches: give it the draw"):
        as_oracle(exact(GAME), rows)


def test_memory_goes_on_where_a_run_is_resumed_and_records_may_see_it():
    def watch(params, state, game, memory):
        return vectors.flatten(memory.xi)

    simulator = Simulator(
        variance_reduced(GAME, rows, 0.2), gradient_descent(0.1), record=watch, every=2, chunk=2, record_oracle=True
    )
    whole, first = simulator.run(HERE, 12, seed=3), simulator.run(HERE, 4, seed=3)
    second = simulator.resume(first, 8)
    np.testing.assert_array_equal(second.records, whole.records[2:])
    np.testing.assert_array_equal(vectors.flatten(second.params), vectors.flatten(whole.params))
    np.testing.assert_array_equal(whole.records[-1], vectors.flatten(whole.oracle_state.xi))
    assert simulator.traces == 1


@pytest.mark.parametrize("name", ["minibatch", "antithetic, unpaired", "STORM"])
def test_lanes_of_one_seed_share_its_draws_and_each_is_its_own_trajectory(name):
    sweep = Sweep(UNBIASED[name], {"GD": gradient_descent}, record, every=2)
    rates, seeds = np.array([0.1, 0.1, 0.02, 0.1]), [7, 5, 7, 7]
    lanes = tf.nest.map_structure(lambda w: tf.stack([w] * 4), HERE)
    found = sweep.run(rates, lanes, 4, seeds=seeds)["GD"]
    for lane in (1, 2, 3):
        alone = Simulator(UNBIASED[name], gradient_descent(rates[lane]), record=record, every=2)
        for a, b in zip(found, alone.run(HERE, 6, seed=seeds[lane]).records, strict=True):
            np.testing.assert_allclose(a[:, lane], b, rtol=1e-12)
    np.testing.assert_array_equal(found[0][:, 0], found[0][:, 3])
    assert not np.allclose(found[0][-1, 0], found[0][-1, 1])
    sweep.run(rates, lanes, 6, seeds=[2, 1, 2, 2])
    assert sweep.traces == 1


def test_lanes_are_clients_with_as_many_examples_as_they_have():
    clients = [RNG.normal(size=(n, 2)) for n in (1, 3, 8)]
    data, counts = filled_up(clients)
    assert data.shape == (3, 8, 2) and counts.tolist() == [1, 3, 8]
    game = Game(lambda params, x: (tf.reduce_mean((params[0] - x) ** 2),))
    sweep = Sweep(
        lambda client: own_examples(game, client[0], client[1], 4),
        {"SGD": gradient_descent},
        lambda params, state, game: (params[0], game.batch),
    )
    w, batches = sweep.run(np.full(3, 0.3), (np.zeros((3, 2)),), 5, (data, counts), seeds=[1, 2, 3])["SGD"]
    for lane, client in enumerate(clients):
        assert all((client == x).all(1).any() for x in batches[:, lane].numpy().reshape(-1, 2))
        here = np.zeros(2)
        for k in range(4):
            here = here - 0.3 * (here - batches[k, lane].numpy().mean(0))
            np.testing.assert_allclose(w[k + 1, lane], here, rtol=1e-12)
    with pytest.raises(ValueError, match=r"one for all lanes or one for each: got shape \(2,\) for 3 lanes"):
        sweep.run(np.full(3, 0.3), (np.zeros((3, 2)),), 5, (data, counts), seeds=[1, 2])


def test_an_oracle_of_ones_own_needs_two_functions():
    def estimate(params, count, key):
        return Estimate(vectors.scale(tf.cast(count, tf.float64), params), GAME), count + 1

    run = Simulator(Oracle(lambda params, key: tf.constant(1), estimate), gradient_descent(0.1)).run(HERE, 3)
    np.testing.assert_allclose(run.params[0], HERE[0] * 0.9 * 0.8 * 0.7, rtol=1e-14)
    assert run.oracle_state == 4
