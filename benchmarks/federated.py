"""Rounds of MFL with a hundred clients: lanes of one compiled program, beside a loop over clients in PyTorch.

    python benchmarks/federated.py [--blocks 3] [--seconds 1] [--json FILE]

Logistic regression on digits dealt by label to 100 clients, four steps a round, float64. Contenders take turns at 20
rounds; the first row is 1,000 rounds of the simulator, once compiled, as a user runs them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from turns import Contender, Row, Turns, against_first, check_alike, has, program, show, take_turns

from descent.experiments.momentum_federated_learning.data import deal
from descent.problems.clients import Clients, clients_game
from descent.rules import federated, momentum
from descent.simulate import Simulator

ETA, GAMMA, TAU, DECAY = 0.05, 0.9, 4, 0.02


def lanes(held: Clients, rounds: int) -> Contender:
    rule = federated(momentum(ETA, GAMMA), TAU, weights=held.weights)
    simulator = Simulator(clients_game(held, "logistic", DECAY), rule)

    def run(n: int) -> np.ndarray:
        for _ in range(n):
            w = simulator.run(held.start(), rounds * TAU).params[0].numpy()[0]
        return w

    return run


def loop_over_clients(held: Clients, rounds: int) -> Contender:
    """Federated learning as most code has it: each client a model and an optimiser, one after the other."""
    import torch

    torch.set_default_dtype(torch.float64)
    sizes, p = held.sizes, torch.tensor(held.weights)
    data = [(torch.tensor(held.x[i, :n]), torch.tensor(held.y[i, :n])) for i, n in enumerate(sizes)]

    def once() -> np.ndarray:
        models = [torch.zeros(held.x.shape[-1], requires_grad=True) for _ in data]
        rules = [torch.optim.SGD([w], lr=ETA, momentum=GAMMA, weight_decay=DECAY) for w in models]
        for _ in range(rounds):
            for w, rule, (x, y) in zip(models, rules, data, strict=True):
                for _ in range(TAU):
                    rule.zero_grad()
                    torch.nn.functional.softplus(-y * (x @ w)).mean().backward()
                    rule.step()
            with torch.no_grad():
                mean = (p[:, None] * torch.stack(models)).sum(0)
                slots = [rule.state[w] for w, rule in zip(models, rules, strict=True)]
                slot = (p[:, None] * torch.stack([slot["momentum_buffer"] for slot in slots])).sum(0)
                for w, own in zip(models, slots, strict=True):
                    w.copy_(mean)
                    own["momentum_buffer"].copy_(slot)
        return models[0].detach().numpy()

    return _repeated(once)


def _repeated(once: Callable[[], np.ndarray]) -> Contender:
    def run(n: int) -> np.ndarray:
        for _ in range(n):
            w = once()
        return w

    return run


def measure(turns: Turns) -> list[Row]:
    clients, rounds, all_rounds = (5, 2, 4) if turns.tiny else (100, 20, 1000)
    held = deal("digits", 1437, "label", 0, shares=(1,) * clients)
    contenders = {"clients as lanes": lanes(held, rounds)}
    if has("torch"):
        contenders["PyTorch, loop over clients"] = loop_over_clients(held, rounds)
    check_alike({name: run(1) for name, run in contenders.items()}, tolerance=1e-9)
    whole = take_turns({"clients as lanes": lanes(held, all_rounds)}, turns)
    rows = against_first(whole, f"{clients} clients, {all_rounds:,} rounds of {TAU}")
    rows += against_first(take_turns(contenders, turns), f"{clients} clients, {rounds} rounds of {TAU}")
    return show(rows)


if __name__ == "__main__":
    program(__doc__, measure)
