"""The noise library beside SciPy and PyTorch: draws, estimates of the tail index, minibatch gradients.

    python benchmarks/noise.py [--blocks 11] [--seconds 0.2] [--json FILE]

SciPy has no estimator by the characteristic function. The way it offers is its stable law's likelihood, maximised here
over alpha alone, which is slow: it is timed on 100 values, scale and centre known. It is the better estimator of the
two on so few; what is compared is the time until one has a number. Minibatch gradients are those of one pass in order,
so both libraries compute the same ones, and they are compared.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import levy_stable
from turns import Contender, Row, Turns, against_first, check_alike, has, program, show, take_turns

from descent.games import Game
from descent.noise.alpha_stable import sample
from descent.noise.gradient_noise import MinibatchGradients, moments
from descent.noise.log_moments import mohammadi
from descent.noise.quantiles import mcculloch
from descent.noise.spectral import kogon_williams
from descent.problems.images import load
from descent.problems.networks import mlp
from descent.quiet import tf

ALPHA, FEW, CHUNK = 1.5, 100, 50


def again(function) -> Contender:
    def run(n: int):
        for _ in range(n):
            found = function()
        return found

    return run


def likelihood(x: np.ndarray) -> float:
    """Return the alpha that SciPy's density makes likeliest, to two digits."""

    def surprise(alpha: float) -> float:
        return -np.sum(np.log(np.maximum(levy_stable.pdf(x, alpha, 0.0), 1e-300)))

    return minimize_scalar(surprise, bounds=(1.05, 1.99), method="bounded", options={"xatol": 1e-2}).x


def laws(turns: Turns) -> list[Row]:
    n = 1000 if turns.tiny else 1_000_000
    draws = {
        "draw": again(lambda: sample(2, [n], ALPHA).numpy()),
        "scipy.stats.levy_stable.rvs": again(lambda: levy_stable.rvs(ALPHA, 0, size=n, random_state=2)),
    }
    rows = against_first(take_turns(draws, turns), f"{n:,} stable values")
    x = sample(1, [n], ALPHA).numpy()
    estimators = {
        "characteristic function": again(lambda: kogon_williams(x)),
        "quantiles (McCulloch)": again(lambda: mcculloch(x)),
        "logarithmic moments (Mohammadi)": again(lambda: mohammadi(x)),
        "characteristic function, columns of 100": again(lambda: kogon_williams(x.reshape(100, -1))),
    }
    rows += against_first(take_turns(estimators, turns), f"{n:,} stable values")
    few = sample(3, [20 if turns.tiny else FEW], ALPHA).numpy()
    routes = {
        "characteristic function": again(lambda: kogon_williams(few)),
        "scipy: likelihood over alpha": again(lambda: likelihood(few)),
    }
    estimates = {name: float(run(1)) for name, run in routes.items()}
    print(f"alpha of {len(few)} values, {ALPHA} in truth: {estimates}", flush=True)
    return rows + against_first(take_turns(routes, turns), f"{len(few)} stable values")


def torch_gradients(params, x: np.ndarray, y: np.ndarray, batch_size: int) -> Contender:
    import torch

    layers = [(torch.tensor(w.numpy()), torch.tensor(b.numpy())) for w, b in params]
    whole = len(x) // batch_size
    xs = torch.tensor(x[: whole * batch_size]).reshape(whole, batch_size, -1)
    ys = torch.tensor(y[: whole * batch_size].astype(np.int64)).reshape(whole, batch_size)

    def loss(layers, x, y):
        (w1, b1), (w2, b2) = layers
        return torch.nn.functional.cross_entropy(torch.relu(x @ w1 + b1) @ w2 + b2, y)

    gradient = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))

    def chunk(x, y):
        leaves = [leaf for layer in gradient(layers, x, y) for leaf in layer]
        return torch.cat([leaf.reshape(len(x), -1) for leaf in leaves], 1).numpy()

    return again(lambda: np.concatenate([chunk(xs[k : k + CHUNK], ys[k : k + CHUNK]) for k in range(0, whole, CHUNK)]))


def gradients(batch_size: int, turns: Turns, torch: bool) -> list[Row]:
    """Minibatch gradients of a 64-100-10 network at fixed weights."""
    images, net = load("digits"), mlp([64, 100, 10])

    def losses(params, batch):
        logits = net(params[0], batch[0])
        return (tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], logits)),)

    sampler = MinibatchGradients(Game(losses), (images.x, images.y), batch_size, chunk=CHUNK)
    params = net.init(0)
    contenders = {"one pass": again(lambda: sampler.one_pass(params))}
    if torch:
        contenders["torch.func.vmap(grad)"] = torch_gradients(params, images.x, images.y, batch_size)
    check_alike({name: run(1) for name, run in contenders.items()})
    setting = f"{len(images) // batch_size} minibatches of {batch_size}"
    rows = against_first(take_turns(contenders, turns), setting)
    count = 20 if turns.tiny else 500
    streams = {
        "drawn at random": again(lambda: sum(len(chunk) for chunk in sampler.stream(params, count))),
        "drawn, with four moments": again(lambda: moments(sampler.stream(params, count))),
    }
    return rows + against_first(take_turns(streams, turns), f"{count} minibatches of {batch_size}")


def measure(turns: Turns) -> list[Row]:
    torch, rows = has("torch"), show(laws(turns))
    for batch_size in (50,) if turns.tiny else (10, 50, 500):
        rows += show(gradients(batch_size, turns, torch))
    return rows


if __name__ == "__main__":
    program(__doc__, measure)
