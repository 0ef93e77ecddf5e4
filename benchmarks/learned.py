"""Time one meta-step: ``python benchmarks/learned.py`` prints one JSON object, without the time of compilation.

The work is the same in all columns: inner problems (a 64-20-10 network on digits, minibatches of 32), an unroll of 20
steps, the meta-gradient by backpropagation, first order. "eager" is the same Python run by TensorFlow operation by
operation, a loop over steps inside a gradient tape; "compiled" is the library's program. Wall times want a quiet
machine; processor times bear a busy one.
"""

import json
import resource
import time
from collections.abc import Callable

import numpy as np

from descent import vectors
from descent.experiments.learned_recipes import inner_task
from descent.learned import LearnedOptimizer, k_momentums, lstm_optimizer, multiscale_adam, rnnprop
from descent.learned.meta_gradients import persistent_es, truncated_bptt
from descent.learned.unroll import Unroll
from descent.quiet import tf

LENGTH = 20
KEY = tf.constant([1, 2])


def median_seconds(function: Callable[[], tuple[tf.Tensor, tf.Tensor]], repeats: int) -> np.ndarray:
    """Return the median wall time and processor time of some calls, after one that is not counted."""
    function()
    times = []
    for _ in range(repeats):
        began = time.perf_counter(), time.process_time()
        function()[0].numpy()
        times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    return np.median(times, 0)


def eager(optimizer: LearnedOptimizer) -> Callable[[], tuple[tf.Tensor, tf.Tensor]]:
    """Return a function that makes the meta-gradient as one writes it without a compiler."""
    task = inner_task()
    weights = optimizer.init(0)
    start = truncated_bptt(Unroll(optimizer, task, LENGTH), tasks=1).init(weights, KEY).inner.params
    stretch_key = tf.random.experimental.stateless_fold_in(KEY, 1)

    def batch(step: int) -> tuple[tf.Tensor, tf.Tensor]:
        x, y = task.batch(tf.random.experimental.stateless_fold_in(stretch_key, step), 1)
        return x[0], y[0]

    def meta_gradient() -> tuple[tf.Tensor, tf.Tensor]:
        params = tf.nest.map_structure(lambda leaf: leaf[0], start)
        with tf.GradientTape() as tape:
            tape.watch(weights)
            rule = optimizer.rule(weights)
            state, total = rule.init((params,)), 0.0
            for step in range(LENGTH):
                game = task.game.at(((), batch(step)))
                (xi,) = game.gradient((params,))
                xi = tf.nest.map_structure(tf.stop_gradient, xi)
                (change,), state = rule.update((xi,), state, (params,), game)
                params = vectors.add(params, change)
                total += tf.math.log(task.loss(params, (), batch(step + 1)) + 1e-15)
            loss = total / LENGTH
        return loss, tape.gradient(loss, weights)

    return meta_gradient


def compiled(optimizer: LearnedOptimizer, tasks: int, make=truncated_bptt) -> Callable[[], tuple[tf.Tensor, tf.Tensor]]:
    """Return the library's meta-gradient of so many tasks."""
    estimator = make(Unroll(optimizer, inner_task(), LENGTH), tasks)
    weights = optimizer.init(0)
    state = estimator.init(weights, KEY)
    program = tf.function(lambda w, s: estimator.estimate(w, s, KEY)[:2], autograph=False)

    def meta_gradient() -> tuple[tf.Tensor, tf.Tensor]:
        gradient, loss = program(weights, state)
        return loss, gradient

    return meta_gradient


def main() -> None:
    report = {}
    for name, optimizer in {
        "multiscale average": multiscale_adam(),
        "k momentums": k_momentums(6),
        "LSTM": lstm_optimizer(),
        "RNNprop": rnnprop(),
    }.items():
        slow, fast, four = eager(optimizer), compiled(optimizer, 1), compiled(optimizer, 4)
        (loss, gradient), (same_loss, same_gradient) = slow(), fast()
        np.testing.assert_allclose(loss, same_loss, rtol=1e-4)
        for a, b in zip(tf.nest.flatten(gradient), tf.nest.flatten(same_gradient), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-4)
        seconds = {
            "eager, one task": median_seconds(slow, 3),
            "compiled, one task": median_seconds(fast, 20),
            "compiled, four tasks": median_seconds(four, 10),
            "compiled, four pairs, persistent ES": median_seconds(compiled(optimizer, 4, persistent_es), 10),
        }
        report[name] = {
            key: dict(zip(("wall s", "cpu s"), wall_cpu.round(5), strict=True)) for key, wall_cpu in seconds.items()
        }
        for key, tasks in (("compiled, one task", 1), ("compiled, four tasks", 4)):
            ratio = tasks * seconds["eager, one task"] / seconds[key]
            report[name][f"times faster per task: {key}"] = dict(zip(("wall", "cpu"), ratio.round(1), strict=True))
    report["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
