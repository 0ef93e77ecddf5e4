"""A wide two-layer network at Du et al.'s size: descent by pre-activations beside descent on the weights in JAX.

    python benchmarks/two_layer.py [--blocks 3] [--seconds 1] [--json FILE]

n = d = 1,000 points on the sphere, width 8,192, float64, the first layer trained with step size 1/2. A repetition is a
call of a compiled program of five steps; a hundred steps take twenty times as long. JAX runs the same descent twice: on
the weights, as one would write it, and on pre-activations, as the library does.
"""

from __future__ import annotations

import numpy as np
from turns import Contender, Row, Turns, against_first, check_alike, has, program, show, take_turns

from descent.experiments.two_layer_networks.du_experiment import data
from descent.experiments.two_layer_networks.network import activation_game, draw, through_gram
from descent.quiet import tf
from descent.simulate import Simulator

ETA, STEPS = 0.5, 5


def library(x: np.ndarray, y: np.ndarray, w: np.ndarray, a: np.ndarray) -> Contender:
    z0 = tf.constant(x @ w)
    game = activation_game().at((tf.constant(y), tf.constant(a), z0))
    simulator = Simulator(game, through_gram(ETA, tf.constant(x @ x.T)))

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            z = simulator.run((z0,), STEPS).params[0].numpy()
        return z

    return run


def jax_descent(x: np.ndarray, y: np.ndarray, w: np.ndarray, a: np.ndarray, on_weights: bool) -> Contender:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    x, gram, y, a = (jnp.asarray(part) for part in (x, x @ x.T, y, a))

    def loss(z):
        u = jnp.maximum(z, 0) @ a / jnp.sqrt(a.shape[0])
        return 0.5 * jnp.sum((u - y) ** 2)

    def on_w(_, w):
        return w - ETA * jax.grad(lambda w: loss(x @ w))(w)

    def on_z(_, z):
        return z - ETA * gram @ jax.grad(loss)(z)

    steps = jax.jit(lambda start: jax.lax.fori_loop(0, STEPS, on_w if on_weights else on_z, start))
    start = jnp.asarray(w) if on_weights else x @ w

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            end = steps(start)
            end = np.asarray(x @ end if on_weights else end)
        return end

    return run


def measure(turns: Turns) -> list[Row]:
    n, width = (20, 64) if turns.tiny else (1000, 8192)
    x, y = data(0, n, n)
    w, a = draw(0, n, width)
    contenders = {"Simulator, pre-activations": library(x, y, w, a)}
    if has("jax"):
        contenders["JAX, weights"] = jax_descent(x, y, w, a, on_weights=True)
        contenders["JAX, pre-activations"] = jax_descent(x, y, w, a, on_weights=False)
    check_alike({name: run(1) for name, run in contenders.items()}, tolerance=1e-9)
    return show(against_first(take_turns(contenders, turns), f"n = d = {n:,}, m = {width:,}, {STEPS} steps"))


if __name__ == "__main__":
    program(__doc__, measure)
