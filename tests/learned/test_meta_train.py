"""Meta-training finds what it should, resumes bit for bit, and refuses checkpoints that are not its own."""

import numpy as np
import pytest

from descent.learned import k_momentums, learnable_gradient_descent
from descent.learned.meta_gradients import persistent_es, truncated_bptt
from descent.learned.meta_train import CheckpointError, MetaTrainer, polynomial_decay
from descent.learned.tasks import Task, quadratic
from descent.learned.unroll import Unroll
from descent.quiet import tf

NOISY = quadratic(tf.constant([1.0, 3.0]), noise=0.1)


def trainer(chunk=4, settings="a", estimator=truncated_bptt, rate=0.01):
    unroll = Unroll(k_momentums(3, hidden=4), NOISY, length=3, measure="plain")
    return MetaTrainer(estimator(unroll, 2, (1, 3)), lambda step: rate, chunk=chunk, settings=settings)


def same(a, b):
    for x, y in zip(tf.nest.flatten(a), tf.nest.flatten(b), strict=True):
        np.testing.assert_array_equal(x, y)


def test_meta_training_finds_the_best_learning_rate_of_a_quadratic():
    # After one step from (1, 1) the loss is sum_j h_j (1 - h_j e)^2 / 2, least at e = sum h^2 / sum h^3.
    h = np.array([1.0, 2.0, 4.0])
    unroll = Unroll(learnable_gradient_descent(0.05), quadratic(tf.constant(h, tf.float32)), 1, "plain")
    meta = MetaTrainer(truncated_bptt(unroll, 1, (1, 1)), polynomial_decay(0.1, 0.001, 150), clip=None)
    assert np.exp(meta.run(150).weights) == pytest.approx((h**2).sum() / (h**3).sum(), rel=1e-3)


@pytest.mark.parametrize("estimator", [truncated_bptt, persistent_es])
def test_a_killed_training_resumes_bit_for_bit(estimator, tmp_path):
    unbroken = trainer(estimator=estimator).run(12, seed=3)
    path = tmp_path / "checkpoint.npz"

    def kill(done, steps, seconds, loss):
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(estimator=estimator).run(12, seed=3, checkpoint=path, progress=kill)
    resumed = trainer(estimator=estimator).run(12, seed=3, checkpoint=path)
    same(resumed.weights, unbroken.weights)
    np.testing.assert_array_equal(resumed.losses, unbroken.losses)
    assert len(unbroken.losses) == 12 and unbroken.skipped == 0


def test_seeds_differ_and_nothing_is_traced_twice():
    meta = trainer()
    first, again, other = meta.run(6, seed=1), meta.run(6, seed=1), meta.run(6, seed=2)
    same(first.weights, again.weights)
    assert (first.losses != other.losses).all()
    assert meta.traces == 1


def test_chunks_do_not_show():
    np.testing.assert_array_equal(trainer(chunk=4).run(6).losses, trainer(chunk=5).run(6).losses)


def test_checkpoints_of_other_trainings_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    trainer().run(4, checkpoint=path)
    for meta, seed in ((trainer(settings="b"), 0), (trainer(), 1), (trainer(estimator=persistent_es), 0)):
        with pytest.raises(CheckpointError, match=r"another training.*remove it"):
            meta.run(8, seed=seed, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match=r"checkpoint\.npz: damaged.*remove it") as caught:
        trainer().run(8, checkpoint=path)
    assert "\n" not in str(caught.value)


def test_a_meta_gradient_that_is_not_finite_is_skipped_and_counted():
    def batch(key, lanes):
        poisoned = tf.random.stateless_uniform([], key) < 0.3
        return tf.fill([lanes, 2], tf.where(poisoned, float("inf"), 0.0))

    task = Task(NOISY.start, batch, NOISY.loss)
    unroll = Unroll(k_momentums(3, hidden=4), task, length=2, measure="plain")
    trained = MetaTrainer(truncated_bptt(unroll, 2), lambda step: 0.01).run(12)
    assert 0 < trained.skipped < 12
    assert all(np.isfinite(leaf).all() for leaf in tf.nest.flatten(trained.weights))


def test_clipping_bounds_the_meta_gradient():
    seen = {}
    for clip in (None, 1e-3):
        unroll = Unroll(learnable_gradient_descent(0.05), quadratic(tf.constant([5.0])), 1, "plain")
        meta = MetaTrainer(truncated_bptt(unroll, 1), lambda step: 1.0, clip=clip, rule=descent)
        seen[clip] = float(meta.run(1).weights) - np.log(0.05)
    assert abs(seen[None]) > 0.1
    assert abs(seen[1e-3]) == pytest.approx(1e-3, rel=1e-3)


def descent(rate):
    from descent.rules import gradient_descent

    return gradient_descent(rate)


def test_progress_reports_the_meta_loss():
    told = []
    trained = trainer(chunk=4).run(10, progress=lambda *report: told.append(report))
    assert [(done, steps) for done, steps, *_ in told] == [(4, 10), (8, 10), (10, 10)]
    np.testing.assert_allclose(told[1][3], trained.losses[4:8].mean(), rtol=1e-6)


def test_polynomial_decay():
    schedule = polynomial_decay(2.0, 1.0, 10, power=4)
    np.testing.assert_allclose([schedule(tf.constant(s)) for s in (0, 5, 10, 20)], [2, 1 + 0.5**4, 1, 1])
