"""What SGA costs: in gradients, beside PyTorch's eager mode, and beside JAX's compiled one.

    python benchmarks/sga.py [--blocks 15] [--seconds 0.5] [--json FILE]
    taskset -c 0 python benchmarks/sga.py --clock cpu        (one core, on a machine that others use as well)

One process, one run. Every row times contenders that do the same work from the same weights: their first steps are
compared before anything is timed. Contenders take turns in short blocks, so whatever else the machine does hits them
alike; a ratio is the median over blocks of the ratio within a block, with the range of its middle half. The step is SGA
around RMSProp on the GAN of Letcher et al. 2019 (non-saturating loss) with a fixed batch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from descent.experiments.cost import matmul_operations
from descent.problems.gan import gan_game
from descent.problems.mixtures import grid
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules import chain, rmsprop_tf1, sga
from descent.simulate import Simulator

LATENT, RATE, DECAY, EPSILON = 64, 1e-4, 0.9, 1e-10
Contender = Callable[[int], list[np.ndarray]]  # makes n steps from where it is, returns the weights
CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Turns(NamedTuple):
    """How contenders take turns: how often, for how long, by which clock."""

    blocks: int
    seconds: float
    clock: Callable[[], float]


class Setting:
    """Networks of one size, their start, and a batch."""

    def __init__(self, depth: int, width: int, batch: int):
        self.name = f"{depth}x{width}, batch {batch}"
        hidden = [width] * depth
        networks = mlp([LATENT, *hidden, 2]), mlp([2, *hidden, 1])
        self.params = tuple(net.init(i) for i, net in enumerate(networks))
        self.batch = grid().sample(0, batch), tf.random.stateless_normal([batch, LATENT], [0, 1])
        self.game = gan_game(*networks).at(self.batch)

    @property
    def arrays(self) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        return [[(w.numpy(), b.numpy()) for w, b in own] for own in self.params]


def simulator(setting: Setting) -> Contender:
    """The library as chapters use it."""
    simulator = Simulator(setting.game, chain(sga(1.0), rmsprop_tf1(RATE, DECAY, EPSILON)), chunk=10**9)
    trajectory = simulator.run(setting.params, 0)

    def run(n: int) -> list[np.ndarray]:
        nonlocal trajectory
        trajectory = simulator.resume(trajectory, n)
        return [leaf.numpy() for leaf in tf.nest.flatten(trajectory.params)]

    return run


def bare_loop(setting: Setting, jit_compile: bool) -> Contender:
    """The same steps without the simulator's records and checks, as JAX's contender has none."""
    rule = chain(sga(1.0), rmsprop_tf1(RATE, DECAY, EPSILON))

    @tf.function(autograph=False, jit_compile=jit_compile)
    def loop(params, state, n):
        def body(k, params, state):
            change, state = rule.update(setting.game.gradient(params), state, params, setting.game)
            return k + 1, tf.nest.map_structure(tf.add, params, change), state

        return tf.while_loop(lambda k, params, state: k < n, body, (0, params, state))[1:]

    params, state = setting.params, rule.init(setting.params)

    def run(n: int) -> list[np.ndarray]:
        nonlocal params, state
        params, state = loop(params, state, tf.constant(n))
        return [leaf.numpy() for leaf in tf.nest.flatten(params)]

    return run


def tensorflow_eager(setting: Setting) -> Contender:
    rule = chain(sga(1.0), rmsprop_tf1(RATE, DECAY, EPSILON))
    params, state = setting.params, rule.init(setting.params)

    def run(n: int) -> list[np.ndarray]:
        nonlocal params, state
        for _ in range(n):
            change, state = rule.update(setting.game.gradient(params), state, params, setting.game)
            params = tf.nest.map_structure(tf.add, params, change)
        return [leaf.numpy() for leaf in tf.nest.flatten(params)]

    return run


def pytorch(setting: Setting, threads: int) -> Contender:
    import torch

    from descent.torch_sga import SGA

    softplus = torch.nn.functional.softplus
    networks = []
    for own in setting.arrays:
        layers = []
        for w, b in own:
            linear = torch.nn.Linear(*w.shape)
            linear.weight.data, linear.bias.data = torch.tensor(w.T.copy()), torch.tensor(b)
            layers += [linear, torch.nn.ReLU()]
        networks.append(torch.nn.Sequential(*layers[:-1]))
    real, z = (torch.tensor(x.numpy()) for x in setting.batch)
    base = torch.optim.RMSprop([{"params": net.parameters()} for net in networks], lr=RATE, alpha=DECAY, eps=1e-5)
    for net in networks:
        for p in net.parameters():
            base.state[p] = {"step": torch.tensor(0.0), "square_avg": torch.ones_like(p)}
    optimizer = SGA(base)

    def losses():
        fake, truth = networks[1](networks[0](z)), networks[1](real)
        return softplus(-fake).mean(), softplus(-truth).mean() + softplus(fake).mean()

    def run(n: int) -> list[np.ndarray]:
        torch.set_num_threads(threads)
        for _ in range(n):
            optimizer.step(losses)
        return [p.detach().numpy().T.copy() for net in networks for p in net.parameters()]

    return run


def jax_compiled(setting: Setting, form: str) -> Contender:
    """All n steps in one compiled loop. "mixed": the library's formula; "forward": J xi by forward over reverse."""
    import jax
    import jax.numpy as jnp

    real, z = (jnp.asarray(x.numpy()) for x in setting.batch)

    def net(layers, x):
        for w, b in layers[:-1]:
            x = jax.nn.relu(x @ w + b)
        return x @ layers[-1][0] + layers[-1][1]

    def losses(g, d):
        fake, truth = net(d, net(g, z)), net(d, real)
        cross = jnp.mean(jax.nn.softplus(-truth)) + jnp.mean(jax.nn.softplus(fake))
        return jnp.mean(jax.nn.softplus(-fake)), cross

    def field(p):
        return jax.grad(lambda g: losses(g, p[1])[0])(p[0]), jax.grad(lambda d: losses(p[0], d)[1])(p[1])

    def dot(a, b):
        return sum(jnp.vdot(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))

    def adjusted(p):
        if form == "forward":
            xi, pull = jax.vjp(field, p)
            _, j_xi = jax.jvp(field, (p,), (xi,))
            return jax.tree.map(lambda x, jt, j: x + (jt - j) / 2, xi, pull(xi)[0], j_xi)
        xi = jax.lax.stop_gradient(field(p))

        def surplus(g, d, sign):
            return sign * 0.5 * (losses(g, d)[1] - losses(g, d)[0])

        turn_g = jax.grad(lambda g: dot(jax.grad(surplus, 1)(g, p[1], 1.0), xi[1]))(p[0])
        turn_d = jax.grad(lambda d: dot(jax.grad(surplus, 0)(p[0], d, -1.0), xi[0]))(p[1])
        return jax.tree.map(jnp.add, xi, (turn_g, turn_d))

    def step(_, carry):
        p, v = carry
        x = adjusted(p)
        v = jax.tree.map(lambda a, g: DECAY * a + (1 - DECAY) * g * g, v, x)
        return jax.tree.map(lambda w, g, a: w - RATE * g * jax.lax.rsqrt(a + EPSILON), p, x, v), v

    loop = jax.jit(lambda carry, n: jax.lax.fori_loop(0, n, step, carry))
    p = tuple([tuple(map(jnp.asarray, layer)) for layer in own] for own in setting.arrays)
    carry = p, jax.tree.map(jnp.ones_like, p)

    def run(n: int) -> list[np.ndarray]:
        nonlocal carry
        carry = jax.block_until_ready(loop(carry, n))
        return [np.asarray(leaf) for leaf in jax.tree.leaves(carry[0])]

    return run


def check_same_step(contenders: dict[str, Contender], start: list[np.ndarray]) -> None:
    """Make one step with each and raise AssertionError unless all moved alike (float32: 1e-3 of the step)."""
    moved = {name: [a - b for a, b in zip(run(1), start, strict=True)] for name, run in contenders.items()}
    first, *others = moved
    size = np.sqrt(sum(np.sum(a**2) for a in moved[first]))
    for name in others:
        gap = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(moved[name], moved[first], strict=True)))
        assert gap < 1e-3 * size, f"{name} is {gap / size:.1e} of a step away from {first}"


def take_turns(contenders: dict[str, Contender], turns: Turns) -> dict[str, np.ndarray]:
    """Return seconds per step, one entry per block, for each contender."""
    counts = {}
    for name, run in contenders.items():
        run(2)
        began = turns.clock()
        run(3)
        counts[name] = max(1, round(3 * turns.seconds / (turns.clock() - began)))
        run(counts[name])
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(turns.blocks):
        for name, run in contenders.items():
            began = turns.clock()
            run(counts[name])
            spent[name].append((turns.clock() - began) / counts[name])
    return {name: np.array(times) for name, times in spent.items()}


def ratio(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    low, middle, high = np.percentile(a / b, [25, 50, 75])
    return {"ratio": middle, "low": low, "high": high}


def product_cost(setting: Setting, turns: Turns) -> list[dict]:
    """A^T xi in units of a gradient: alone, and what it adds to a step that takes xi anyway."""
    game = setting.game

    def repeated(function) -> Contender:
        @tf.function(autograph=False)
        def loop(params, n):
            def body(k, p):  # the next round's input depends on this one's output, so that none is left out
                return k + 1, tf.nest.map_structure(lambda w, s: w + 1e-12 * s, p, function(p))

            return tf.while_loop(lambda k, p: k < n, body, (0, params))[1]

        return lambda n: [loop(setting.params, tf.constant(n))]

    functions = {
        "xi": game.gradient,
        "A^T v": lambda p: game.rotation(p, setting.params),
        "xi and A^T xi": lambda p: tf.nest.map_structure(tf.add, xi := game.gradient(p), game.rotation(p, xi)),
    }
    work = {name: matmul_operations(function, setting.params) for name, function in functions.items()}
    times = take_turns({name: repeated(function) for name, function in functions.items()}, turns)
    rows = []
    for name in ("A^T v", "xi and A^T xi"):
        counted = work[name] / work["xi"]
        rows.append(
            {"row": f"{name} / xi", "setting": setting.name, **ratio(times[name], times["xi"]), "counted": counted}
        )
    return rows


def compare(setting: Setting, contenders: dict[str, Contender], turns: Turns) -> list[dict]:
    """Every contender's seconds per step over the first one's."""
    check_same_step(contenders, [a for own in setting.arrays for layer in own for a in layer])
    times = take_turns(contenders, turns)
    first, *others = contenders
    rows = [{"row": first, "setting": setting.name, "milliseconds": 1e3 * np.median(times[first])}]
    for name in others:
        middle = {"milliseconds": 1e3 * np.median(times[name]), **ratio(times[name], times[first])}
        rows.append({"row": f"{name} / {first}", "setting": setting.name, **middle})
    return rows


def has(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        print(f"{module} is not installed: its rows are left out (pip install descent[{module}])")
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=15, help="turns that each contender takes")
    parser.add_argument("--seconds", type=float, default=0.5, help="length of a turn")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: the process's own time, over all threads")
    options = parser.parse_args()
    turns = Turns(options.blocks, options.seconds, CLOCKS[options.clock])

    def show(rows: list[dict]) -> list[dict]:
        for row in rows:
            spread = f"{row['ratio']:7.2f} ({row['low']:.2f} to {row['high']:.2f})" if "ratio" in row else ""
            counted = f"  counted in matrix products {row['counted']:.2f}" if "counted" in row else ""
            ms = f"{row['milliseconds']:9.3f} ms" if "milliseconds" in row else " " * 12
            print(f"{row['setting']:20} {row['row']:42} {ms} {spread}{counted}", flush=True)
        return rows

    processor = platform.processor() or platform.machine()
    print(f"{processor}, {CPUS} processors, {options.clock} clock, load {os.getloadavg()[0]:.1f}")
    rows = []
    for size in ((2, 64, 256), (6, 64, 256), (6, 384, 256)):
        rows += show(product_cost(Setting(*size), turns))
    torch, jax = has("torch"), has("jax")

    def torches(setting: Setting) -> dict[str, Contender]:
        counts = sorted({1, CPUS}) if torch else []
        return {f"PyTorch eager, {n} thread(s)": pytorch(setting, n) for n in counts}

    def compiled(setting: Setting) -> dict[str, Contender]:
        loops = {f"bare loop{', XLA' if jit else ''}": bare_loop(setting, jit) for jit in (False, True)}
        return {"simulator": simulator(setting), **loops}

    for size in ((2, 64, 16), (2, 64, 128), (6, 64, 256)):
        setting = Setting(*size)
        others = {**torches(setting), "TensorFlow eager": tensorflow_eager(setting)}
        rows += show(compare(setting, compiled(setting) | others, turns))
    setting = Setting(6, 384, 256)
    jaxes = {f"JAX, {form}": jax_compiled(setting, form) for form in ("mixed", "forward")} if jax else {}
    rows += show(compare(setting, compiled(setting) | jaxes | torches(setting), turns))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
