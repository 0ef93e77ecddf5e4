"""A sweep over 2,000 step sizes: ``Sweep`` beside ``vmap`` in JAX and beside a Python loop.

    python benchmarks/sweep.py [--blocks 11] [--seconds 0.2] [--json FILE]

SGA (lambda 1) on the bilinear game x y, 250 steps from (1, 1), step sizes evenly spaced from .01 to 1.75, float32. What
comes out is |w| after the last step. The Python loop (eager TensorFlow, the library's rule) makes one step size's
trajectory, and its time is multiplied by the number of step sizes: nobody waits for all of them.
"""

from __future__ import annotations

import numpy as np
from turns import Contender, Row, Turns, against_first, check_alike, has, program, show, take_turns

from descent import vectors
from descent.problems.quadratic import plane, quadratic_game
from descent.quiet import tf
from descent.rules import chain, gradient_descent, sga, step
from descent.sweep import Sweep

GAME = quadratic_game([1, 1]).at(tf.constant(plane(0.0, 1.0), tf.float32))


def make_rule(eta):
    return chain(sga(1.0), gradient_descent(eta))


def library(etas: np.ndarray, steps: int, jit_compile: bool = False) -> Contender:
    sweep = Sweep(
        GAME,
        {"sga": make_rule},
        lambda params, state, game: vectors.norm(params),
        every=steps,
        jit_compile=jit_compile,
    )
    hypers, start = tf.constant(etas), (tf.ones([len(etas), 1]), tf.ones([len(etas), 1]))

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            found = sweep.run(hypers, start, records=2)["sga"][-1].numpy()
        return found

    return run


def jax_vmap(etas: np.ndarray, steps: int) -> Contender:
    import jax
    import jax.numpy as jnp

    def losses(x, y):
        return jnp.sum(x * y), -jnp.sum(x * y)

    def field(p):
        return jax.grad(lambda x: losses(x, p[1])[0])(p[0]), jax.grad(lambda y: losses(p[0], y)[1])(p[1])

    def one(eta):
        def step(_, p):
            xi, pull = jax.vjp(field, p)
            _, j_xi = jax.jvp(field, (p,), (xi,))
            return jax.tree.map(lambda w, x, jt, j: w - eta * (x + (jt - j) / 2), p, xi, pull(xi)[0], j_xi)

        x, y = jax.lax.fori_loop(0, steps, step, (jnp.ones(1), jnp.ones(1)))
        return jnp.sqrt(jnp.sum(x * x) + jnp.sum(y * y))

    program, hypers = jax.jit(jax.vmap(one)), jnp.asarray(etas)

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            found = np.asarray(program(hypers))
        return found

    return run


def python_loop(eta: float, steps: int) -> Contender:
    rule = make_rule(tf.constant(eta, tf.float32))

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            params = (tf.ones([1]), tf.ones([1]))
            state = rule.init(params)
            for _ in range(steps):
                params, state = step(rule, GAME, params, state)
        return vectors.norm(params).numpy()

    return run


def measure(turns: Turns) -> list[Row]:
    lanes, steps = (20, 5) if turns.tiny else (2000, 250)
    etas = np.linspace(0.01, 1.75, lanes).astype(np.float32)
    contenders = {"Sweep": library(etas, steps), "Sweep, XLA": library(etas, steps, jit_compile=True)}
    if has("jax"):
        contenders["JAX vmap"] = jax_vmap(etas, steps)
    scaled = f"eager Python loop (1 of {lanes:,}, times {lanes:,})"
    looped = lanes // 50  # small enough that it has not converged to nothing, which would compare zeros
    loop = python_loop(float(etas[looped]), steps)
    # in logarithms: large step sizes diverge by many powers of ten, or past all numbers; small ones converge by as many
    sizes = {
        name: np.log(np.clip(np.nan_to_num(run(1), nan=1e30, posinf=1e30), 1e-30, 1e30))
        for name, run in contenders.items()
    }
    check_alike(sizes)
    check_alike({"Sweep": sizes["Sweep"][looped], "loop": np.log(loop(1))})
    times = take_turns({**contenders, scaled: loop}, turns)
    times[scaled] = times[scaled] * lanes
    return show(against_first(times, f"{lanes:,} step sizes, {steps} steps"))


if __name__ == "__main__":
    program(__doc__, measure)
