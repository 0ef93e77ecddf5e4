"""A million steps of Navigation2D by ten thousand linear policies: the library's loop over tensors beside JAX's.

    python benchmarks/rollouts.py [--blocks 11] [--seconds 0.2] [--json FILE]

A repetition is 10,000 rollouts of 100 steps in float32. JAX plays one rollout as a `lax.scan`, mapped over policies by
`vmap`, as one would write it. The policies are calm ones, for along chaotic paths rounding grows and nothing agrees.
"""

from __future__ import annotations

import numpy as np
from turns import Contender, Row, Turns, against_first, check_alike, has, program, show, take_turns

from descent.problems.navigation import HORIZON, NAVIGATION, rollout
from descent.quiet import tf


def library(weights: np.ndarray, goals: np.ndarray) -> Contender:
    returns = tf.function(lambda w, g: rollout(NAVIGATION, w, g).returns, jit_compile=True, autograph=False)
    arguments = tf.constant(weights), tf.constant(goals)

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            found = returns(*arguments).numpy()
        return found

    return run


def jax_scan(weights: np.ndarray, goals: np.ndarray) -> Contender:
    import jax
    import jax.numpy as jnp

    def one(w, goal):
        matrix, b = w[:4].reshape(2, 2), w[4:]

        def step(carry, _):
            position, alive, total = carry
            action = jnp.clip(jnp.tanh(matrix @ position + b), -0.1, 0.1)
            position = jnp.clip(position + action, -1.0, 1.0)
            reward = -jnp.sum((position - goal) ** 2)
            return (position, alive & (reward < -0.01), total + jnp.where(alive, reward, 0.0)), None

        start = jnp.zeros(2), jnp.array(True), jnp.array(0.0)
        return jax.lax.scan(step, start, length=HORIZON)[0][2]

    returns = jax.jit(jax.vmap(one))
    arguments = jnp.asarray(weights), jnp.asarray(goals)

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            found = np.asarray(returns(*arguments))
        return found

    return run


def measure(turns: Turns) -> list[Row]:
    count = 50 if turns.tiny else 10_000
    rng = np.random.default_rng(0)
    weights = (0.4 * rng.normal(size=(count, 6))).astype(np.float32)
    goals = rng.uniform(-1, 1, (count, 2)).astype(np.float32)
    contenders = {"library": library(weights, goals)}
    if has("jax"):
        contenders["JAX, vmap of scan"] = jax_scan(weights, goals)
    check_alike({name: run(1) for name, run in contenders.items()})
    return show(against_first(take_turns(contenders, turns), f"{count:,} rollouts of {HORIZON}"))


if __name__ == "__main__":
    program(__doc__, measure)
