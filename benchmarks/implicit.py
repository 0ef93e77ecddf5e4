"""What an implicit step costs: in gradients per product, beside JAX's compiled one and PyTorch's eager one.

    python benchmarks/implicit.py [--blocks 11] [--seconds 0.2] [--json FILE]
    taskset -c 0 python benchmarks/implicit.py --clock cpu        (one core, on a machine that others use as well)

The network is 784-64-10, sigmoid (50,890 parameters), the batch 200 images of noise. Every contender takes the same
implicit step from the same weights, with as many products as the row says, and the steps are compared before anything
is timed. The bar: at most 3 gradients for each product, and 3 more. A Hessian-vector product alone, first derivatives
included, stands beside JAX's forward-over-reverse one.
"""

from __future__ import annotations

import numpy as np
from turns import Contender, Row, Turns, against_first, check_alike, has, program, repeated, show, take_turns

from descent import vectors
from descent.games import Game
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules import direction, gradient_descent, implicit
from descent.rules.base import Rule
from descent.solvers.curvature import Curvature, gauss_newton, hessian

ETA, BATCH, PRODUCTS = 0.5, 200, (1, 5, 20)
SETTING = f"784-64-10, batch {BATCH}"

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
    return repeated(lambda p: direction(rule, GAME, p), PARAMS)


def multiplied(params):
    """Return a vector to multiply by: constant, no gradient."""
    return vectors.scale(0.1, vectors.ones_like(params))


def hessian_product() -> Contender:
    return repeated(lambda p: hessian(GAME, p, lambda own: own)(multiplied(p)), PARAMS)


def solved(products: int, curvature: Curvature) -> Rule:
    return implicit(ETA, curvature, tolerance=0.0, max_iterations=products, negative_curvature="ignore")


def jax_compiled(products: int) -> Contender:
    """The same step with JAX's own conjugate gradients and forward-over-reverse products; 0: one such product alone."""
    import jax
    import jax.numpy as jnp

    x, y = jnp.asarray(X), jnp.asarray(Y)
    weights = jax.tree.map(lambda leaf: jnp.asarray(leaf.numpy()), PARAMS[0])

    def loss(w):
        (w1, b1), (w2, b2) = w
        logits = jax.nn.sigmoid(x @ w1 + b1) @ w2 + b2
        return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(BATCH), y])

    def step(w):
        if products == 0:
            return jax.jvp(jax.grad(loss), (w,), (jax.tree.map(lambda leaf: 0.1 * jnp.ones_like(leaf), w),))[1]
        gradient, product = jax.linearize(jax.grad(loss), w)
        b = jax.tree.map(lambda g: -ETA * g, gradient)
        matrix = lambda v: jax.tree.map(lambda a, c: a + ETA * c, v, product(v))  # noqa: E731
        return jax.scipy.sparse.linalg.cg(matrix, b, tol=0.0, maxiter=products)[0]

    def body(_, carry):
        d = step(carry[0])
        return jax.tree.map(lambda w, c: w + 1e-9 * c, weights, d), d

    loop = jax.jit(lambda n: jax.lax.fori_loop(0, n, body, (weights, jax.tree.map(jnp.zeros_like, weights)))[1])
    return lambda n: [np.asarray(leaf) for leaf in jax.tree.leaves(loop(n))]


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
        return [leaf.numpy() for leaf in solution]

    return run


def measure(turns: Turns) -> list[Row]:
    torch, jax = has("torch"), has("jax")
    times = {"gradient": library(gradient_descent(ETA)), "Hessian-vector product": hessian_product()}
    if jax:
        times["Hessian-vector product, JAX compiled"] = jax_compiled(0)
        check_alike({name: run(1) for name, run in times.items() if name.startswith("Hessian-vector")})
    for k in PRODUCTS[:1] if turns.tiny else PRODUCTS:
        step = f"implicit step, {k} product{'s' * (k > 1)}"
        same = {f"{step} (Hessian)": library(solved(k, hessian))}
        same |= {f"{step}, JAX compiled": jax_compiled(k)} if jax else {}
        same |= {f"{step}, PyTorch eager, 1 thread": pytorch_eager(k)} if torch else {}
        check_alike({name: run(1) for name, run in same.items()})
        times |= same | {f"{step} (Gauss-Newton)": library(solved(k, gauss_newton(outputs, cross_entropy)))}
    return show(against_first(take_turns(times, turns), SETTING))


if __name__ == "__main__":
    program(__doc__, measure)
