"""PyTorch's and JAX's steps on the network of gan.py: the same weights, the same batch, the same RMSProp."""

from __future__ import annotations

import os
import shutil
from typing import Literal

import numpy as np
from gan import DECAY, EPSILON, RATE, Arrays, Setting
from turns import Contender

Adjustment = Literal["none", "mixed", "plain"]


def torch_eager(setting: Setting, adjusted: bool, threads: int) -> Contender:
    """PyTorch as its users write it: modules, an optimiser, and for SGA ``descent.adapters.torch_sga``."""
    import torch

    from descent.adapters.torch_sga import SGA

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
    sga = SGA(base)

    def losses():
        fake, truth = networks[1](networks[0](z)), networks[1](real)
        return softplus(-fake).mean(), softplus(-truth).mean() + softplus(fake).mean()

    def gradient_step():
        for loss, net in zip(losses(), networks, strict=True):
            own = list(net.parameters())
            for p, g in zip(own, torch.autograd.grad(loss, own, retain_graph=True), strict=True):
                p.grad = g
        base.step()

    def run(n: int) -> Arrays:
        torch.set_num_threads(threads)
        for _ in range(n):
            if adjusted:
                sga.step(losses)
            else:
                gradient_step()
        return [p.detach().numpy().T.copy() for net in networks for p in net.parameters()]

    return run


def torch_compiled(setting: Setting, adjusted: bool, threads: int) -> Contender | None:
    """The whole step as one function under ``torch.compile``; None, and a line that says so, where it can't be."""
    import torch

    compilers = (os.environ.get("CXX", ""), "g++", "clang++", "cl")
    if not any(shutil.which(name) for name in compilers if name):
        print("no C++ compiler is installed: the rows of torch.compile are left out", flush=True)
        return None
    softplus, grad = torch.nn.functional.softplus, torch.func.grad
    real, z = (torch.tensor(x.numpy()) for x in setting.batch)

    def net(layers, x):
        for w, b in layers[:-1]:
            x = torch.relu(x @ w + b)
        return x @ layers[-1][0] + layers[-1][1]

    def losses(g, d):
        fake, truth = net(d, net(g, z)), net(d, real)
        return softplus(-fake).mean(), softplus(-truth).mean() + softplus(fake).mean()

    def dot(a, b):
        return sum((x * y).sum() for p, q in zip(a, b, strict=True) for x, y in zip(p, q, strict=True))

    def field(p):
        return grad(lambda g: losses(g, p[1])[0])(p[0]), grad(lambda d: losses(p[0], d)[1])(p[1])

    def turned(p, xi):
        def surplus(g, d, sign):
            first, second = losses(g, d)
            return sign * 0.5 * (second - first)

        turn_g = grad(lambda g: dot(grad(surplus, 1)(g, p[1], 1.0), xi[1]))(p[0])
        turn_d = grad(lambda d: dot(grad(surplus, 0)(p[0], d, -1.0), xi[0]))(p[1])
        return [add(a, b) for a, b in zip(xi, (turn_g, turn_d), strict=True)]

    def add(a, b):
        return [[x + y for x, y in zip(p, q, strict=True)] for p, q in zip(a, b, strict=True)]

    def mapped(function, *trees):
        return [
            [[function(*leaves) for leaves in zip(*layer, strict=True)] for layer in zip(*own, strict=True)]
            for own in zip(*trees, strict=True)
        ]

    @torch.compile
    def step(p, v):
        xi = field(p)
        x = turned(p, xi) if adjusted else xi
        v = mapped(lambda a, g: DECAY * a + (1 - DECAY) * g * g, v, x)
        return mapped(lambda w, g, a: w - RATE * g * torch.rsqrt(a + EPSILON), p, x, v), v

    p = [[[torch.tensor(w), torch.tensor(b)] for w, b in own] for own in setting.arrays]
    v = mapped(torch.ones_like, p)
    torch.set_num_threads(threads)
    try:
        step(p, v)
    except Exception as error:  # whatever keeps a compiler from working here
        why = str(error).strip().splitlines()
        print(f"torch.compile failed, its rows are left out: {why[0] if why else type(error).__name__}", flush=True)
        return None

    def run(n: int) -> Arrays:
        nonlocal p, v
        torch.set_num_threads(threads)
        for _ in range(n):
            p, v = step(p, v)
        return [leaf.numpy() for own in p for layer in own for leaf in layer]

    return run


def jax_compiled(setting: Setting, adjustment: Adjustment) -> Contender:
    """All n steps in one compiled loop. "mixed": the library's formula; "plain": J xi by forward over reverse."""
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
        if adjustment == "none":
            return field(p)
        if adjustment == "plain":
            xi, pull = jax.vjp(field, p)
            _, j_xi = jax.jvp(field, (p,), (xi,))
            return jax.tree.map(lambda x, jt, j: x + (jt - j) / 2, xi, pull(xi)[0], j_xi)
        xi = jax.lax.stop_gradient(field(p))

        def surplus(g, d, sign):
            first, second = losses(g, d)
            return sign * 0.5 * (second - first)

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

    def run(n: int) -> Arrays:
        nonlocal carry
        carry = jax.block_until_ready(loop(carry, n))
        return [np.asarray(leaf) for leaf in jax.tree.leaves(carry[0])]

    return run
