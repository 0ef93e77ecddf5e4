"""What rules cost in gradients: timed, and counted in matrix products.

    python benchmarks/costs.py [--blocks 11] [--seconds 0.2] [--json FILE]

A step of each rule, xi included, over the gradient of the same game at the same weights. Zero-sum rows are on the
zero-sum loss of the same networks, where one loss serves both players. A step of CGD with k iterations is put beside
two models that count player gradients and mixed products alike, a simultaneous gradient being two of them:

- that of the library's rule: 2 gradients, 1 product for the right-hand side, 2 an iteration, 1 for the other player's
  answer, so (4 + 2k) / 2 simultaneous gradients;
- that of the authors' PyTorch package (``BCGD`` with a cold start): both players' right-hand sides are made, of which
  one is used, so (5 + 2k) / 2; a warm start adds 2 products.
"""

from __future__ import annotations

from gan import Setting
from turns import Row, Turns, against_first, program, repeated, show, take_turns

from descent import vectors
from descent.measures.operations import gradients_per_step, matmul_operations
from descent.rules import cgd, consensus, direction, extragradient, sga
from descent.rules.base import Rule

ETA, ITERATIONS = 0.1, (1, 5, 20)


def stepper(rule: Rule, setting: Setting):
    """Return the rule's step as a function of the parameters."""
    game = setting.game
    return lambda p: direction(rule, game, p)


def cgd_products(setting: Setting, iterations: int) -> float:
    """Count the matrix products of a step of CGD, its iterations written out, in gradients.

    What conjugate gradients do between products is no matrix product, so repeated application stands for it.
    """
    game = setting.game

    def step(p):
        xi = game.gradient(p)
        d_xy, d_yx = game.mixed(p, 0, 0, 1), game.mixed(p, 1, 1, 0)
        v = vectors.axpy(-ETA, d_xy(xi[1]), xi[0])
        for _ in range(iterations):
            v = vectors.axpy(-(ETA**2), d_xy(d_yx(v)), v)
        return v, vectors.add(xi[1], d_yx(v))

    return matmul_operations(step, setting.params) / matmul_operations(game.gradient, setting.params)


def general(setting: Setting, turns: Turns) -> list[Row]:
    """Rules on the non-saturating game."""
    game, params = setting.game, setting.params
    rules = {
        "SGA, fixed lambda": sga(1.0),
        "SGA, aligned": sga(1.0, "paper"),
        "consensus": consensus(1.0),
        "extragradient": extragradient(ETA),
    }
    functions = {"gradient": game.gradient, **{name: stepper(rule, setting) for name, rule in rules.items()}}
    functions["A^T v alone"] = lambda p: game.rotation(p, params)
    counted = {name: gradients_per_step(rule, game, params) for name, rule in rules.items()}
    counted["A^T v alone"] = matmul_operations(functions["A^T v alone"], params) / matmul_operations(
        game.gradient, params
    )
    times = take_turns({name: repeated(function, params) for name, function in functions.items()}, turns)
    return against_first(times, setting.name, counted)


def zero_sum(setting: Setting, turns: Turns) -> list[Row]:
    """SGA with one cross product per player, and CGD."""
    rules = {"SGA": sga(1.0)}
    counted = {"SGA": gradients_per_step(rules["SGA"], setting.game, setting.params)}
    iterations = ITERATIONS[:1] if turns.tiny else ITERATIONS
    for k in iterations:
        name = f"CGD, {k} iteration{'s' * (k > 1)}"
        rules[name] = cgd(ETA, tolerance=0.0, iterations=k)
        counted[name] = cgd_products(setting, k)
    functions = {"gradient": setting.game.gradient} | {name: stepper(rule, setting) for name, rule in rules.items()}
    times = take_turns({name: repeated(function, setting.params) for name, function in functions.items()}, turns)
    rows = against_first(times, f"{setting.name}, zero-sum", counted)
    for k in iterations:
        models = {"the library's": (4 + 2 * k) / 2, "the authors' PyTorch package's": (5 + 2 * k) / 2}
        rows += [
            {
                "row": f"CGD, {k} iteration{'s' * (k > 1)}: {whose} cost model",
                "setting": f"{setting.name}, zero-sum",
                "counted": value,
            }
            for whose, value in models.items()
        ]
    return rows


def measure(turns: Turns) -> list[Row]:
    rows = []
    for size in ((2, 8, 16),) if turns.tiny else ((4, 64, 128), (6, 384, 256)):
        rows += show(general(Setting(*size), turns))
        rows += show(zero_sum(Setting(*size, loss="zero-sum"), turns))
    return rows


if __name__ == "__main__":
    program(__doc__, measure)
