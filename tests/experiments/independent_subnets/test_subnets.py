"""Pieces, partitions and rounds: inverse to each other, disjoint, and SGD's own steps; held to loops over workers."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descent.experiments.independent_subnets import measured, subnets
from descent.experiments.independent_subnets.subnets import Net, Round
from descent.quiet import tf
from descent.rules import adam, chain, gradient_descent, momentum, step
from descent.simulate import Simulator

SIZES = (6, 8, 12, 3)


def batch(n, each=5, seed=0, sizes=SIZES):
    draw = np.random.default_rng(seed)
    orders = [tf.constant(draw.permutation(units)) for units in sizes[1:-1]]
    x = tf.constant(draw.normal(size=(n, each, sizes[0])))
    return Round(x, tf.constant(draw.integers(0, sizes[-1], (n, each)), tf.int32), orders)


def net(seed=0, sizes=SIZES):
    return subnets.start(sizes, seed, tf.float64)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([1, 2, 4]), st.integers(1, 3), st.integers(0, 99))
def test_pieces_are_blocks_and_putting_them_back_changes_nothing(n, layers, seed):
    draw = np.random.default_rng(seed)
    widths = [5, *(4 * int(k) for k in draw.integers(1, 4, layers)), 3]
    weights = [tf.constant(draw.normal(size=pair[::-1])) for pair in pairwise(widths)]
    held = subnets.pieces(weights, n)
    for layer, (w, own) in enumerate(zip(weights, held, strict=True)):
        h, k = (s // n for s in w.shape)
        for i in range(n):  # by slices
            rows = slice(None) if layer == layers else slice(i * h, (i + 1) * h)
            columns = slice(None) if layer == 0 else slice(i * k, (i + 1) * k)
            np.testing.assert_array_equal(own[i], w.numpy()[rows, columns])
    for w, back in zip(weights, subnets.put_back(weights, held), strict=True):
        np.testing.assert_array_equal(w, back)


def test_a_step_of_all_pieces_is_each_worker_s_own():
    """Worker by worker, with weights taken out by hand: the same steps, and idle weights stay."""
    n, rate = 2, 0.1
    start, sample = net(), batch(n)
    params, _ = step(gradient_descent(rate), subnets.pieces_game(n, "times n").at(sample), (start,), ())
    held = subnets.pieces(start.weights, n)
    for k in range(n):
        own = [tf.Variable(w[k]) for w in held]
        with tf.GradientTape() as tape:
            h = n * tf.nn.relu(n * tf.nn.relu(sample.x[k] @ tf.transpose(own[0])) @ tf.transpose(own[1]))
            logits = tf.nn.log_softmax(h @ tf.transpose(own[2]))
            loss = -tf.reduce_mean(tf.gather(logits, sample.y[k], axis=1, batch_dims=1))
        for w, g, new in zip(own, tape.gradient(loss, own), subnets.pieces(params[0].weights, n), strict=True):
            np.testing.assert_allclose(new[k], w - rate * g, atol=1e-12)
    away = np.abs(params[0].weights[1] - start.weights[1])
    assert np.all(away[6:, :4] == 0) and np.all(away[:6, 4:] == 0) and away[:6, :4].max() > 0
    np.testing.assert_array_equal(params[0].ids[0], start.ids[0])


def test_another_partition_is_the_same_function():
    sample, start = batch(2), net()
    (other,) = subnets.repartitioned((start,), sample)
    x = sample.x[0]
    for scaling in ("none", "batch norm"):
        before, after = (subnets.outputs(w.weights, x, 1, scaling) for w in (start, other))
        np.testing.assert_allclose(before, after, atol=1e-12)
    assert not np.allclose(start.weights[1], other.weights[1])
    order = other.ids[0].numpy().astype(int)
    np.testing.assert_array_equal(order, sample.permutations[0])
    np.testing.assert_allclose(other.weights[0], start.weights[0].numpy()[order])


def test_slots_follow_their_units():
    """Momentum with a repartition in between equals momentum without, seen from the units."""
    n, sample = 2, batch(2)
    for rule in (momentum(0.1, 0.9), adam(0.01), chain(momentum(0.1, 0.9))):
        moving = subnets.rounds(rule, 1, subnets.repartitioned)
        params = (net(),)
        state = moving.init(params)
        params, state = step(moving, subnets.pieces_game(n, "none").at(sample), params, state)
        (ordered,) = params
        inner = [leaf for leaf in tf.nest.flatten(state.inner) if leaf.shape == (8, 6)]
        plain_params, plain = step(rule, subnets.pieces_game(n, "none").at(sample), (net(),), rule.init((net(),)))
        expected = [leaf for leaf in tf.nest.flatten(plain) if leaf.shape == (8, 6)]
        order = ordered.ids[0].numpy().astype(int)
        assert inner and len(inner) == len(expected)
        for own, wanted in zip(inner, expected, strict=True):
            np.testing.assert_allclose(own, wanted.numpy()[order], atol=1e-14)
        np.testing.assert_allclose(ordered.weights[0], plain_params[0].weights[0].numpy()[order], atol=1e-12)


def test_identities_of_the_chapter_and_a_piece_held_twice(monkeypatch):
    assert measured.identities([64, 8, 8, 10], 4, 6, 0) == {"disjoint.written_twice": 0.0, "disjoint.one_worker": 0.0}
    right = subnets.pieces

    def twice(weights, n):
        return [w if k else tf.concat([w[:1], w[:-1]], 0) for k, w in enumerate(right(weights, n))]

    monkeypatch.setattr(measured, "pieces", twice)
    assert measured.identities([64, 8, 8, 10], 4, 6, 0)["disjoint.written_twice"] > 0


def test_local_sgd_averages_copies_after_every_round():
    one, sample = net(), batch(2)
    copies = Net([tf.stack([w, w]) for w in one.weights], [tf.stack([i, i]) for i in one.ids])
    rule = subnets.rounds(gradient_descent(0.1), 2, subnets.averaged)
    game = subnets.copies_game().at(sample)
    params, state = step(rule, game, (copies,), rule.init((copies,)))
    apart = params[0].weights[0]
    assert np.abs(apart[0] - apart[1]).max() > 0
    params, state = step(rule, game, params, state)
    np.testing.assert_allclose(params[0].weights[0][0], params[0].weights[0][1], atol=1e-15)
    assert state.t == 2


def test_dropout_by_hand():
    start, sample = net(sizes=(6, 8, 3)), batch(1, sizes=(6, 8, 3))
    u = np.random.default_rng(3).uniform(size=(5, 8))
    loss = subnets.dropout_game(0.25).at((sample, [tf.constant(u)])).losses((start,))[0]
    h = np.maximum(sample.x[0].numpy() @ start.weights[0].numpy().T, 0) * (u < 0.25) / 0.25
    logits = h @ start.weights[1].numpy().T
    logits -= np.log(np.exp(logits).sum(1, keepdims=True))
    assert loss.numpy() == pytest.approx(-logits[np.arange(5), sample.y[0]].mean())


def test_a_lost_step_is_lost():
    n, sample = 2, batch(2)
    game = subnets.pieces_game(n, "none").at(sample)

    def after(lose, steps):
        rule = subnets.rounds(gradient_descent(0.1), 2, subnets.repartitioned, lose_last=lose)
        params, state = (net(),), rule.init((net(),))
        for _ in range(steps):
            params, state = step(rule, game, params, state)
        return params[0]

    order = after(True, 2).ids[0].numpy().astype(int)
    np.testing.assert_allclose(after(True, 2).weights[0], after(True, 1).weights[0].numpy()[order], atol=1e-12)
    assert np.abs(after(True, 2).weights[0] - after(False, 2).weights[0]).max() > 1e-4


def test_rows_that_are_never_sent_are_never_trained():
    n, sample = 2, batch(2)
    params, _ = step(gradient_descent(0.1), subnets.pieces_game(n, "none", frozen_rows=True).at(sample), (net(),), ())
    moved = np.abs(params[0].weights[1] - net().weights[1]).max(1)
    assert np.all(moved[6:] == 0) and moved[:6].max() > 0


def test_one_program_for_all_steps():
    draw = subnets.sampler(tf.zeros([20, 6], tf.float64), tf.zeros([20], tf.int32), 2, 3, SIZES[1:-1])
    run = Simulator(
        subnets.pieces_game(2, "batch norm"),
        subnets.rounds(gradient_descent(0.1), 2, subnets.repartitioned),
        batch=draw,
    )
    there = run.run((net(),), 6, seed=1)
    run.run((net(1),), 6, seed=2)
    assert there.steps == 6 and run.traces == 1


def test_all_workers_alike():
    x = tf.reshape(tf.range(40.0), [20, 2])
    own = subnets.sampler(x, tf.zeros([20], tf.int32), 3, 4, [6])(tf.constant([1, 2]), tf.constant(0, tf.int64))
    same = subnets.sampler(x, tf.zeros([20], tf.int32), 3, 4, [6], alike=True)(
        tf.constant([1, 2]), tf.constant(0, tf.int64)
    )
    np.testing.assert_array_equal(same.x[0], same.x[2])
    assert np.abs(own.x[0] - own.x[1]).max() > 0 and sorted(own.permutations[0].numpy()) == list(range(6))
