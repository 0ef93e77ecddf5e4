"""Gates on pixels, hidden units or channels of a network: penalties x rates x seeds as lanes, one program a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from descent.evidence.cache import cached
from descent.experiments.differentiable_sparsification import relatives
from descent.experiments.differentiable_sparsification.shares import penalty, shares
from descent.games import Game
from descent.oracles import gradients_of
from descent.problems.classification import cross_entropy
from descent.problems.convolution import Convolutional, patches
from descent.problems.images import Images, load
from descent.problems.networks import mlp
from descent.quiet import tf
from descent.rules import Rule, adam
from descent.sweep import Sweep

Place = Literal["pixels", "units", "channels"]
Parts = dict[str, Any]
POWER, START = 0.5, -5.0
TARGETS = (0.25, 0.5, 0.625, 0.75, 0.875, 0.95)  # shares that magnitude pruning removes
PATH = len(TARGETS)


@dataclass(frozen=True)
class Gate:
    """A way to switch parts of a network off.

    Args:
        label: for tables and figures.
        start: ``m -> params`` by name, for m gates.
        value: ``(params, uniforms) -> gates`` [m]; uniforms [m] are a step's noise, None once training has ended.
        cost: ``params -> penalty``, which lambda multiplies.
        penalties: smallest and largest lambda.
        rates: two learning rates, both tried.
    """

    label: str
    start: Callable[[int], dict[str, np.ndarray]]
    value: Callable[[Parts, Any], Any]
    cost: Callable[[Parts], Any]
    penalties: tuple[float, float]
    rates: tuple[float, float] = (0.003, 0.01)


def _scaled(a: tf.Tensor) -> tf.Tensor:
    """Return shares times their number: gates that are 1 on average."""
    return a * a.shape[0]


def _threshold(params: Parts, surrogate: bool = False) -> tf.Tensor:
    return shares(params["alpha"], params["beta"], surrogate)


# Penalties and rates are as pilots with another seed asked for: each path goes from about a quarter of zeros to nine
# tenths, if the method gets there at all.
GATES: Mapping[str, Gate] = {
    "dense": Gate("dense", lambda m: {}, lambda params, u: 1.0, lambda params: 0.0, (1.0, 1.0)),
    "threshold": Gate(
        "relative threshold",
        lambda m: {"alpha": np.zeros(m), "beta": np.array(START)},
        lambda params, u: _scaled(_threshold(params)),
        lambda params: penalty(_threshold(params), POWER),
        (1e-3, 1.0),
    ),
    "surrogate": Gate(
        "the same, surrogate",
        lambda m: {"alpha": np.zeros(m), "beta": np.array(START)},
        lambda params, u: _scaled(_threshold(params, surrogate=True)),
        lambda params: penalty(_threshold(params, surrogate=True), POWER),
        (1e-3, 1.0),
    ),
    "sparsemax": Gate(
        "sparsemax",
        lambda m: {"alpha": np.zeros(m)},
        lambda params, u: _scaled(relatives.sparsemax(params["alpha"])),
        lambda params: penalty(relatives.sparsemax(params["alpha"]), POWER),
        (1e-3, 1.0),
    ),
    "gates": Gate(
        "hard-concrete gates",
        lambda m: {"log_alpha": np.full(m, 2.0)},
        lambda params, u: relatives.hard_concrete(params["log_alpha"], u),
        lambda params: relatives.expected_gates(params["log_alpha"]),
        (1e-2, 3e-1),
        (0.01, 0.03),
    ),
    "proximal": Gate(
        "group lasso, proximal", lambda m: {}, lambda params, u: 1.0, lambda params: 0.0, (5e-3, 1.2e-1), (0.1, 0.3)
    ),
}


LABELS = {name: gate.label for name, gate in GATES.items()} | {
    "magnitude": "magnitude pruning",
    "twin": "its support, trained anew",
}


@dataclass(frozen=True)
class Task:
    """What is trained, and how long.

    Args:
        dataset: name of the images.
        place: what the gates multiply: inputs, hidden units of one layer, or the channels of two convolutions.
        width: hidden units, or channels of the first convolution (the second has twice as many).
        steps: of each run.
        batch: images a step.
    """

    dataset: str
    place: Place
    width: int
    steps: int
    batch: int

    @property
    def network(self) -> Any:
        """Return the network without gates."""
        images = load(self.dataset, "test")
        if self.place == "channels":
            return Convolutional(images.shape, (self.width, 2 * self.width))
        return mlp([images.x[0].size, self.width, 10])

    @property
    def gates(self) -> int:
        """Return how many gates there are."""
        if self.place == "channels":
            return 3 * self.width
        return load(self.dataset, "test").x[0].size if self.place == "pixels" else self.width

    def split(self) -> tuple[Images, Images, Images]:
        """Return images to train on, every fifth of the training images to choose by, and test images."""
        images = load(self.dataset)
        held = np.arange(len(images)) % 5 == 4
        fit, chosen_by = (replace(images, x=images.x[rows], y=images.y[rows]) for rows in (~held, held))
        return fit, chosen_by, load(self.dataset, "test")


def logits(place: Place, layers: Sequence[Any], gate: Any, x: tf.Tensor, shape: tuple[int, int, int]) -> tf.Tensor:
    """Return the outputs of a network with gates, shape [n, 10].

    Args:
        place: what the gates multiply.
        layers: (W, b) of each layer.
        gate: shape [m], or the number 1.
        x: images [n, pixels].
        shape: of an image.
    """
    if place != "channels":
        (w1, b1), (w2, b2) = layers
        hidden = tf.nn.relu(tf.matmul(x * gate if place == "pixels" else x, w1) + b1)
        return tf.matmul(hidden * gate if place == "units" else hidden, w2) + b2
    x, first = tf.reshape(x, [-1, *shape]), 0
    for w, b in layers[:-1]:
        own = gate[first : first + w.shape[1]] if tf.is_tensor(gate) else gate
        x, first = tf.nn.relu(tf.matmul(patches(x), w) + b) * own, first + w.shape[1]
    w, b = layers[-1]
    return tf.matmul(tf.reshape(x, [-1, w.shape[0]]), w) + b


def group_norms(place: Place, layers: Sequence[Any]) -> tf.Tensor:
    """Return the norm of what leads out of each pixel, or into each unit or channel (its bias included), shape [m]."""
    if place == "pixels":
        return tf.norm(layers[0][0], axis=1)
    return tf.concat([tf.norm(tf.concat([w, b[None]], 0), axis=0) for w, b in layers[:-1]], 0)


def shrunk(place: Place, layers: Sequence[Any], t: Any) -> list[Any]:
    """Return the layers after the proximal map of t times the sum of ``group_norms``."""
    if place == "pixels":
        (w, b), *rest = layers
        return [(relatives.block_soft_threshold(w, t, 1), b), *rest]
    found = []
    for w, b in layers[:-1]:
        both = relatives.block_soft_threshold(tf.concat([w, b[None]], 0), t, 0)
        found.append((both[:-1], both[-1]))
    return [*found, layers[-1]]


@dataclass(frozen=True, eq=False)
class Ends:
    """What one method reached.

    Args:
        settings: (lambda or the share pruned, rate) of each, shape [settings, 2].
        held, test: accuracies, shape [settings, seeds].
        zeros: share of gates that are exactly 0, shape [settings, seeds].
        sizes: of gates, or of groups of weights, at records, shape [records, settings, seeds, m].
        weights: layers and gate parameters at the end, leaves of shape [settings, seeds, ...].
    """

    settings: np.ndarray
    held: np.ndarray
    test: np.ndarray
    zeros: np.ndarray
    sizes: np.ndarray
    weights: Any


def train(
    task: Task,
    method: str,
    seeds: Sequence[int],
    settings: np.ndarray | None = None,
    masks: np.ndarray | None = None,
    starts: Any = None,
    steps: int | None = None,
    records: int = 40,
) -> Ends:
    """Train one method at all settings from all seeds, as lanes of one program.

    Args:
        task: what is trained.
        method: of ``GATES``.
        seeds: give starts, minibatches and the noise of gates.
        settings: (lambda, rate) of each, shape [settings, 2]; by default the method's grid.
        masks: multiply the gates, shape [settings, seeds, m].
        starts: layers to start from, leaves of shape [settings, seeds, ...]; by default drawn.
        steps: by default the task's.
        records: how often, after the start, to look which gates are 0.
    """
    gate, m, network = GATES[method], task.gates, task.network
    grid = np.array([(lam, rate) for rate in gate.rates for lam in np.geomspace(*gate.penalties, PATH)])
    settings = grid if settings is None else settings
    shape = (len(settings), len(seeds))
    fit, chosen_by, test = task.split()
    pixels = fit.x[0].size
    x, y = tf.constant(fit.x.reshape(len(fit), pixels)), tf.constant(fit.y)
    lanes = np.repeat(settings, len(seeds), 0).astype(np.float32)
    if starts is None:
        drawn = [network.init(seed) for seed in seeds]
        layers = tf.nest.map_structure(lambda *leaves: _tiled(tf.stack(leaves), len(settings)), *drawn)
    else:
        layers = tf.nest.map_structure(lambda leaf: tf.reshape(leaf, [-1, *leaf.shape[2:]]), starts)
    own = {k: tf.constant(np.broadcast_to(v, (len(lanes), *v.shape)), tf.float32) for k, v in gate.start(m).items()}
    mask = np.ones((*shape, m)) if masks is None else masks
    mask = tf.constant(mask.reshape(-1, m), tf.float32)
    masked = masks is not None

    def gates(parts: Parts, mask: tf.Tensor, u: Any) -> Any:
        value = gate.value(parts, u)
        return value * mask if masked else value

    def losses(players: Any, batch: Any) -> tuple[tf.Tensor]:
        ((layers, parts),) = players
        (lam, mask), (x, y, u) = batch
        found = logits(task.place, layers, gates(parts, mask, u), x, fit.shape)
        return (tf.reduce_mean(cross_entropy(found, y)) + lam * gate.cost(parts),)

    def draw(like: Any, key: tf.Tensor, step: tf.Tensor) -> Any:
        rows = tf.random.stateless_uniform([task.batch], key, 0, len(fit), tf.int32)
        return tf.gather(x, rows), tf.gather(y, rows), tf.random.stateless_uniform([m], key + 1, 1e-6, 1 - 1e-6)

    def proximal(params: Any, eta: Any, lam: Any) -> Any:
        ((layers, parts),) = params
        return ((shrunk(task.place, layers, lam * eta), parts),)

    def rule(hyper: tf.Tensor) -> Rule:
        lam, rate = hyper[0], hyper[1]
        if method == "proximal":
            return relatives.proximal_descent(rate, partial(proximal, lam=lam))
        return adam(rate, epsilon=1e-8)

    def sizes(players: Any, state: Any, game: Any) -> tf.Tensor:
        ((layers, parts),) = players
        if method == "proximal":
            return group_norms(task.place, layers)
        return tf.ones([m]) * tf.abs(gates(parts, game.batch[0][1], None))

    steps = steps or task.steps
    every = max(1, steps // records)
    sweep = Sweep(
        lambda own: gradients_of(lambda players, state, sample: Game(losses, (own, sample)), draw),
        {method: rule},
        sizes,
        every=every,
    )
    found, (params, _, _) = sweep.run_to_end(
        lanes, ((layers, own),), steps // every + 1, (lanes[:, 0], mask), np.tile(seeds, len(settings))
    )[method]
    batches = [(i.x.reshape(len(i), pixels), i.y) for i in (chosen_by, test)]

    def right(lane: Any) -> tf.Tensor:
        (layers, parts), mask = lane
        gate = gates(parts, mask, None)
        return tf.stack(
            [
                tf.reduce_mean(
                    tf.cast(tf.argmax(logits(task.place, layers, gate, x, fit.shape), 1, tf.int32) == y, tf.float32)
                )
                for x, y in batches
            ]
        )

    score = tf.function(lambda lanes: tf.map_fn(right, lanes, fn_output_signature=tf.float32), autograph=False)
    accuracy = score((params[0], mask)).numpy().astype(float)
    history = found.numpy().reshape(-1, *shape, m)
    ends = tf.nest.map_structure(lambda leaf: leaf.numpy().reshape(*shape, *leaf.shape[1:]), params[0])
    held, tested = accuracy.T.reshape(2, *shape)
    return Ends(settings, held, tested, (history[-1] == 0).mean(-1), history, ends)


def _tiled(leaf: tf.Tensor, times: int) -> tf.Tensor:
    return tf.tile(leaf, [times] + [1] * (leaf.shape.rank - 1))


def magnitude(task: Task, seeds: Sequence[int]) -> Ends:
    """Train without gates for half of the steps, prune the groups of least norm, retrain the rest as long."""
    rates = GATES["dense"].rates
    first = np.array([(0.0, rate) for rate in rates])
    before = train(task, "dense", seeds, first, steps=task.steps // 2)
    norms = np.array(
        [
            [group_norms(task.place, _lane(before.weights[0], i, j)) for j in range(len(seeds))]
            for i in range(len(rates))
        ]
    )
    order = norms.argsort(-1).argsort(-1)  # 0 for the least
    cut = np.round(np.array(TARGETS) * task.gates)
    masks = (order[:, None] >= cut[None, :, None, None]).reshape(-1, len(seeds), task.gates).astype(float)
    starts = tf.nest.map_structure(lambda leaf: np.repeat(leaf, PATH, 0), before.weights[0])
    settings = np.array([(target, rate) for rate in rates for target in TARGETS])
    after = train(task, "dense", seeds, settings * [0, 1], masks, starts, task.steps - task.steps // 2)
    return replace(after, settings=settings)


def _lane(layers: Any, *index: int) -> Any:
    return tf.nest.map_structure(lambda leaf: leaf[index], layers)


def race(task: Task, seeds: Sequence[int], methods: Sequence[str]) -> dict[str, Ends]:
    """Run methods on one task, and keep what each reached: "dense", "magnitude", "twin" and those of ``GATES``.

    "twin" trains anew, from the same starts, what the relative threshold left over, for all of the steps.
    """
    found: dict[str, Ends] = {}
    for method in methods:
        if method == "dense":
            made = partial(train, task, "dense", seeds, np.array([(0.0, rate) for rate in GATES["dense"].rates]))
        elif method == "magnitude":
            made = partial(magnitude, task, seeds)
        elif method == "twin":
            left = found["threshold"]
            made = partial(train, task, "dense", seeds, left.settings * [0, 1], (left.sizes[-1] != 0.0).astype(float))
        else:
            made = partial(train, task, method, seeds)
        kept = cached(
            f"sparse-{task.dataset}-{task.place}-{method}",
            {"task": task, "method": method, "seeds": list(seeds)},
            lambda made=made: _flat(made()),  # type: ignore[misc]
        )
        found[method] = _unflat(task, method, kept)
    return found


def _flat(ends: Ends) -> dict[str, np.ndarray]:
    leaves = {f"leaf{k}": leaf for k, leaf in enumerate(tf.nest.flatten(ends.weights))}
    return {name: getattr(ends, name) for name in ("settings", "held", "test", "zeros", "sizes")} | leaves


def _unflat(task: Task, method: str, kept: Mapping[str, np.ndarray]) -> Ends:
    arrays = dict(kept)
    like = task.network.init(0), GATES[method].start(task.gates) if method in GATES else {}
    leaves = [arrays.pop(f"leaf{k}") for k in range(len(tf.nest.flatten(like)))]
    return Ends(**arrays, weights=tf.nest.pack_sequence_as(like, leaves))


def change_when_removed(task: Task, ends: Ends, share: float) -> float:
    """Delete the hidden units whose gate is 0 and return the largest change of a test output, relative to the largest.

    Args:
        task: whose gates are on hidden units.
        ends: of a method with gates, all of whose settings with at least this share of zeros are looked at.
        share: of zeros.
    """
    test = load(task.dataset, "test")
    x, worst = tf.constant(test.x.reshape(len(test), -1)), 0.0
    for i, j in zip(*np.nonzero(ends.zeros >= share), strict=True):
        layers, parts = _lane(ends.weights, i, j)
        gate = np.asarray(GATES["threshold"].value({k: tf.constant(v) for k, v in parts.items()}, None))
        kept = gate != 0.0
        (w1, b1), (w2, b2) = layers
        whole = logits("units", layers, tf.constant(gate), x, test.shape).numpy()
        less = logits(
            "units", [(w1[:, kept], b1[kept]), (w2[kept], b2)], tf.constant(gate[kept]), x, test.shape
        ).numpy()
        worst = max(worst, float(np.abs(less - whole).max() / np.abs(whole).max()))
    return worst
