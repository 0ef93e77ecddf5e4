"""A step of adaptive competitive descent, beside Adam's, and beside the published PyTorch package's.

    python benchmarks/competitive.py [--blocks 5] [--seconds 0.5] [--json FILE]

The networks and the batch are those of gan.py, with the zero-sum loss. Beside Adam every solve makes five iterations;
beside PyTorch all solve to the package's tolerance, from one start, and their first steps are compared. Counted is a
step's least: a gradient, and a product with the mixed block and one with its transpose an iteration. The package
(``pip install CGDs``) is left out where it is not installed.
"""

from __future__ import annotations

import numpy as np
from gan import Setting, simulator
from turns import Contender, Row, Turns, against_first, check_alike, has, program, show, take_turns

from descent import vectors
from descent.measures.operations import matmul_operations
from descent.rules import acgd, adam
from descent.rules.local_game import coupling

RATE = 1e-4


def torch_networks(setting: Setting):  # type: ignore[no-untyped-def]
    """Return both players' tensors and the loss that the first one goes down."""
    import torch

    players = [[[torch.tensor(x, requires_grad=True) for x in layer] for layer in own] for own in setting.arrays]
    real, z = (torch.tensor(x.numpy()) for x in setting.batch)

    def through(layers, x):
        for k, (w, b) in enumerate(layers):
            x = torch.nn.functional.linear(torch.relu(x) if k else x, w.T, b)
        return x

    def loss():
        softplus = torch.nn.functional.softplus
        generator, discriminator = players
        return -(
            softplus(-through(discriminator, real)).mean()
            + softplus(through(discriminator, through(generator, z))).mean()
        )

    return [[x for layer in own for x in layer] for own in players], loss


def torch_adapter(setting: Setting) -> Contender:
    """The book's optimiser for PyTorch, one thread."""
    import torch

    from descent.adapters.torch_acgd import ACGD

    torch.set_num_threads(1)
    players, loss = torch_networks(setting)
    optimizer = ACGD([{"params": own} for own in players], lr=RATE)

    def run(count: int) -> list[np.ndarray]:
        for _ in range(count):
            optimizer.step(loss)
        return [x.detach().numpy() for own in players for x in own]

    return run


def published_package(setting: Setting) -> Contender:
    """The authors' optimiser, whose max player goes up the loss that player 0 goes down."""
    import torch
    from CGDs import ACGD

    torch.set_num_threads(1)
    players, loss = torch_networks(setting)
    optimizer = ACGD(players[0], players[1], lr_max=RATE, lr_min=RATE)

    def run(count: int) -> list[np.ndarray]:
        for _ in range(count):
            optimizer.step(-loss())
        return [x.detach().numpy() for own in players for x in own]

    return run


def least_products(setting: Setting, iterations: int) -> float:
    """Count the matrix products that so many iterations can't do without, and the gradient's, in gradients."""
    game = setting.game

    def step(p):  # type: ignore[no-untyped-def]
        xi = game.gradient(p)
        d_xy, d_yx = coupling(p, game)
        v = xi[0]
        for _ in range(iterations):
            v = vectors.axpy(0.1, d_xy(d_yx(v)), v)
        return xi, v

    return matmul_operations(step, setting.params) / matmul_operations(game.gradient, setting.params)


def measure(turns: Turns) -> list[Row]:
    setting = Setting(*((2, 8, 16) if turns.tiny else (4, 64, 128)), loss="zero-sum")
    five = acgd(RATE, tolerance=0.0, absolute=0.0, iterations=5)
    contenders = {
        "Adam": simulator(setting, adam(RATE)),
        "Adam, XLA": simulator(setting, adam(RATE), jit_compile=True),
        "ACGD, 5 iterations": simulator(setting, five),
        "ACGD, 5 iterations, XLA": simulator(setting, five, jit_compile=True),
    }
    least = least_products(setting, 5)
    counted = {name: least for name in contenders if "ACGD" in name}
    rows = show(against_first(take_turns(contenders, turns), setting.name, counted))
    solved = {"ACGD": simulator(setting, acgd(RATE))}
    if has("torch"):
        solved["ACGD for PyTorch, 1 thread"] = torch_adapter(setting)
        if has("CGDs"):
            solved["published package, 1 thread"] = published_package(setting)
    firsts = {name: [a - b for a, b in zip(run(1), setting.start, strict=True)] for name, run in solved.items()}
    check_alike(firsts, 1e-2)  # float32, and tolerances of 1e-6
    return rows + show(against_first(take_turns(solved, turns), f"{setting.name}, solved to 1e-6"))


if __name__ == "__main__":
    program(__doc__, measure)
