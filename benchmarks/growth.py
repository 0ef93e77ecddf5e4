"""How cost grows with width, batch, dimension and seeds, and what share of the machine's arithmetic a large step uses.

    python benchmarks/growth.py [--blocks 11] [--seconds 0.2] [--json FILE]

All sizes of one kind take turns. The exponent is the slope of log(median time) over log(size), with its standard error
from the scatter about the line: a local exponent over these sizes, where fixed costs still flatten the small end. The
share is the step's counted matrix products over its time, divided by the rate that one product of two 1024 x 1024
float32 matrices reaches in the same turns; what the step does besides matrix products counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from gan import GRADIENT, SGA, Setting, bare_loop
from turns import Contender, Row, Turns, exponent, program, ratio, repeated, show, take_turns

from descent import vectors
from descent.measures.operations import matmul_operations
from descent.problems.quadratic import bilinear, quadratic_game
from descent.quiet import tf
from descent.rules import chain, direction, gradient_descent, sga, step
from descent.sweep import Sweep

MATRIX = 1024


def sga_step(*size: int, dimension: int = 2) -> Contender:
    return bare_loop(Setting(*size, dimension=dimension), SGA)


def bilinear_step(d: int) -> Contender:
    """A step of SGA on x^T A y with d coordinates in all."""
    a = np.random.default_rng(0).standard_normal((d // 2, d // 2)) / np.sqrt(d / 2)
    game = quadratic_game([d // 2, d // 2]).at(tf.constant(bilinear(a), tf.float32))
    rule, start = chain(sga(1.0), gradient_descent(0.1)), (tf.ones([d // 2]), tf.ones([d // 2]))
    return repeated(lambda p: direction(rule, game, p), start)


def seeds(lanes: int, steps: int = 50) -> Contender:
    """Steps of SGA on a bilinear game of 2 x 4 coordinates from so many starts, side by side."""
    game = quadratic_game([4, 4]).at(tf.constant(bilinear(np.eye(4)), tf.float32))
    record = lambda params, state, game: vectors.norm(params)  # noqa: E731
    sweep = Sweep(game, {"sga": lambda eta: chain(sga(1.0), gradient_descent(eta))}, record, every=steps)
    etas = tf.fill([lanes], 0.1)
    start = tuple(tf.random.stateless_normal([lanes, 4], [player, 0]) for player in (0, 1))

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            found = sweep.run(etas, start, records=2)["sga"].numpy()
        return found

    return run


def grown(what: str, setting: str, sizes: Sequence[int], make: Callable[[int], Contender], turns: Turns) -> list[Row]:
    """Return a row of time for each size, and one of the fitted exponent."""
    times = take_turns({str(size): make(size) for size in sizes}, turns)
    rows: list[Row] = [
        {"row": f"{what} {size:,}", "setting": setting, "milliseconds": 1e3 * float(np.median(times[str(size)]))}
        for size in sizes
    ]
    fit = exponent([float(size) for size in sizes], [times[str(size)] for size in sizes])
    return [*rows, {"row": f"time over {what}, exponent", "setting": setting, **fit}]


def share(setting: Setting, turns: Turns) -> list[Row]:
    """Return what share of the measured matrix-product rate the gradient and the SGA step reach."""
    size = 64 if turns.tiny else MATRIX
    matrix = tf.random.stateless_normal([size, size], [0, 0]) / size**0.5
    plain = "plain matrix product"
    steps = {"gradient step": GRADIENT, "SGA step": SGA}

    def operations(rule):
        game = setting.game
        return matmul_operations(lambda p, s: step(rule, game, p, s), setting.params, rule.init(setting.params))

    contenders = {plain: repeated(lambda x: tf.matmul(x, matrix), matrix)}
    contenders |= {name: bare_loop(setting, rule) for name, rule in steps.items()}
    times = take_turns(contenders, turns)
    seconds_per_operation = times[plain] / (2 * size**3)
    gigaflops = 1e-9 / float(np.median(seconds_per_operation))
    rows: list[Row] = [
        {
            "row": f"{plain}, {gigaflops:,.0f} Gflop/s",
            "setting": f"{size} x {size}, float32",
            "milliseconds": 1e3 * float(np.median(times[plain])),
        }
    ]
    for name, rule in steps.items():
        least = operations(rule) * seconds_per_operation  # were it nothing but plain matrix products
        rows.append(
            {
                "row": f"share of that rate: {name}",
                "setting": setting.name,
                "milliseconds": 1e3 * float(np.median(times[name])),
                **ratio(least, times[name]),
            }
        )
    return rows


def measure(turns: Turns) -> list[Row]:
    if turns.tiny:
        widths, batches, dimensions, games, lanes = (4, 8, 16), (4, 8, 16), (2, 4, 8), (4, 8, 16), (2, 4, 8)
        depth, width, batch, large = 1, 8, 8, Setting(2, 8, 16)
    else:
        widths, batches, dimensions = (64, 128, 256, 512), (64, 128, 256, 512), (2, 16, 128, 1024)
        games, lanes = (64, 256, 1024, 2048), (100, 400, 1600, 6400)
        depth, width, batch, large = 4, 128, 128, Setting(6, 384, 256)
    rows = show(
        grown("width", f"SGA step, depth {depth}, batch {batch}", widths, lambda w: sga_step(depth, w, batch), turns)
    )
    network = f"{depth}x{width}"
    rows += show(grown("batch", f"SGA step, {network}", batches, lambda b: sga_step(depth, width, b), turns))
    rows += show(
        grown(
            "dimension of the samples",
            f"SGA step, {network}, batch {batch}",
            dimensions,
            lambda d: sga_step(depth, width, batch, dimension=d),
            turns,
        )
    )
    rows += show(grown("coordinates", "SGA step, bilinear game", games, bilinear_step, turns))
    rows += show(grown("seeds", "50 steps of SGA, 8 coordinates", lanes, seeds, turns))
    return rows + show(share(large, turns))


if __name__ == "__main__":
    program(__doc__, measure)
