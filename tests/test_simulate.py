"""Compiled trajectories against plain NumPy loops, and what the simulator promises about NaN, seeds and tracing."""

import numpy as np
import pytest

from descent.evidence.measurements import Measurements
from descent.games import Game
from descent.quiet import tf
from descent.randomness import BATCHES, fold_seed
from descent.rules import gradient_descent, momentum
from descent.simulate import DivergedError, Simulator, report_progress_to


def bowl(params, batch):
    (w,) = params
    target = 0.0 if batch is None else batch
    return (0.5 * tf.reduce_sum((w - target) ** 2),)


START = (np.array([1.0, -2.0]),)


def record_w(params, state, game):
    return {"w": params[0], "loss": game.losses(params)[0]}


@pytest.fixture(scope="module")
def simulator():
    return Simulator(Game(bowl), momentum(0.1, 0.9), record=record_w, every=5, chunk=3)


def numpy_momentum(steps):
    w, velocity, path = START[0].copy(), np.zeros(2), [START[0].copy()]
    for _ in range(steps):
        velocity = 0.9 * velocity - 0.1 * w
        w = w + velocity
        path.append(w.copy())
    return np.array(path)


def test_trajectory_and_records_match_a_plain_loop(simulator):
    path = numpy_momentum(50)
    trajectory = simulator.run(START, 50)
    np.testing.assert_allclose(trajectory.records["w"], path[::5], rtol=1e-13)
    np.testing.assert_allclose(trajectory.records["loss"], 0.5 * (path[::5] ** 2).sum(1), rtol=1e-13)
    np.testing.assert_array_equal(trajectory.recorded_at, np.arange(0, 51, 5))
    np.testing.assert_allclose(trajectory.params[0], path[-1], rtol=1e-13)
    assert trajectory.steps == 50 and trajectory.diverged_at is None


def test_recording_every_step_or_none_changes_no_step(simulator):
    path = numpy_momentum(50)
    each = Simulator(Game(bowl), momentum(0.1, 0.9), record=record_w, chunk=7).run(START, 50)
    np.testing.assert_allclose(each.records["w"], path, rtol=1e-13)
    none = Simulator(Game(bowl), momentum(0.1, 0.9), every=5, chunk=3).run(START, 50)
    assert none.records is None and none.steps == 50
    np.testing.assert_allclose(none.params[0], path[-1], rtol=1e-13)


def test_second_run_compiles_nothing_whatever_its_length(simulator):
    simulator.run(START, 5)
    before = simulator.traces
    simulator.run(START, 35)
    simulator.run((START[0] + 1,), 100)
    assert simulator.traces == before == 1


def test_resuming_equals_an_unbroken_run_bit_for_bit():
    def noise(seed, step):
        return tf.random.stateless_normal([2], seed, dtype=tf.float64)

    simulator = Simulator(Game(bowl), momentum(0.1, 0.5), batch=noise, record=record_w, every=2, chunk=4)
    whole = simulator.run(START, 40, seed=3)
    first = simulator.run(START, 16, seed=3)
    second = simulator.resume(first, 24)
    np.testing.assert_array_equal(second.params[0], whole.params[0])
    np.testing.assert_array_equal(second.records["w"], whole.records["w"][8:])
    assert second.steps == 40 and second.recorded_at[-1] == 40
    each = Simulator(Game(bowl), momentum(0.1, 0.5), batch=noise, record=record_w, chunk=7).run(START, 40, seed=3)
    np.testing.assert_array_equal(each.records["w"][::2], whole.records["w"])
    np.testing.assert_allclose(each.records["loss"][::2], whole.records["loss"], rtol=1e-13)
    other = simulator.run(START, 40, seed=4)
    assert not np.array_equal(other.params[0], whole.params[0])


def test_batches_are_those_of_the_named_stream():
    simulator = Simulator(
        Game(lambda params, batch: (tf.reduce_sum(params[0] * batch),)),
        gradient_descent(1.0),
        batch=lambda seed, step: tf.random.stateless_normal([2], seed, dtype=tf.float64),
    )
    trajectory = simulator.run(START, 3, seed=11)
    draws = [tf.random.stateless_normal([2], fold_seed(11, BATCHES, t), dtype=tf.float64) for t in range(3)]
    np.testing.assert_allclose(trajectory.params[0], START[0] - np.sum(draws, axis=0), rtol=1e-14)


def test_divergence_is_reported_with_its_step():
    # w <- -99 w overflows float64 at the first t with 99^t >= 1.8e308 / 2: t = 155 (for |w_0| = 2)
    path = np.abs(START[0]).max() * 99.0 ** np.arange(0, 157, dtype=np.longdouble)
    first_bad = int(np.argmax(path > np.finfo(np.float64).max))
    simulator = Simulator(Game(bowl), gradient_descent(100.0), record=record_w, every=4)
    with pytest.raises(DivergedError, match=f"after step {first_bad}:") as caught:
        simulator.run(START, 400)
    assert caught.value.step == first_bad
    stopped = simulator.run(START, 400, on_nan="stop")
    assert stopped.diverged_at == first_bad
    assert np.isfinite(stopped.params[0]).all() and np.isfinite(stopped.records["w"]).all()
    assert stopped.recorded_at[-1] == 4 * ((first_bad - 1) // 4)
    assert len(stopped.records["w"]) == len(stopped.recorded_at)
    with pytest.raises(DivergedError):
        simulator.resume(stopped, 4)


@pytest.mark.parametrize("record", [None, record_w])
def test_divergence_is_found_wherever_it_is_looked_for(record):
    """With every=1: where nothing is recorded, only the end of a chunk is looked at."""
    simulator = Simulator(Game(bowl), gradient_descent(100.0), record=record, chunk=60)
    with pytest.raises(DivergedError, match="after step 155:"):
        simulator.run(START, 400)
    stopped = simulator.run(START, 400, on_nan="stop")
    assert (stopped.diverged_at, stopped.steps) == (155, 154)
    np.testing.assert_allclose(stopped.params[0], START[0] * 99.0**154, rtol=1e-12)


def test_progress_is_called_between_chunks(simulator, tmp_path, monkeypatch):
    calls = []
    simulator.run(START, 40, progress=lambda done, steps, seconds: calls.append((done, steps)))
    assert calls == [(15, 40), (30, 40), (40, 40)]
    simulator.run(START, 10)
    assert len(calls) == 3


def test_a_run_of_the_pipeline_says_how_far_it_is(simulator, tmp_path, monkeypatch):
    monkeypatch.setenv("DESCENT_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("DESCENT_PROGRESS", str(tmp_path / "progress"))
    simulator.run(START, 10)
    assert not (tmp_path / "progress").exists()
    try:
        Measurements.here()
        simulator.run(START, 10)
        assert (tmp_path / "progress").read_text().startswith("10/10 steps")
    finally:
        report_progress_to(None)


def test_bad_lengths_are_refused(simulator):
    with pytest.raises(ValueError, match="multiple of every"):
        simulator.run(START, 7)
    with pytest.raises(ValueError, match="not negative"):
        simulator.run(START, -5)
    with pytest.raises(ValueError, match='on_nan is "raise" or "stop", got \'ignore\''):
        simulator.run(START, 5, on_nan="ignore")
    for nonsense in ({"every": 0}, {"chunk": 0}, {"chunk": -3}):
        with pytest.raises(ValueError, match="at least 1"):
            Simulator(Game(bowl), gradient_descent(0.1), **nonsense)


def test_xla_agrees_with_the_plain_graph(simulator):
    compiled = Simulator(Game(bowl), momentum(0.1, 0.9), record=record_w, every=5, jit_compile=True)
    np.testing.assert_allclose(compiled.run(START, 50).records["w"], simulator.run(START, 50).records["w"], rtol=1e-12)
