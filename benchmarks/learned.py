"""The meta-step of learned optimisers: eager TensorFlow, the library's program, JAX's.

    python benchmarks/learned.py [--blocks 11] [--seconds 0.2] [--json FILE]

The work is the same for all: inner problems (a 64-20-10 network on digits, minibatches of 32), an unroll of 20 steps,
the meta-gradient by backpropagation, first order. Meta-losses and meta-gradients are compared before anything is timed.
"eager" is the same Python run by TensorFlow operation by operation, a loop over steps inside a gradient tape. JAX's
program, for the multiscale average, is a ``scan`` under ``jit``; its minibatches are drawn beforehand, which spares it
what the library does in the step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from turns import Contender, Row, Turns, check_alike, has, program, ratio, show, take_turns

from descent import vectors
from descent.experiments.learning_to_optimize.learned_recipes import inner_task
from descent.learned import LearnedOptimizer, k_momentums, lstm_optimizer, multiscale_adam, rnnprop
from descent.learned.meta_gradients import persistent_es, truncated_bptt
from descent.learned.multiscale_adam import EPSILON, SCALES
from descent.learned.unroll import TINY, Unroll
from descent.quiet import tf

LENGTH = 20
KEY = tf.constant([1, 2])
MetaGradient = Callable[[], tuple[tf.Tensor, tf.Tensor]]


def eager(optimizer: LearnedOptimizer) -> MetaGradient:
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


def compiled(optimizer: LearnedOptimizer, tasks: int, make=truncated_bptt, jit_compile: bool = False) -> MetaGradient:
    """Return the library's meta-gradient of so many tasks; ``jit_compile``: its inner steps compiled with XLA."""
    estimator = make(Unroll(optimizer, inner_task(), LENGTH, jit_compile=jit_compile), tasks)
    weights = optimizer.init(0)
    state = estimator.init(weights, KEY)
    program = tf.function(lambda w, s: estimator.estimate(w, s, KEY)[:2], autograph=False)

    def meta_gradient() -> tuple[tf.Tensor, tf.Tensor]:
        gradient, loss = program(weights, state)
        return loss, gradient

    return meta_gradient


def jax_multiscale(eta: float) -> MetaGradient:
    """The multiscale average's meta-gradient in JAX, from the same start and with the same minibatches."""
    import jax
    import jax.flatten_util
    import jax.numpy as jnp

    task, optimizer = inner_task(), multiscale_adam("average", eta)
    start = truncated_bptt(Unroll(optimizer, task, LENGTH), tasks=1).init(optimizer.init(0), KEY).inner.params
    layers = jax.tree.map(lambda leaf: jnp.asarray(leaf[0].numpy()), start)
    stretch_key = tf.random.experimental.stateless_fold_in(KEY, 1)
    drawn = [task.batch(tf.random.experimental.stateless_fold_in(stretch_key, k), 1) for k in range(LENGTH + 1)]
    x, y = (jnp.asarray(np.stack([batch[part][0].numpy() for batch in drawn])) for part in (0, 1))
    flat, rebuild = jax.flatten_util.ravel_pytree(layers)
    beta1, beta2 = (jnp.asarray(beta, jnp.float32) for beta in SCALES.T)

    def loss(flat, x, y):
        (w1, b1), (w2, b2) = rebuild(flat)
        logits = jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))

    def meta_loss(weights):
        mixture = jnp.abs(weights) / jnp.sum(jnp.abs(weights))

        def step(carry, inputs):
            flat, m, v = carry
            t, x, y, next_x, next_y = inputs
            g = jax.lax.stop_gradient(jax.grad(loss)(flat, x, y))[:, None]
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
            corrected = v / (1 - beta2**t)
            moved = corrected > 0
            root = jnp.sqrt(jnp.where(moved, corrected, 1.0)) + EPSILON
            s = jnp.where(moved, m / (1 - beta1**t) / root, 0.0)
            flat = flat - eta * jnp.sum(mixture * s, 1)
            return (flat, m, v), jnp.log(loss(flat, next_x, next_y) + TINY)

        nothing = jnp.zeros((flat.size, len(SCALES)))
        inputs = jnp.arange(1.0, LENGTH + 1), x[:-1], y[:-1], x[1:], y[1:]
        return jnp.mean(jax.lax.scan(step, (flat, nothing, nothing), inputs)[1])

    program, weights = jax.jit(jax.value_and_grad(meta_loss)), jnp.asarray(optimizer.init(0).numpy())
    return lambda: jax.block_until_ready(program(weights))


def again(function: MetaGradient) -> Contender:
    def run(n: int):
        for _ in range(n):
            loss, gradient = function()
        return [np.asarray(loss), [np.asarray(leaf) for leaf in tf.nest.flatten(gradient)]]

    return run


def of_optimizer(name: str, optimizer: LearnedOptimizer, turns: Turns, jax: bool) -> list[Row]:
    """Return an optimiser's rows; a ratio is time per task over that of the compiled meta-step of one task."""
    same = {
        "compiled, one task": compiled(optimizer, 1),
        "compiled with XLA, one task": compiled(optimizer, 1, jit_compile=True),
        "eager, one task": eager(optimizer),
    }
    if jax and optimizer.name == "multiscale_adam":
        same["JAX compiled, one task"] = jax_multiscale(optimizer.settings["learning_rate"])
    contenders = {key: again(function) for key, function in same.items()}
    results = {key: run(1) for key, run in contenders.items()}
    check_alike({key: loss for key, (loss, _) in results.items()}, 1e-4)
    check_alike({key: gradient for key, (_, gradient) in results.items()}, 1e-2)
    contenders["compiled, four tasks"] = again(compiled(optimizer, 4))
    for compiler in ("compiled", "compiled with XLA"):
        pairs = compiled(optimizer, 4, persistent_es, jit_compile="XLA" in compiler)
        contenders[f"{compiler}, four pairs, persistent ES"] = again(pairs)
    first, *others = times = take_turns(contenders, turns)
    rows: list[Row] = [{"row": first, "setting": name, "milliseconds": 1e3 * float(np.median(times[first]))}]
    for key in others:
        tasks = 4 if "four" in key else 1
        row = {"row": f"{key} / {first}", "setting": name, "milliseconds": 1e3 * float(np.median(times[key]))}
        if tasks > 1:
            row["row"] += ", per task"
        rows.append(row | ratio(times[key] / tasks, times[first]))
    return rows


def measure(turns: Turns) -> list[Row]:
    jax, rows = has("jax"), []
    optimizers = {"multiscale average": multiscale_adam(), "k momentums": k_momentums(6)}
    if not turns.tiny:
        optimizers |= {"LSTM": lstm_optimizer(), "RNNprop": rnnprop()}
    for name, optimizer in optimizers.items():
        rows += show(of_optimizer(name, optimizer, turns, jax))
    return rows


if __name__ == "__main__":
    program(__doc__, measure)
