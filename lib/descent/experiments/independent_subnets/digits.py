"""Methods on images at equal numbers of examples: rates x rounds x seeds as lanes, one program a method and n."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from descent.evidence.cache import cached
from descent.experiments.independent_subnets import wire
from descent.experiments.independent_subnets.subnets import (
    Net,
    averaged,
    copies_game,
    dropout_game,
    outputs,
    pieces_game,
    repartitioned,
    rounds,
    sampler,
    start,
)
from descent.games import Game
from descent.measures.selection import leave_one_out
from descent.oracles import gradients_of
from descent.problems.images import Images, load
from descent.quiet import tf
from descent.randomness import fold_seed
from descent.rules import gradient_descent
from descent.sweep import Sweep

LABELS = {
    "ist": "IST, activations × n",
    "norm": "IST, batch norm",
    "local": "local SGD",
    "local norm": "local SGD, batch norm",
    "sgd": "SGD",
    "dropout": "dropout, keep 1/n",
    "lose": "(a) last step lost",
    "same": "(c) all workers alike",
    "rows": "(e) rows never sent",
}
# One grid of four rates for each method, around what pilots with another seed found best.
NORMALISED = ("norm", "rows", "local norm")
RATES = {"norm": (0.05, 0.15, 0.5, 1.5), "rows": (0.05, 0.15, 0.5, 1.5), "ist": (0.01, 0.03, 0.1, 0.3)}
OTHERS = (0.03, 0.1, 0.3, 0.6)
COPIES = ("local", "local norm", "sgd")  # methods whose workers hold whole networks
MASKS = 6  # the stream of dropout's uniforms


@dataclass(frozen=True)
class Task:
    """What is trained, and how long.

    Args:
        dataset: name of the images.
        hidden: widths of hidden layers, divisible by every n.
        steps: local steps.
        examples: of all workers together, a step.
        records: how often a run is looked at.
        chosen_by: the images that rates are chosen by, at most.
    """

    dataset: str
    hidden: tuple[int, ...]
    steps: int
    examples: int
    records: int = 25
    chosen_by: int = 12000

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Return widths from input to output."""
        return (load(self.dataset, "test").x[0].size, *self.hidden, 10)

    @cached_property
    def split(self) -> tuple[Images, Images, Images]:
        """Return images to train on, every fifth of the training images to choose by, and test images."""
        images = load(self.dataset)
        held = np.arange(len(images)) % 5 == 4
        fit, chosen_by = (replace(images, x=images.x[rows], y=images.y[rows]) for rows in (~held, held))
        few = slice(self.chosen_by)
        return fit, replace(chosen_by, x=chosen_by.x[few], y=chosen_by.y[few]), load(self.dataset, "test")


@dataclass(frozen=True, eq=False)
class Runs:
    """Accuracies of one method with n workers.

    Args:
        steps: at which they were looked at, shape [records].
        held, test: shape [records, rounds, settings, seeds]; rounds are the J, settings as a rule rates.
    """

    steps: np.ndarray
    held: np.ndarray
    test: np.ndarray

    def curve(self, number: int) -> np.ndarray:
        """Return the test accuracy at records for the J of this number, each seed at the setting best on the others."""
        best = leave_one_out(1 - self.held[-1, number])
        return self.test[:, number, best, np.arange(len(best))]

    def final(self, number: int) -> np.ndarray:
        """Return the last test accuracy of ``curve``, shape [seeds]."""
        return self.curve(number)[-1]


class Setting(NamedTuple):
    """What a run may choose: its rate, and how it is regularised.

    Args:
        rate: of SGD.
        decay: weight decay.
        keep: probability with which dropout keeps a hidden unit; of local SGD only.
    """

    rate: float
    decay: float = 0.0
    keep: float = 1.0


def train(
    task: Task,
    method: str,
    n: int,
    every: Sequence[int],
    seeds: Sequence[int],
    settings: Sequence[Setting] | None = None,
) -> Runs:
    """Train by one method with n workers, for all J, settings and seeds.

    Args:
        task: what is trained.
        method: of ``LABELS``.
        n: workers; 1 / keep for dropout.
        every: J, local steps a round.
        seeds: give starts, examples and partitions.
        settings: that are tried; None: the method's rates, without regularisation.
    """
    regularised = settings is not None
    tried = settings or [Setting(rate) for rate in RATES.get(method, OTHERS)]
    fit, chosen_by, test = task.split
    pixels, each = fit.x[0].size, task.examples // n if method not in ("sgd", "dropout") else task.examples
    workers = 1 if method in ("sgd", "dropout") else n
    x, y = tf.constant(fit.x.reshape(len(fit), pixels)), tf.constant(fit.y)
    scaling: Any = "batch norm" if method in NORMALISED else "times n"
    grid = np.array([(j, *setting) for j in every for setting in tried])
    lanes = np.repeat(grid, len(seeds), 0).astype(np.float32)
    begin = [_start(task, method, n, seed) for seed in seeds]
    params = tf.nest.map_structure(lambda *leaves: tf.repeat(tf.stack(leaves)[None], len(grid), 0), *begin)
    params = tf.nest.map_structure(lambda leaf: tf.reshape(leaf, [-1, *leaf.shape[2:]]), params)

    rounds_of = sampler(x, y, workers, each, task.hidden, alike=method == "same")

    copies, masked = method in COPIES, method == "dropout" or (regularised and method in COPIES)
    shape = [each] if method == "dropout" else [n, each]

    def draw(like: Any, key: tf.Tensor, step: tf.Tensor) -> Any:
        if not masked:
            return rounds_of(key, step)
        return rounds_of(key, step), [
            tf.random.stateless_uniform([*shape, units], fold_seed(key[0], MASKS, key[1] + k))
            for k, units in enumerate(task.hidden)
        ]

    def game_of(lane: Any) -> Game:
        decay, keep = (lane[2], lane[3]) if regularised else (None, None)
        if method == "dropout":
            return dropout_game(1.0 / n)
        if copies:
            return copies_game("batch norm" if method in NORMALISED else "none", decay, keep)
        return pieces_game(n, scaling, frozen_rows=method == "rows", decay=decay)

    meet = {"sgd": None, "dropout": None}.get(method, averaged if copies else repartitioned)

    def rule(hyper: tf.Tensor) -> Any:
        return rounds(gradient_descent(hyper[1]), tf.cast(hyper[0], tf.int64), meet, lose_last=method == "lose")

    batches = [(tf.constant(i.x.reshape(len(i), pixels)), tf.constant(i.y)) for i in (chosen_by, test)]
    whole: Any = "batch norm" if method in NORMALISED else "none"

    def accuracy(players: Any, state: Any, game: Game) -> tf.Tensor:
        weights = players[0].weights
        if copies:
            weights = [tf.reduce_mean(w, 0) for w in weights]
        found = []
        for images, labels in batches:
            # statistics of batch normalisation are estimated anew, on the images themselves: no running means
            logits = outputs(weights, images, 1, whole)
            found.append(tf.reduce_mean(tf.cast(tf.argmax(logits, -1, tf.int32) == labels, tf.float32)))
        return tf.stack(found)

    def oracle(lane: tf.Tensor) -> Any:
        return gradients_of(lambda params, state, sample: game_of(lane).at(sample), draw)

    interval = max(1, task.steps // task.records)
    sweep = Sweep(oracle, {method: rule}, accuracy, every=interval)
    records = task.steps // interval + 1
    found = sweep.run(lanes, (params,), records, lanes, np.tile(seeds, len(grid)))[method].numpy()
    held, tested = np.moveaxis(found.reshape(records, len(every), len(tried), len(seeds), 2).astype(float), -1, 0)
    return Runs(interval * np.arange(records), held, tested)


def _start(task: Task, method: str, n: int, seed: int) -> Net:
    net = start(task.sizes, seed)
    if method in COPIES:
        copies = 1 if method == "sgd" else n
        return tf.nest.map_structure(lambda leaf: tf.repeat(leaf[None], copies, 0), net)
    if method == "same":  # identical blocks of the first layer, and of what leads out of the last
        first, *rest = net.weights
        first = tf.tile(first[: first.shape[0] // n], [n, 1])
        if len(net.weights) == 2:
            rest = [tf.tile(rest[0][:, : rest[0].shape[1] // n], [1, n])]
        return Net([first, *rest], net.ids)
    return net


def race(
    task: Task,
    methods: Sequence[str],
    workers: Sequence[int],
    every: Sequence[int],
    seeds: Sequence[int],
    settings: Sequence[Setting] | None = None,
    seed_by_seed: bool = False,
) -> dict[tuple[str, int], Runs]:
    """Run methods for all n and J, and keep what each reached; SGD, which has no workers, once.

    Args:
        task: what is trained.
        methods: of ``LABELS``.
        workers: numbers n.
        every: J.
        seeds, settings: as of ``train``.
        seed_by_seed: run and keep each seed by itself: wide networks of all seeds would not fit into memory.
    """
    found = {}
    parts = [[seed] for seed in seeds] if seed_by_seed else [list(seeds)]
    for method in methods:
        for n in (1,) if method == "sgd" else workers:
            own = [1] if method in ("sgd", "dropout") else list(every)
            kept = [
                cached(
                    f"subnets-{task.dataset}-{method}-{n}",
                    {"task": task, "method": method, "n": n, "every": own, "seeds": part, "settings": settings},
                    partial(_arrays, task, method, n, own, part, settings),
                )
                for part in parts
            ]
            held, test = (np.concatenate([part[name] for part in kept], -1) for name in ("held", "test"))
            found[method, n] = Runs(kept[0]["steps"], held, test)
    return found


def _arrays(*arguments: Any) -> dict[str, np.ndarray]:
    return vars(train(*arguments))


def until(runs: Runs, number: int, level: np.ndarray) -> np.ndarray:
    """Return the first of the recorded steps at which a curve reaches a level, infinite if it never does, [seeds]."""
    above = runs.curve(number) >= level
    return np.where(above.any(0), runs.steps[above.argmax(0)], np.inf)


def measurements(
    name: str, task: Task, runs: Mapping[tuple[str, int], Runs], workers: Sequence[int], every: Sequence[int]
) -> dict[str, Any]:
    """Return final accuracies, their differences, and what it took to reach 95% of what local SGD ends at."""
    found: dict[str, Any] = {f"{name}.sgd": runs["sgd", 1].final(0)}
    for n in workers:
        found[f"{name}.n{n}.dropout"] = runs["dropout", n].final(0)
        for number, j in enumerate(every):
            key = f"{name}.n{n}.j{j}"
            local = runs["local", n]
            level = 0.95 * local.final(number)
            floats = {}
            for method in ("ist", "norm", "local"):
                own = runs[method, n]
                found[f"{key}.{method}"] = own.final(number)
                kind = "local" if method == "local" else "ist"
                a_step = wire.floats_of_round(kind, task.sizes, n) / j
                floats[method] = np.ceil(until(own, number, level) / j) * j * a_step
            for method in ("ist", "norm"):
                found[f"{key}.{method}_minus_local"] = found[f"{key}.{method}"] - found[f"{key}.local"]
                found[f"{key}.{method}_minus_dropout"] = found[f"{key}.{method}"] - found[f"{name}.n{n}.dropout"]
                ratio = floats["local"] / floats[method]
                if np.isfinite(floats["local"]).all():  # 0 where the pieces never got there
                    found[f"{key}.{method}.floats_saved"] = ratio
    return found
