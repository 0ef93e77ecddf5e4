"""A round of independent subnets at the published width, beside the matrix products that its pieces cannot do without.

    python benchmarks/subnets.py [--blocks 3] [--seconds 1] [--json FILE]

4,096 units between 4,096 inputs and 35 outputs, eight workers, five local steps of 128 images each, float32,
activations times n. The products are those of the same steps: forward, and backward but for the inputs' gradient.
"""

from __future__ import annotations

import numpy as np
from turns import Contender, Row, Turns, against_first, program, show, take_turns

from descent.experiments.independent_subnets.subnets import pieces_game, repartitioned, rounds, sampler, start
from descent.quiet import tf
from descent.rules import gradient_descent
from descent.simulate import Simulator


def pieces_round(sizes: tuple[int, int, int], n: int, every: int, each: int) -> Contender:
    x = tf.random.stateless_normal([4 * each, sizes[0]], [1, 2])
    draw = sampler(x, tf.zeros([4 * each], tf.int32), n, each, sizes[1:-1])
    rule = rounds(gradient_descent(1e-3), every, repartitioned)
    simulator = Simulator(pieces_game(n, "times n"), rule, batch=draw, every=every)
    here = simulator.run((start(sizes, 0),), 0, seed=1)

    def run(count: int) -> np.ndarray:
        nonlocal here
        here = simulator.resume(here, count * every)
        return here.params[0].weights[1].numpy()

    return run


def products(sizes: tuple[int, int, int], n: int, every: int, each: int) -> Contender:
    pixels, hidden, outputs = sizes[0], sizes[1] // n, sizes[2]
    shapes = {"x": [n, each, pixels], "w": [n, pixels, hidden], "v": [n, hidden, outputs], "g": [n, each, outputs]}
    held = {name: tf.random.stateless_normal(shape, [3, 4]) for name, shape in shapes.items()}

    @tf.function(autograph=False)
    def steps(x: tf.Tensor, w: tf.Tensor, v: tf.Tensor, g: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        def one(k: tf.Tensor, w: tf.Tensor, v: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            h = tf.matmul(x, w)
            back = tf.matmul(g, v, transpose_b=True) + 1e-30 * tf.matmul(h, v)[..., :1]
            return k + 1, tf.matmul(x, back, transpose_a=True), tf.matmul(h, g, transpose_a=True)

        return tf.while_loop(lambda k, w, v: k < count, one, (0, w, v))[2]

    def run(count: int) -> np.ndarray:
        return steps(*held.values(), tf.constant(count * every)).numpy()

    return run


def measure(turns: Turns) -> list[Row]:
    sizes, n, every, each = ((16, 16, 5), 4, 2, 4) if turns.tiny else ((4096, 4096, 35), 8, 5, 128)
    contenders = {
        "products of its pieces": products(sizes, n, every, each),
        "a round": pieces_round(sizes, n, every, each),
    }
    return show(against_first(take_turns(contenders, turns), f"{sizes[0]}-{sizes[1]}-{sizes[2]}, {n} workers"))


if __name__ == "__main__":
    program(__doc__, measure)
