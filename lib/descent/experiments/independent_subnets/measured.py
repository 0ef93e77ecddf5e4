"""What the chapter measures of identities, traffic, quadratics and released arithmetic, and its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from descent.experiments.independent_subnets import quadratic, released, wire
from descent.experiments.independent_subnets.digits import LABELS, Runs, Task
from descent.experiments.independent_subnets.subnets import (
    Net,
    copies_game,
    pieces,
    pieces_game,
    put_back,
    repartitioned,
    rounds,
    sampler,
    start,
)
from descent.problems.images import load
from descent.quiet import tf
from descent.rules import gradient_descent
from descent.simulate import Simulator
from descent.tables import Table, spread, table

SPEECH = (4096, 8192, 8192, 35)  # widths of the published three-layer network


def identities(sizes: Sequence[int], n: int, steps: int, seed: int) -> dict[str, float]:
    """Count weights that a round writes twice or changes unheld, and compare one worker with SGD.

    Args:
        sizes: widths, hidden ones divisible by n.
        n: workers.
        steps: of one worker.
        seed: of the start and the images.
    """
    numbered, first = [], 1
    for a, b in pairwise(sizes):
        numbered.append(tf.reshape(tf.range(first, first + a * b), [b, a]))
        first += a * b
    held = [np.ravel(piece) for piece in pieces(numbered, n)]
    twice = sum(len(piece) - len(np.unique(piece)) for piece in held)
    marked = put_back(numbered, [-piece for piece in pieces(numbered, n)])
    for whole, own, new in zip(numbered, held, marked, strict=True):
        wrong = np.where(np.isin(whole, own), -np.asarray(whole), whole) != np.asarray(new)
        twice += int(wrong.sum())
    images = load("digits")
    draw = sampler(tf.constant(images.x), tf.constant(images.y), 1, 16, sizes[1:-1])
    net, one = start(sizes, seed), gradient_descent(0.1)
    subnet = Simulator(pieces_game(1, "times n"), rounds(one, 5, repartitioned), batch=draw).run(
        (net,), steps, seed=seed
    )
    copy = Net([w[None] for w in net.weights], [x[None] for x in net.ids])
    plain = Simulator(copies_game(), one, batch=draw).run((copy,), steps, seed=seed)
    pairs = zip(subnet.params[0].weights, plain.params[0].weights, strict=True)
    apart = max(float(np.abs(a.numpy() - b.numpy()[0]).max()) for a, b in pairs)
    return {"disjoint.written_twice": float(twice), "disjoint.one_worker": apart}


def traffic(one_layer: Sequence[int], workers: Sequence[int]) -> dict[str, float]:
    """Return how many times as many floats a round of local SGD sends: one hidden layer, published widths."""

    def ratio(sizes: Sequence[int], n: int) -> float:
        return wire.floats_of_round("local", sizes, n) / wire.floats_of_round("ist", sizes, n)

    found = {f"traffic.speech.n{n}": ratio(SPEECH, n) for n in (2, 4, 8)}
    return found | {"traffic.one_layer.error": max(abs(ratio(one_layer, n) / n - 1) for n in workers)}


def quadratics(
    workers: Sequence[int], steps: int, rate: float, seeds: Sequence[int], draws: int, widths: Sequence[int]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Measure means and floors on quadratics.

    Args:
        workers: numbers n.
        steps, rate: of the simulation.
        seeds: of its partitions.
        draws: partitions of which means over longer rounds are taken.
        widths: whose floors are drawn; the first is simulated.

    Returns:
        Measurements; and curves: "widths" [workers, widths] and "rounds" [workers, J = 1, 2, 5, 10, 20, 50].
    """
    matrix, b = quadratic.problem(widths[0], 16, 1)
    means = quadratic.simulated(matrix, b, workers, rate, steps, seeds)
    found: dict[str, Any] = {}
    for n, mean in zip(workers, means, strict=True):
        expected = quadratic.ridge(matrix, b, n)
        found[f"quadratic.n{n}.distance"] = np.linalg.norm(mean - expected, axis=1) / np.linalg.norm(expected)
    floors = np.array(
        [
            [quadratic.loss(*p, quadratic.ridge(*p, n)) for p in (quadratic.problem(d, 16, 1) for d in widths)]
            for n in workers
        ]
    )
    lengths = [1, 2, 5, 10, 20, 50]
    longer = np.array(
        [
            [quadratic.loss(matrix, b, x) for x in quadratic.means_of_rounds(matrix, b, n, lengths, 0.05, draws, 0)]
            for n in workers
        ]
    )
    found["quadratic.floor_n8_over_n2"] = floors[-1, 0] / floors[0, 0]
    middle = list(workers).index(4)
    found["quadratic.floor_j20_over_j1"] = longer[middle, lengths.index(20)] / longer[middle, 0]
    found["quadratic.floor_wide_over_narrow"] = floors[middle, -1] / floors[middle, 0]
    return found, {"widths": floors, "rounds": longer, "lengths": np.array(lengths)}


def replayed(n: int = 4, units: int = 64, rounds_made: int = 50) -> dict[str, float]:
    """Replay the released arithmetic of rows: shares of rows sent, the faulty one times n."""
    faulty = np.unique([released.rows_sent(units, n, k, faulty=True) for k in range(rounds_made)])
    right = min(len(np.unique(released.rows_sent(units, n, k, faulty=False))) for k in range(rounds_made))
    return {"released.rows_faulty": n * len(faulty) / units, "released.rows_correct": right / units}


def lost_steps(epoch: int, every: Sequence[int]) -> Table:
    """Return how many of an epoch's local steps reach the server in the released scripts."""
    kinds = {"correct": "correct", "centralised": "centralised scripts, (a)", "partitioned": "partitioned scripts, (b)"}
    rows = [[label, *(f"{released.kept_steps(epoch, j)[kind]}" for j in every)] for kind, label in kinds.items()]
    return table(rows, [f"of {epoch} steps", *(f"J = {j}" for j in every)])


def accuracies(
    runs: Mapping[tuple[str, int], Runs], workers: Sequence[int], every: Sequence[int], number: int
) -> Table:
    """Return final test accuracies at one J, mean and range over seeds, by method and n."""
    rows = []
    for method in ("ist", "norm", "local", "dropout"):
        cells = [spread(runs[method, n].final(0 if method == "dropout" else number), form=".3f") for n in workers]
        rows.append([LABELS[method], *cells])
    rows.append([LABELS["sgd"], spread(runs["sgd", 1].final(0), form=".3f"), *[""] * (len(workers) - 1)])
    head = [f"J = {every[number]}", *(f"n = {n}" for n in workers)]
    return table(rows, head, below="Test accuracy. Brackets: least and largest over seeds.")


def bill(task: Task, workers: Sequence[int], every: int) -> Table:
    """Return what a step costs each worker, and what a step sends on average, by method and n."""
    rows = []
    for method, label in (("ist", "IST"), ("local", "local SGD"), ("data", "data-parallel SGD")):
        for n in workers:
            each = task.examples // n
            adds = wire.multiply_adds(method, task.sizes, n, each)
            sent = wire.floats_of_round(method, task.sizes, n) / (1 if method == "data" else every)
            time = wire.seconds(method, task.sizes, n, each, task.steps, every)
            rows.append([label, f"{n}", adds, sent, f"{1e3 * time:.1f} ms"])
    head = ["", "n", "multiply-adds of a worker", "floats sent", f"{task.steps} steps"]
    rates = f"{wire.SPEED:.0e} multiply-adds and {wire.BANDWIDTH:.2g} bytes a second"
    below = f"A step of {task.examples} examples in all, J = {every}. Time at {rates}, as assumed."
    return table(rows, head, below=below)


def faults(correct: np.ndarray, one: Mapping[tuple[str, int], Runs], two: Mapping[tuple[str, int], Runs]) -> Table:
    """Return the test accuracy with each fault, and without: of one hidden layer (a, c), and of two (e)."""
    rows = [["one hidden layer, correct", spread(correct, form=".3f")]]
    rows += [[LABELS[name], spread(one[name, 4].final(0), form=".3f")] for name in ("lose", "same")]
    rows.append(["two hidden layers, correct", spread(two["norm", 4].final(0), form=".3f")])
    rows.append([LABELS["rows"], spread(two["rows", 4].final(0), form=".3f")])
    return table(rows, ["", "test accuracy"], below="Brackets: least and largest over seeds.")
