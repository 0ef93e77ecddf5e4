"""A mixture of n candidates of which five are true: penalties x seeds as lanes, one program a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from descent.experiments.differentiable_sparsification import relatives
from descent.experiments.differentiable_sparsification.shares import penalty, shares
from descent.games import Game
from descent.oracles import Oracle, gradients_of, nothing
from descent.quiet import tf
from descent.randomness import draw_seed
from descent.rules import Rule, adam, gradient_descent
from descent.sweep import Sweep

TRUE = (0.35, 0.25, 0.2, 0.12, 0.08)
POWER = 0.5  # p of the penalty
START = -5.0  # of beta: tau = .0067
RATE = 0.01  # Adam's
DESCENT_RATE = 0.1  # of plain and proximal gradient descent: the Hessian is near 2 I
Parts = dict[str, tf.Tensor]


@dataclass(frozen=True)
class Method:
    """How the weights of a mixture are parametrised and penalised.

    Args:
        label: for tables and figures.
        start: ``n -> params`` by name.
        weights: ``(params, uniforms) -> weights``; uniforms are a step's noise [n], or None once training has ended.
        cost: ``(params, weights) -> penalty``, which lambda multiplies.
        penalties: smallest and largest lambda of the path.
        rule: ``lambda -> rule``.
    """

    label: str
    start: Callable[[int], dict[str, Any]]
    weights: Callable[[Parts, Any], tf.Tensor]
    cost: Callable[[Parts, tf.Tensor], Any]
    penalties: tuple[float, float]
    rule: Callable[[Any], Rule] = lambda lam: adam(RATE, epsilon=1e-8)


def _zeros(n: int) -> dict[str, Any]:
    return {"alpha": np.zeros(n)}


def _with_threshold(n: int) -> dict[str, Any]:
    return {"alpha": np.zeros(n), "beta": np.array(START)}


def _lasso(params: Any, eta: Any, lam: Any) -> Any:
    (parts,) = params
    return ({"w": relatives.soft_threshold(parts["w"], lam * eta)},)


def _power(params: Parts, a: tf.Tensor) -> tf.Tensor:
    return penalty(a, POWER)


METHODS: Mapping[str, Method] = {
    "threshold": Method(
        "relative threshold",
        _with_threshold,
        lambda params, u: shares(params["alpha"], params["beta"]),
        _power,
        (1e-4, 1e-1),
    ),
    "surrogate": Method(
        "the same, surrogate",
        _with_threshold,
        lambda params, u: shares(params["alpha"], params["beta"], surrogate=True),
        _power,
        (1e-4, 1e-1),
    ),
    "softmax": Method("softmax", _zeros, lambda params, u: tf.nn.softmax(params["alpha"]), _power, (1e-4, 1e-1)),
    "sparsemax": Method(
        "sparsemax", _zeros, lambda params, u: relatives.sparsemax(params["alpha"]), _power, (1e-4, 1e-1)
    ),
    "str": Method(
        "STR",
        lambda n: {"v": np.full(n, 1.0 / n), "s": np.array(START)},
        lambda params, u: relatives.threshold_reparametrised(params["v"], params["s"]),
        lambda params, w: (tf.reduce_sum(params["v"] ** 2) + params["s"] ** 2) / 2,  # weight decay on all of them
        (1e-3, 1.0),
    ),
    "gates": Method(
        "hard-concrete gates",
        lambda n: {"w": np.full(n, 1.0 / n), "log_alpha": np.full(n, 2.0)},
        lambda params, u: params["w"] * relatives.hard_concrete(params["log_alpha"], u),
        lambda params, w: relatives.expected_gates(params["log_alpha"]),
        (1e-4, 1e-1),
    ),
    "proximal": Method(
        "lasso, proximal",
        lambda n: {"w": np.full(n, 1.0 / n)},
        lambda params, u: params["w"],
        lambda params, w: 0.0,
        (1e-3, 1.0),
        lambda lam: relatives.proximal_descent(DESCENT_RATE, partial(_lasso, lam=lam)),
    ),
    "subgradient": Method(
        "lasso, descent",
        lambda n: {"w": np.full(n, 1.0 / n)},
        lambda params, u: params["w"],
        lambda params, w: tf.reduce_sum(tf.abs(w)),
        (1e-3, 1.0),
        lambda lam: gradient_descent(DESCENT_RATE),
    ),
}


@dataclass(frozen=True)
class Data:
    """Least squares of mixtures from several seeds, as moments of the examples.

    Args:
        gram, moment, square: of the examples trained on, shapes [seeds, n, n], [seeds, n] and [seeds].
        held: the same three of as many other examples.
        seeds: which drew them.
    """

    gram: np.ndarray
    moment: np.ndarray
    square: np.ndarray
    held: tuple[np.ndarray, np.ndarray, np.ndarray]
    seeds: tuple[int, ...]

    @property
    def candidates(self) -> int:
        """Return n."""
        return self.moment.shape[1]

    @cached_property
    def truth(self) -> np.ndarray:
        """Return the true shares, shape [n]: the first five components are in the mixture."""
        return np.array([*TRUE, *np.zeros(self.candidates - len(TRUE))])


def draw(n: int, examples: int, noise: float, seeds: Sequence[int]) -> Data:
    """Draw y = X a + noise, X standard normal, a the five true shares and zeros.

    Args:
        n: candidates.
        examples: N, to train on; as many are kept to choose by.
        noise: its standard deviation.
        seeds: one data set each.
    """
    found = []
    truth = np.array([*TRUE, *np.zeros(n - len(TRUE))])
    for seed in seeds:
        size = [2, examples, n + 1]
        z = tf.random.stateless_normal(size, draw_seed(seed, "linear mixture"), dtype=tf.float64).numpy()
        x, y = z[..., :n], z[..., :n] @ truth + noise * z[..., n]
        found.append(
            (
                np.einsum("kej,kei->kji", x, x) / examples,
                np.einsum("kej,ke->kj", x, y) / examples,
                y.var(1) + y.mean(1) ** 2,
            )
        )
    gram, moment, square = (np.stack(part) for part in zip(*found, strict=True))
    return Data(gram[:, 0], moment[:, 0], square[:, 0], (gram[:, 1], moment[:, 1], square[:, 1]), tuple(seeds))


def error(a: Any, gram: Any, moment: Any, square: Any) -> Any:
    """Return the mean square error of weights a, q + a^T G a - 2 a^T c."""
    return square + tf.tensordot(a, tf.linalg.matvec(gram, a), 1) - 2 * tf.tensordot(a, moment, 1)


@dataclass(frozen=True, eq=False)
class Paths:
    """Weights along the way, and at the end, of one method at all penalties from all seeds.

    Args:
        settings: (tau, lambda) of each, tau being NaN unless it was held, shape [settings, 2].
        weights: as used once training has ended, shape [records, settings, seeds, n].
        least: how far the largest share lay above the threshold, at least, over each run; infinite for other methods.
        tau: the threshold at records, NaN for other methods, shape [records, settings, seeds].
    """

    settings: np.ndarray
    weights: np.ndarray
    least: np.ndarray
    tau: np.ndarray

    @property
    def ends(self) -> np.ndarray:
        """Return the last weights, shape [settings, seeds, n]."""
        return self.weights[-1]

    def held_error(self, data: Data) -> np.ndarray:
        """Return the error on examples kept to choose by, shape [settings, seeds]; not finite where a run broke."""
        return errors(self.ends, data.held)


def errors(weights: np.ndarray, moments: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """Return mean square errors of weights [..., seeds, n] by each seed's moments, shape [..., seeds]."""
    gram, moment, square = moments
    return square + np.einsum("...si,sij,...sj->...s", weights, gram, weights) - 2 * np.sum(weights * moment, -1)


def train(
    data: Data,
    method: str,
    steps: int,
    count: int = 10,
    every: int | None = None,
    frozen: Sequence[float] | None = None,
    unpenalised: bool = False,
) -> Paths:
    """Train one method at all penalties from all seeds, as lanes of one program.

    Args:
        data: of all seeds.
        method: of ``METHODS``.
        steps: full-batch steps, a multiple of every.
        count: penalties, evenly on a logarithmic axis.
        every: steps between records; by default a hundredth of the steps.
        frozen: thresholds tau to use, untrained: settings are then thresholds x penalties.
        unpenalised: leave the penalty out: one setting for each frozen threshold.
    """
    made, n, seeds = METHODS[method], data.candidates, len(data.seeds)
    path = [0.0] if unpenalised else np.geomspace(*made.penalties, count)
    settings = np.stack(np.meshgrid(frozen or [np.nan], path, indexing="ij"), -1).reshape(-1, 2)
    lanes = np.repeat(settings, seeds, 0).astype(np.float32)
    start = made.start(n)
    params = tf.nest.map_structure(
        lambda leaf: tf.constant(np.broadcast_to(leaf, (len(lanes), *np.shape(leaf))), tf.float32), start
    )
    if frozen is not None:
        params["beta"] = tf.constant(np.log(lanes[:, 0] / (1 - lanes[:, 0])))
    moments = [
        np.tile(x, (len(settings),) + (1,) * (x.ndim - 1)).astype(np.float32)
        for x in (data.gram, data.moment, data.square)
    ]

    def losses(players: Any, batch: Any) -> tuple[tf.Tensor]:
        (gram, moment, square, lam), uniforms = batch
        (parts,) = players
        if frozen is not None:
            parts = parts | {"beta": tf.stop_gradient(parts["beta"])}
        w = made.weights(parts, uniforms)
        return (error(w, gram, moment, square) + lam * made.cost(parts, w),)

    def noisy(like: Any, key: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform([n], key, 1e-6, 1 - 1e-6)

    def record(players: Any, state: Any, game: Any) -> Any:
        (parts,) = players
        tau = tf.sigmoid(parts["beta"]) if "beta" in parts else tf.constant(np.nan, tf.float32)
        largest = tf.reduce_max(tf.nn.softmax(parts["alpha"])) if "beta" in parts else tf.constant(np.inf, tf.float32)
        return made.weights(parts, None), tau, largest

    def own_oracle(own: Any) -> Oracle:
        draws = noisy if method == "gates" else nothing
        return gradients_of(lambda players, state, u: Game(losses, (own, u if method == "gates" else None)), draws)

    every = every or max(1, steps // 100)
    sweep = Sweep(own_oracle, {method: made.rule}, record, every=every, jit_compile=True)
    lam = lanes[:, 1]
    found = sweep.run(lam, (params,), steps // every + 1, (*moments, lam), np.tile(data.seeds, len(settings)))
    weights, tau, largest = (x.numpy().astype(float) for x in found[method])
    shape = (len(weights), len(settings), seeds)
    tau, above = tau.reshape(shape), (largest - tau).reshape(shape)
    return Paths(settings, weights.reshape(*shape, n), above.min(0), tau)
