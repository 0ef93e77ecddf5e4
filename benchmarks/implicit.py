"""What an implicit step costs: in gradients per product, beside JAX's compiled one and PyTorch's eager one.

    python benchmarks/implicit.py [--blocks 15] [--seconds 0.3] [--json FILE]
    taskset -c 0 python benchmarks/implicit.py --clock cpu        (one core, on a machine that others use as well)

One process, one run. The network is 784-64-10, sigmoid (50,890 parameters), the batch 200 images of noise. Every
contender takes the same implicit step from the same weights, with as many products as the row says, and the steps are
compared before anything is timed. Contenders take turns in short blocks, so whatever else the machine does hits them
alike; a ratio is the median over blocks of the ratio to the gradient step of the same block, with the range of its
middle half. The bar: at most 3 gradients for each product, and 3 more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from descent import vectors
from descent.curvature import Curvature, gauss_newton, hessian
from descent.games import Game
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules import gradient_descent, implicit
from descent.rules.base import Rule

ETA, BATCH, PRODUCTS = 0.5, 200, (1, 5, 20)
Contender = Callable[[int], np.ndarray]  # makes the step n times from the same weights, returns it flattened
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}

NETWORK = mlp([784, 64, 10], tf.nn.sigmoid)
PARAMS = (NETWORK.init(0),)
X = np.random.default_rng(0).random((BATCH, 784), np.float32)
Y = np.random.default_rng(1).integers(0, 10, BATCH)


def outputs(params, batch):
    return NETWORK(params[0], batch[0])


def cross_entropy(z, batch):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], z))


GAME = Game(lambda params, batch: (cross_entropy(outputs(params, batch), batch),), (tf.constant(X), tf.constant(Y)))


def library(rule: Rule) -> Contender:
    """The step in one compiled loop; each repetition starts a hair away, so that none can be left out."""

    @tf.function(autograph=False)
    def loop(n):
        def body(k, params, step):
            step, _ = rule.update(GAME.gradient(params), rule.init(params), params, GAME)
            return k + 1, vectors.axpy(1e-9, step, PARAMS), step

        return tf.while_loop(lambda k, *_: k < n, body, (tf.constant(0), PARAMS, vectors.zeros_like(PARAMS)))[2]

    return lambda n: vectors.flatten(loop(tf.constant(n))).numpy()


def solved(products: int, curvature: Curvature) -> Rule:
    return implicit(ETA, curvature, tolerance=0.0, max_iterations=products, negative_curvature="ignore")


def jax_compiled(products: int) -> Contender:
    """The same step with JAX's own conjugate gradients and forward-over-reverse products."""
    import jax
    import jax.numpy as jnp

    x, y = jnp.asarray(X), jnp.asarray(Y)
    weights = jax.tree.map(lambda leaf: jnp.asarray(leaf.numpy()), PARAMS[0])

    def loss(w):
        (w1, b1), (w2, b2) = w
        logits = jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(BATCH), y])

    def step(w):
        gradient, product = jax.linearize(jax.grad(loss), w)
        b = jax.tree.map(lambda g: -ETA * g, gradient)
        matrix = lambda v: jax.tree.map(lambda a, c: a + ETA * c, v, product(v))  # noqa: E731
        return jax.scipy.sparse.linalg.cg(matrix, b, tol=0.0, maxiter=products)[0]

    def body(_, carry):
        d = step(carry[0])
        return jax.tree.map(lambda w, c: w + 1e-9 * c, weights, d), d

    loop = jax.jit(lambda n: jax.lax.fori_loop(0, n, body, (weights, jax.tree.map(jnp.zeros_like, weights)))[1])
    return lambda n: np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(jax.block_until_ready(loop(n)))])


def pytorch_eager(products: int) -> Contender:
    """The same step as PyTorch's users write it: a sweep back through the gradient's graph for each product."""
    import torch

    torch.set_num_threads(1)  # at these sizes more threads wait for each other
    x, y = torch.tensor(X), torch.tensor(Y)
    weights = [torch.tensor(leaf.numpy(), requires_grad=True) for leaf in tf.nest.flatten(PARAMS)]

    def dot(a, b):
        return sum((p * q).sum() for p, q in zip(a, b, strict=True))

    def step():
        w1, b1, w2, b2 = weights
        loss = torch.nn.functional.cross_entropy(torch.sigmoid(x @ w1 + b1) @ w2 + b2, y)
        gradient = torch.autograd.grad(loss, weights, create_graph=True)
        solution = [torch.zeros_like(g) for g in gradient]
        r = [-ETA * g.detach() for g in gradient]
        p, rr = r, dot(r, r)
        for _ in range(products):
            hp = torch.autograd.grad(gradient, weights, p, retain_graph=True)
            ap = [q + ETA * h for q, h in zip(p, hp, strict=True)]
            alpha = rr / dot(p, ap)
            solution = [s + alpha * q for s, q in zip(solution, p, strict=True)]
            r = [s - alpha * q for s, q in zip(r, ap, strict=True)]
            rr, before = dot(r, r), rr
            p = [s + rr / before * q for s, q in zip(r, p, strict=True)]
        return solution

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            solution = step()
        return np.concatenate([leaf.numpy().ravel() for leaf in solution])

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=15, help="how often contenders take turns")
    parser.add_argument("--seconds", type=float, default=0.3, help="length of a contender's turn")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    clock = CLOCKS[options.clock]

    rows: dict[str, tuple[int, Contender]] = {"gradient": (0, library(gradient_descent(ETA)))}
    for k in PRODUCTS:
        ours = library(solved(k, hessian))
        peers = {"JAX compiled": jax_compiled(k), "PyTorch eager, 1 thread": pytorch_eager(k)}
        for name, peer in peers.items():
            difference = np.linalg.norm(peer(1) - ours(1)) / np.linalg.norm(ours(1))
            assert difference < 1e-3, f"{name} takes another step: {difference:.1e} of its length away"
        rows[f"{k} Hessian"] = (k, ours)
        rows[f"{k} Gauss-Newton"] = (k, library(solved(k, gauss_newton(outputs, cross_entropy))))
        rows |= {f"{k} Hessian, {name}": (k, peer) for name, peer in peers.items()}

    repeats = {}
    for name, (_, run) in rows.items():
        run(2)
        began = clock()
        run(2)
        repeats[name] = max(1, round(2 * options.seconds / (clock() - began)))
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(options.blocks):
        for name, (_, run) in rows.items():
            began = clock()
            run(repeats[name])
            times[name].append((clock() - began) / repeats[name])

    gradient, figures = np.array(times["gradient"]), {}
    print(f"one gradient: {1e3 * np.median(gradient):.3f} ms ({options.clock}), load {os.getloadavg()[0]:.1f}")
    print(f"{'':34} gradients   middle half   per product, less 3")
    for name, (k, _) in rows.items():
        if k:
            low, ratio, high = np.percentile(np.array(times[name]) / gradient, [25, 50, 75])
            beyond = (ratio - 3) / k
            print(f"{name:34} {ratio:9.2f}   {low:.2f} to {high:.2f}   {beyond:9.2f}")
            figures[name] = {"gradients": ratio, "middle_half": [low, high], "per_product_less_3": beyond, "bar": 3.0}
    worst = max(figures[f"{k} {kind}"]["per_product_less_3"] for k in PRODUCTS for kind in ("Hessian", "Gauss-Newton"))
    print(f"bar: at most 3 gradients for each product, and 3 more: {'met' if worst <= 3 else 'NOT met'} ({worst:.2f})")
    if options.json:
        record = {"machine": platform.machine(), "cores": os.cpu_count(), "clock": options.clock, "figures": figures}
        options.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
